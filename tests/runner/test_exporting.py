"""An export in the background says how it went, whatever becomes of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_run import tiny_run

from nbfinetune.errors import RunError
from nbfinetune.export import parity_of
from nbfinetune.runner.exporting import Exporting
from nbfinetune.runner.run import Run

PATIENCE_S = 120.0


@pytest.fixture
def run(home: Path) -> Run:
    return tiny_run(3, 48, model="resnet10t", image_size=32)


def done(run: Run, path: Path, **keys: str) -> Exporting:
    work = Exporting(run, path, **keys)
    work.start()
    assert work.wait(PATIENCE_S), f"still {work.status}"
    return work


@pytest.mark.slow
def test_a_model_is_written_and_compared_while_the_caller_goes_on(
    run: Run, tmp_path: Path, until: Callable[..., None]
):
    told: list[str] = []
    work = Exporting(run, tmp_path / "mine" / "model.safetensors")
    work.on_change(lambda: told.append(work.status))
    work.start()
    assert work.status == "running"
    with pytest.raises(RunError, match="is running; make a new one"):
        work.start()
    assert work.wait(PATIENCE_S)
    assert (work.status, work.error, work.warning) == ("done", "", "")
    assert work.exported == tmp_path / "mine" / "model.safetensors"
    assert work.exported.is_file()
    assert work.exported.parity == parity_of(work.exported)
    assert work.exported.parity.agreement == 1.0
    until(lambda: told == ["done"])  # who waits may be first to know


def test_a_card_has_no_parity_and_what_can_not_be_written_is_said_in_a_sentence(
    run: Run, tmp_path: Path
):
    card = done(run, tmp_path / "card.md")
    assert card.status == "done"
    assert card.exported.parity is None
    assert "accuracy" in card.exported.read_text("utf-8")
    assert "could not be written" in done(run, card.path / "card.md").error
    odd = done(run, tmp_path / "model.xyz")
    assert (odd.status, odd.exported) == ("failed", None)
    assert "there is no export to '.xyz'" in odd.error


def test_a_process_that_is_killed_or_let_go_leaves_nothing_half_written(run: Run, tmp_path: Path):
    killed = Exporting(run, tmp_path / "model.safetensors")
    killed.start()
    os.kill(killed._child.pid, signal.SIGKILL)
    assert killed.wait(PATIENCE_S)
    assert killed.error == "the export's process ended early (status -9)"
    left = Exporting(run, tmp_path / "model.safetensors")
    left.start()
    left.cancel()
    assert (left.wait(PATIENCE_S), left.status) == (True, "cancelled")
    assert not list(tmp_path.glob("model*"))
