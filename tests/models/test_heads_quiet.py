"""A fresh classifier begins with nearly equal logits."""

from __future__ import annotations

import math

import pytest
import torch

from nbfinetune.models.build import build
from nbfinetune.records import ModelConfig


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("name", ["mobilenetv2_100", "tv_squeezenet1_0"])
def test_the_first_loss_is_that_of_a_fair_guess(name, head):
    torch.manual_seed(0)
    config = ModelConfig(name=name, pretrained=False, head=head)
    model = build(config, num_classes=5, image_size=64).module.eval()
    with torch.no_grad():
        logits = model(torch.randn(16, 3, 64, 64))
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(16) % 5)
    assert loss.item() == pytest.approx(math.log(5), abs=0.1)
