"""Contenders one after the other, round by round, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
LOOK_S = 0.5
SCRIPTS = {
    "nbfinetune": "ours",
    "textbook loop": "textbook",
    "timm loader": "timm_loader",
    "fastai": "fastai_learner",
    "Lightning": "lightning_trainer",
    "Hugging Face": "hf_trainer",
    "limit": "limit",
}


@dataclass
class Outcome:
    """What one contender did in one round.

    Parameters
    ----------
    first_step_s : float
        From the start of its process.
    rates : list of float
        Training images a second, by epoch.
    accuracies, reached_s : list of float
        On the validation photos, and when, by epoch.
    peak_mb : float
        Memory of its processes together, what they share counted once.
    """

    first_step_s: float = float("nan")
    rates: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    reached_s: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    way: str = ""

    def hear(self, line: Mapping[str, Any]) -> None:
        """Take in what the contender told."""
        if line["what"] == "first step":
            self.first_step_s = line["t"]
        elif line["what"] == "tuned":
            self.way = line["way"]
        elif line["what"] == "epoch":
            self.rates.append(line.get("rate") or line["images"] / line["seconds"])
            self.accuracies.append(line["accuracy"])
            self.reached_s.append(line["t"])


def run(
    name: str, python: Path, task: Mapping[str, Any], folder: Path, environment: Mapping[str, str]
) -> Outcome:
    """Let one contender train once.

    Raises
    ------
    RuntimeError
        If it failed; its output says why.
    """
    told = folder / f"{SCRIPTS[name]}-{time.monotonic_ns()}.jsonl"
    order = json.dumps({**task, "told": str(told)})
    script = HERE / "contenders" / f"{SCRIPTS[name]}.py"
    log = told.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(python), str(script), order],
            stdout=output,
            stderr=subprocess.STDOUT,
            # What was tuned and decoded for one round is not there in the next.
            env={**os.environ, **environment, "NBFINETUNE_CACHE": str(told.with_suffix(""))},
        )
        peak = _Peak(process.pid)
        status = process.wait()
    if status:
        raise RuntimeError(f"{name} ended with status {status}: {log.read_text()[-1500:]}")
    outcome = Outcome(peak_mb=peak.stop())
    for line in told.read_text().splitlines():
        outcome.hear(json.loads(line))
    return outcome


def race(
    names: Sequence[str],
    rounds: int,
    python: Path,
    task: Mapping[str, Any],
    folder: Path,
    environment: Mapping[str, str],
) -> dict[str, list[Outcome]]:
    """All of them by turns, every other round in the reverse order."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            outcome = run(name, python, {**task, "seed": number}, folder, environment)
            outcomes[name].append(outcome)
            print(f"round {number + 1}, {name}: {json.dumps(asdict(outcome))}", flush=True)
    return outcomes


class _Peak:
    """Looks at the memory of a process and its children until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._process, self._most = psutil.Process(pid), 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """MiB at the peak."""
        self._over.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            self._most = max(self._most, self._now())

    def _now(self) -> float:
        total = 0
        try:
            family = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return 0.0
        for one in family:
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 2**20
