"""The smallest weights go, and stay away."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nbfinetune.pruning.magnitude import apply_masks, magnitude_masks, masked_weights, prunable


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.5, 0.999])
def test_exactly_the_asked_part_of_all_weights_goes_and_it_is_the_smallest(amount):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4))
    weights = prunable(model, kept=["3.weight"])
    assert list(weights) == ["0.weight"]
    masks = magnitude_masks(weights, amount)
    gone = ~masks["0.weight"]
    assert int(gone.sum()) == round(amount * 216)
    before = model[0].weight.detach().clone()
    if gone.any() and not gone.all():
        assert before[gone].abs().max() <= before[~gone].abs().min()
    apply_masks(masked_weights(model, masks))
    assert (model[0].weight[gone] == 0).all()
    assert torch.equal(model[0].weight[~gone], before[~gone])


def test_equal_weights_are_counted_one_by_one():
    masks = magnitude_masks({"a": torch.ones(3, 3), "b": torch.ones(1, 7)}, 0.5)
    assert sum(int((~mask).sum()) for mask in masks.values()) == 8
