"""The run that a slider began: where it stands, and what it was before against what it is."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import LIVE, ChannelsRemoved, Pruned
from nbfinetune.runner.quantities import bytes_in_words, millions
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint
from nbfinetune.widgets.bearings import Bearings
from nbfinetune.widgets.watch import Watch

ENDED = ("finished", "stopped")
"""Words of a run whose model can be compared."""


@dataclass(frozen=True)
class Facts:
    """What a model is; None where that is not known, or does not apply."""

    accuracy: float | None = None
    macro_f1: float | None = None
    parameters: float | None = None
    zeros: float | None = None
    macs: float | None = None
    size_bytes: float | None = None
    latency_ms: float | None = None
    latency_ms_32: float | None = None


_ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("accuracy", "Accuracy", lambda part: f"{part:.1%}".replace("%", " %")),
    ("macro_f1", "Macro F1", lambda part: f"{part:.3f}"),
    ("parameters", "Parameters", millions),
    ("zeros", "Weights at zero", lambda count: millions(count) if count else "0"),
    ("macs", "Multiply-accumulates", millions),
    ("size_bytes", "File", bytes_in_words),
    ("latency_ms", "One image", lambda ms: f"{ms:.3g} ms"),
    ("latency_ms_32", "32 images", lambda ms: f"{ms:.3g} ms"),
)


class Outcome:
    """Follows the pruned run to its end, and compares it with the one that it came from.

    Parameters
    ----------
    tell : callable ()
        Called, from whatever thread, when `told` has changed.

    Attributes
    ----------
    run : Run or None
        The newest run that was begun.
    trouble : str
        Why its speed could not be compared; empty where it could.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._watch = Watch(self._hear)
        self._source: Run | None = None
        self._amount = (0.0, "macs")
        self._forget()

    @property
    def run(self) -> Run | None:
        """The newest run that was begun."""
        return self._watch.run

    @property
    def live(self) -> bool:
        """Whether it trains."""
        return self._watch.live

    def follow(self, run: Run, source: Run, amount: float, target: str) -> None:
        """Turn to a run that has just begun; never under a lock of ours.

        Parameters
        ----------
        source : Run
            Whose best model was pruned.
        amount, target
            That were asked for.
        """
        self._watch.take(run)
        self._source, self._amount = source, (amount, target)
        self._forget()
        self._before = _whole(source)
        self._watch.follow()

    def leave(self) -> None:
        """Follow it no more; it trains on."""
        self._watch.leave()

    def told(self, shown: Run | None, target: str) -> dict[str, Any]:
        """What the page is told; empty where nothing was begun.

        Parameters
        ----------
        shown : Run, optional
            Whose board is drawn: the pruned run has a place on that of the run it came from.
        target : str
            Of the board, on whose axis the amount lies.
        """
        run, now = self.run, self._now
        if run is None or now is None or shown not in (run, self._source):
            return {}
        told = {
            "run": run.id,
            "status": now.status,
            "part": round(min(now.step / (now.steps or 1), 1.0), 3),
            "rows": rows(self._before, self._cut, self._after),
        }
        if shown == run:
            return told
        return {**told, "amount": self._gone(target), "accuracy": self._after.accuracy}

    def _forget(self) -> None:
        self._now: Bearings | None = None
        self._before = self._cut = self._after = Facts()
        self._compared, self.trouble = False, ""

    def _hear(self, now: Bearings, _: bool) -> None:  # noqa: FBT001 - as `Watch` tells it
        run = self.run
        if run is None:
            return
        self._now = now
        self._read(run)
        if now.status in ENDED and not self._compared:
            self._compared = True
            thread = threading.Thread(
                target=self._compare, args=(run,), name="compare pruned", daemon=True
            )
            thread.start()
        elif now.status in LIVE:
            self._compared = False
        self._tell()

    def _read(self, run: Run) -> None:
        with RunStore.open(run.path) as store:
            removed, pruned = store.last(ChannelsRemoved), store.last(Pruned)
        if removed is not None:
            self._take_removed(removed)
        elif pruned is not None:
            self._before = replace(self._before, zeros=0)
            self._cut = Facts(zeros=pruned.zeros)
        self._after = replace(self._after, **_measured(run))
        if self._after.accuracy is not None:
            cut = self._cut
            self._after = replace(
                self._after, parameters=cut.parameters, macs=cut.macs, zeros=cut.zeros
            )

    def _take_removed(self, removed: ChannelsRemoved) -> None:
        (parameters, left), (macs, macs_left) = removed.parameters, removed.macs
        before, after = removed.latency_ms or (None, None)
        self._before = replace(self._before, parameters=parameters, macs=macs)
        if self._before.latency_ms is None:
            self._before = replace(self._before, latency_ms=before)
        self._cut = Facts(
            accuracy=removed.accuracy, parameters=left, macs=macs_left, latency_ms=after
        )

    def _gone(self, target: str) -> float:
        """The amount, on the axis of another target where that is known."""
        before, cut, (amount, asked) = self._before, self._cut, self._amount
        if target == asked:
            return amount
        pairs = {"macs": (before.macs, cut.macs), "parameters": (before.parameters, cut.parameters)}
        whole, left = pairs.get(target, (None, None))
        return amount if not whole or left is None else round(1 - left / whole, 4)

    def _compare(self, run: Run) -> None:
        """Take in how fast both are, measured by turns in a process of its own."""
        try:
            table = run.comparison()
            before, after = (_timed(table.loc[row]) for row in ("before", "after"))
        except (NbFinetuneError, KeyError) as error:
            self.trouble = f"the speed could not be compared: {error}"
        else:
            if run == self.run:
                self._before = replace(self._before, **before)
                self._after = replace(self._after, **after)
        self._tell()


def rows(before: Facts, cut: Facts, after: Facts) -> list[dict[str, str]]:
    """A line of words for each figure that is known of any of the three."""
    lines = []
    for name, label, write in _ROWS:
        values = [getattr(facts, name) for facts in (before, cut, after)]
        if any(value is not None for value in values):
            words = ["" if value is None else write(value) for value in values]
            lines.append(
                dict(zip(("label", "before", "cut", "after"), (label, *words), strict=True))
            )
    return lines


def _whole(run: Run) -> Facts:
    return Facts(**_measured(run))


def _measured(run: Run) -> dict[str, Any]:
    """What is on record of a run's best model; nothing where it has none."""
    path = checkpoint(run.path, "best")
    if not path.is_file():
        return {}
    with RunStore.open(run.path) as store:
        best = store.best_epoch()
    size = {"size_bytes": float(path.stat().st_size)}
    return {**size, "accuracy": best.accuracy, "macro_f1": best.macro_f1} if best else size


def _timed(row: Any) -> dict[str, float]:
    times = {name: float(row[name]) for name in ("latency_ms", "latency_ms_32")}
    return {name: ms for name, ms in times.items() if not math.isnan(ms)}
