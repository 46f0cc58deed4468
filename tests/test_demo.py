"""`make demo` is the first thing a newcomer sees: it learns, and says where the run lies."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import nbfinetune as nf


@pytest.mark.slow
def test_the_demo_learns_the_digits_and_says_where_its_run_lies() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nbfinetune.demo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    run = nf.Run.open(Path(re.findall(r"The run lies in (.+)", done.stdout)[0]))
    assert run.status == "finished"
    assert run.metrics()["accuracy"].max() >= 0.97
    assert "100%" in done.stderr


def test_a_demo_that_fails_says_why_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    occupied = tmp_path / "a-file"
    occupied.touch()
    monkeypatch.setenv("NBFINETUNE_HOME", str(occupied))
    done = subprocess.run(
        [sys.executable, "-m", "nbfinetune.demo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("The demo failed: can't make a run folder in")
    assert "Traceback" not in done.stderr
