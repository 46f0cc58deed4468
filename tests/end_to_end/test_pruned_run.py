"""Half of a trained model taken out for good: it trains on, is saved, and loads anywhere."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from nbfinetune.errors import ConfigError
from nbfinetune.records import ChannelsRemoved, EpochDone

FRESH = """
import json, sys
sys.modules["nbfinetune"] = None
import torch
space = {}
exec("\\n".join(json.load(open("half.json"))["load"]), space)
torch.manual_seed(0)
with torch.no_grad():
    print(json.dumps(space["model"](torch.randn(2, 3, 32, 32)).tolist()))
"""


@pytest.fixture
def whole(small):
    run = small(model="resnet10t", image_size=32, epochs=3, lr=2e-3)
    return run.wait(progress=False)


def weights(run):
    return run.load_model("last").state_dict()


@pytest.mark.slow
def test_half_of_the_work_goes_and_what_is_left_is_a_run_like_any_other(whole, tmp_path):
    for nothing_or_all in (0, 1, -0.5, 1.5):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            whole.prune(nothing_or_all, method="structured")
    half = whole.prune(0.5, method="structured", recover_epochs=2).wait(progress=False)
    [removed] = [event for event in half.events() if isinstance(event, ChannelsRemoved)]
    before, after = removed.macs
    assert after / before == pytest.approx(0.5, abs=0.02)
    model, large = half.load_model(), whole.load_model()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert removed.parameters == (sum(p.numel() for p in large.parameters()), count)
    assert half.evaluate().accuracy > 0.6

    half.export(tmp_path / "half.safetensors")
    fresh = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    torch.manual_seed(0)
    with torch.no_grad():
        expected = model(torch.randn(2, 3, 32, 32))
    assert torch.allclose(torch.tensor(json.loads(fresh.stdout)), expected, atol=1e-5)


@pytest.mark.slow
def test_a_pruned_run_that_was_stopped_goes_on_bit_for_bit(whole, until):
    wishes = {"method": "structured", "target": "parameters", "recover_epochs": 6, "ema": 0.9}
    alone = whole.prune(0.4, **wishes)
    alone.wait(progress=False)
    other = whole.prune(0.4, **wishes)
    until(lambda: any(isinstance(event, EpochDone) for event in other.events()))
    other.stop()
    other.resume()
    other.wait(progress=False)
    first, second = weights(alone), weights(other)
    assert all(torch.equal(first[name], second[name]) for name in first)
    again = other.prune(0.3, method="structured", recover_epochs=1).wait(progress=False)
    counts = [sum(p.numel() for p in run.load_model().parameters()) for run in (other, again)]
    assert counts[1] < counts[0]
