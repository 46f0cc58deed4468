"""A run that trains on while its evaluation is looked at: whether there is a newer best model."""

from __future__ import annotations

from collections.abc import Callable

from nbfinetune.records import LIVE, EpochDone, Status
from nbfinetune.runner.run import Run
from nbfinetune.store import layout
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update


class NewerBest:
    """Follows a run that trains, and says whether it has a better model than the one on show.

    Parameters
    ----------
    run : Run or None
        None where nothing can be newer.
    tell : callable ()
        Called from a thread after news.

    Attributes
    ----------
    newer : bool
    """

    def __init__(self, run: Run | None, tell: Callable[[], None]) -> None:
        self._run, self._tell = run, tell
        self._follower: Follower | None = None
        self._status: Status | None = None
        self._epochs = 0
        self._stamp = 0
        self.newer = False

    def follow(self) -> None:
        """Begin to follow, where the run trains."""
        if self._run is None or self._run.status not in LIVE:
            return
        self._follower = Follower.of(self._run.path)
        self._follower.subscribe(self._hear)

    def reading(self) -> None:
        """Take what is stored now for what is on show from now on."""
        self._stamp, self.newer = self._stored(), False

    def words(self) -> str:
        """What there is to say of the run; nothing where it has ended as it was read."""
        if self._status in LIVE:
            epochs = "1 epoch" if self._epochs == 1 else f"{self._epochs} epochs"
            told = f"Best of {epochs} so far; the run trains on"
        else:
            told = "The run has ended" if self._status and self.newer else ""
        return f"{told}, and has a better model by now" if self.newer else told

    def close(self) -> None:
        """Follow no more."""
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.unsubscribe(self._hear)

    def _hear(self, update: Update) -> None:
        follower = self._follower
        history = None if follower is None else follower.history
        if history is not None:
            self._epochs = len(history.epochs)
        before = (self._status, self.newer)
        self._status = update.status
        self.newer = self._stored() != self._stamp
        if (self._status, self.newer) != before or _epochs_in(update):
            self._tell()

    def _stored(self) -> int:
        """When the stored predictions were written; 0 where there are none."""
        if self._run is None:
            return 0
        try:
            return layout.predictions(self._run.path).stat().st_mtime_ns
        except FileNotFoundError:
            return 0


def _epochs_in(update: Update) -> bool:
    return any(isinstance(event, EpochDone) for event in update.events)
