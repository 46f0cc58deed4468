"""A sweep on the page: its runs come, the best is named, a click trains it in full."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tiny_run import SMALL

import nbfinetune as nf
from nbfinetune.runner import standby


def until(condition: Callable[[], Any], patience_s: float = 120.0) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.02)
    return found


@pytest.fixture
def view(home) -> Iterator[nf.SweepView]:
    labels = np.arange(64) % 4
    images = np.random.default_rng(0).integers(0, 80, (64, 16, 16, 3))
    images += 40 * labels[:, None, None, None]
    sweep = nf.sweep((images.astype(np.uint8), labels), lrs=[1e-9, 1e-2], epochs=1, **SMALL)
    view = nf.SweepView(sweep)
    yield view
    sweep.stop()
    if view.run is not None and view.run.status in ("starting", "running"):
        view.run.stop()
    view.close()
    if standby._waiting is not None:
        standby._waiting.dismiss()
        standby._waiting = None


def buttons(view: nf.SweepView) -> dict[str, bool]:
    return {one["name"]: one["enabled"] for one in view._form.state["buttons"]}


def test_the_best_of_the_runs_is_trained_in_full_by_a_click(view: nf.SweepView):
    assert buttons(view) == {"promote": False, "stop": True}
    until(lambda: "finished" in view._form.state["note"])
    until(lambda: view.children[1].labels == ["lr 1e-09", "lr 0.01"])
    assert view._form.state["note"].endswith("best so far: lr 0.01")
    assert buttons(view) == {"promote": True}
    assert view._do("epochs", "none") == "'none' is not a whole number"
    assert view._do("epochs", "0") == "0 is out of range: it must be at least 1"
    assert view._do("epochs", "2") == ""
    assert view._do("promote", None) == ""
    run = until(lambda: view.run)
    assert (run.config.training.epochs, run.config.schedule.lr) == (2, 1e-2)
    assert isinstance(view.children[2], nf.FineTuneWidget)
    assert "no setting 'nonsense'" in view._do("nonsense", 1)
