"""Contenders one after the other, round by round, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contender import Contender
from memory import Watch
from outcome import Outcome

HERE = Path(__file__).parent
TAIL = 1500

Outcomes = dict[str, list[Outcome]]


def run(contender: Contender, task: Mapping[str, Any], folder: Path, peers: Path) -> Outcome:
    """Let one contender train once.

    Parameters
    ----------
    task : mapping
        Fields of `contenders/task.py`, without those of the contender's own.
    folder : Path
        Takes what it writes.
    peers : Path
        Python of the peers' environment.

    Returns
    -------
    Outcome
        With `failed` set to the end of its output where it ended with an error.
    """
    told = folder / f"{contender.script}-{time.monotonic_ns()}.jsonl"
    order = json.dumps({**task, **contender.task, "told": str(told)})
    python = str(peers) if contender.guest else sys.executable
    log = told.with_suffix(".log")
    # What was tuned and decoded for one round is not there in the next.
    places = {"NBFINETUNE_HOME": "runs", "NBFINETUNE_CACHE": told.stem}
    with log.open("w") as output:
        process = subprocess.Popen(
            [python, str(HERE / "contenders" / f"{contender.script}.py"), order],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **{name: str(folder / place) for name, place in places.items()}},
        )
        watch = Watch(process.pid)
        status = process.wait()
    outcome = Outcome(peak_mb=watch.stop())
    if told.exists():
        for line in told.read_text().splitlines():
            outcome.hear(json.loads(line))
    if status:
        outcome.failed = f"status {status}: {log.read_text()[-TAIL:]}"
    return outcome


def race(
    contenders: Sequence[Contender],
    rounds: int,
    train: Callable[[Contender, int], Outcome],
    after_round: Callable[[Outcomes], None],
) -> Outcomes:
    """All of them by turns, every other round in the reverse order.

    Parameters
    ----------
    train : callable
        Has a contender train in the round of that number, from 0.
    after_round : callable
        Told all there is so far.
    """
    outcomes: Outcomes = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            began = time.monotonic()
            outcome = train(contender, number)
            outcomes[contender.name].append(outcome)
            took = time.monotonic() - began
            print(f"round {number + 1}, {contender.name}, {took:.0f} s: {outcome}", flush=True)
        after_round(outcomes)
    return outcomes
