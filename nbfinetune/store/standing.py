"""A run's status: the word on record, seen together with the processes that should live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from nbfinetune.records import LIVE, Status
from nbfinetune.store.liveness import alive, here

LAUNCH_GRACE_S = 60.0
HEARTBEAT_GRACE_S = 30.0


class Process(NamedTuple):
    """A process of the run: the worker at work, or the one that was launched to become it.

    `seen` is the last heartbeat, or the time of the launch (seconds since 1970). A launch that is
    only announced has no `pid` yet.
    """

    role: Literal["launched", "worker"]
    pid: int | None
    started: float | None
    host: str
    seen: float

    def gone(self, now: float) -> bool:
        """Whether nothing is to be expected of it any more."""
        if self.pid is not None and self.host == here():
            return not alive(self.pid, self.started)
        grace = HEARTBEAT_GRACE_S if self.role == "worker" else LAUNCH_GRACE_S
        return now - self.seen > grace


def standing(word: Status, processes: Sequence[Process], created: float, now: float) -> Status:
    """Status of a run, `interrupted` where the word says live and nobody is there to live up to it.

    Parameters
    ----------
    word : Status
        What the events say.
    processes : sequence of Process
        Those on record; none before the first launch.
    created, now : float
        Seconds since 1970.
    """
    if word not in LIVE:
        return word
    expected = (
        not all(p.gone(now) for p in processes) if processes else (now - created <= LAUNCH_GRACE_S)
    )
    return word if expected else "interrupted"
