"""Whole blocks out of a trained model: as much smaller as asked, and a run like any other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from nbfinetune.models.removing import Skipped
from nbfinetune.records import ChannelsRemoved

FRESH = """
import json, sys
sys.modules["nbfinetune"] = None
import torch
torch.set_num_threads(1)
space = {}
exec("\\n".join(json.load(open("half.json"))["load"]), space)
torch.manual_seed(0)
with torch.no_grad():
    print(json.dumps(space["model"](torch.randn(2, 3, 32, 32)).tolist()))
"""


@pytest.mark.slow
def test_blocks_go_first_and_channels_for_the_rest_of_the_amount(small, tmp_path):
    whole = small(model="test_vit", image_size=32, epochs=2, lr=2e-3).wait(progress=False)
    half = whole.prune(0.5, method="depth", recover_epochs=1).wait(progress=False)
    [removed] = [event for event in half.events() if isinstance(event, ChannelsRemoved)]
    before, after = removed.macs
    assert after / before == pytest.approx(0.5, abs=0.02)
    model = half.load_model()
    skipped = {name for name, layer in model.named_modules() if isinstance(layer, Skipped)}
    assert skipped == set(removed.blocks)
    assert skipped < {f"blocks.{place}" for place in range(6)}
    assert removed.parameters[1] == sum(parameter.numel() for parameter in model.parameters())

    half.export(tmp_path / "half.safetensors")
    fresh = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    torch.manual_seed(0)
    with torch.no_grad():
        expected = model(torch.randn(2, 3, 32, 32))
    assert torch.allclose(torch.tensor(json.loads(fresh.stdout)), expected, atol=1e-5)
    again = half.prune(0.3, method="depth", recover_epochs=1).wait(progress=False)
    [more] = [event for event in again.events() if isinstance(event, ChannelsRemoved)]
    assert more.macs[1] / more.macs[0] == pytest.approx(0.7, abs=0.02)
