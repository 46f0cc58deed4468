"""What one contender did in one round, and the figures that are told of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NONE = math.nan


@dataclass
class Outcome:
    """One round of one contender.

    Parameters
    ----------
    moments : dict of str to float
        Seconds from the start of its process, by what had happened then: `first step`, ...
    rates : list of float
        Training images a second, by epoch.
    accuracies, reached_s : list of float
        On the validation photos, and when, by epoch.
    import_s : float
        What `import nbfinetune` and `nf.fine_tune` took.
    peak_mb : float
        Memory of its processes together, what they share counted once.
    way : str
        What it chose by itself, in words.
    failed : str
        Why there is nothing more here.
    """

    moments: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    reached_s: list[float] = field(default_factory=list)
    import_s: float | None = None
    peak_mb: float = 0.0
    way: str = ""
    failed: str = ""

    def hear(self, line: Mapping[str, Any]) -> None:
        """Take in what the contender told."""
        what = line["what"]
        if what == "tuned":
            self.way = line["way"]
        elif what == "epoch":
            self.rates.append(line.get("rate") or line["images"] / line["seconds"])
            if "accuracy" in line:
                self.accuracies.append(line["accuracy"])
                self.reached_s.append(line["t"])
        else:
            self.moments[what] = line["t"]
            self.import_s = line.get("import_s", self.import_s)


Figure = Callable[[Outcome], float]


def first_step(outcome: Outcome) -> float:
    """Seconds from the start of the process to the end of the first step."""
    return outcome.moments.get("first step", NONE)


def first_epoch(outcome: Outcome) -> float:
    """Images a second in the first epoch."""
    return outcome.rates[0] if outcome.rates else NONE


def steady(outcome: Outcome) -> float:
    """Images a second from the second epoch on."""
    rates = outcome.rates[1:] or outcome.rates
    return statistics.harmonic_mean(rates) if rates else NONE


def accuracy(outcome: Outcome) -> float:
    """On the validation photos, after the last epoch."""
    return outcome.accuracies[-1] if outcome.accuracies else NONE


def peak(outcome: Outcome) -> float:
    """MiB of memory at the peak."""
    return outcome.peak_mb or NONE


def trained_s(outcome: Outcome) -> float:
    """Seconds from when the model was there to the end of the last epoch, validation included."""
    began = outcome.moments.get("model", NONE)
    return outcome.reached_s[-1] - began if outcome.reached_s else NONE


def import_s(outcome: Outcome) -> float:
    """Seconds of `import nbfinetune` and of what `fine_tune` needs."""
    return NONE if outcome.import_s is None else outcome.import_s


def reached(target: float) -> Figure:
    """Seconds from the start of the process to an accuracy."""

    def seconds(outcome: Outcome) -> float:
        pairs = zip(outcome.accuracies, outcome.reached_s, strict=True)
        return next((t for value, t in pairs if value >= target), NONE)

    return seconds
