"""Several processes train one run."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from nbfinetune.records import EpochDone
from nbfinetune.schedules import Constant


@pytest.mark.slow
def test_two_processes_train_as_one(small):
    settings = {"model": "factories:no_norm", "augment": "none", "epochs": 2, "optimizer": "sgd"}
    one = small(**settings).wait(progress=False)
    two = small(**settings, devices=2).wait(progress=False)
    left, right = (load_file(run.path / "checkpoints" / "last.safetensors") for run in (one, two))
    for name in (name for name in left if name.startswith("model.")):
        np.testing.assert_allclose(right[name], left[name], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(two.metrics("step")["loss"], one.metrics("step")["loss"], rtol=1e-3)
    assert len([e for e in two.events() if isinstance(e, EpochDone)]) == 2


@pytest.mark.slow
def test_two_processes_are_steered_as_one(small, until):
    run = small(devices=2, epochs=100_000)
    until(lambda: len(run.metrics("step")) > 3)
    run.pause()
    held = len(run.metrics("step"))
    run.set_schedule(Constant(lr=1e-4))
    run.resume()
    until(lambda: len(run.metrics("step")) > held + 3)
    assert run.metrics("step")["lr"].iloc[-1] == 1e-4
    run.stop()
    assert run.status == "stopped"
