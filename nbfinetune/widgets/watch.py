"""The run on the surface: where it stands, told anew whenever something is new."""

from __future__ import annotations

from collections.abc import Callable

from nbfinetune.errors import CommandRefused
from nbfinetune.records import LIVE, Status
from nbfinetune.runner.endings import interruption
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.bearings import Bearings, bearings
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.throttle import Throttle

EVERY_S = 0.5
"""Between two tellings of nothing but new steps."""


class Watch:
    """Follows one run at a time.

    Parameters
    ----------
    tell : callable (Bearings, bool)
        Called, from whatever thread, with where the run stands now, and whether its status is
        another than before.

    Attributes
    ----------
    run : Run or None
        The run that is followed, or was last.
    status : Status or None
        As it was told last.
    trouble : tuple of str
        Why the run ended badly, in a sentence and with details.
    """

    def __init__(self, tell: Callable[[Bearings, bool], None]) -> None:
        self._tell = tell
        self._throttle = Throttle(EVERY_S)
        self._follower: Follower | None = None
        self.run: Run | None = None
        self.status: Status | None = None
        self.trouble: tuple[str, str] = ("", "")

    @property
    def live(self) -> bool:
        """Whether the run has a worker that can be asked."""
        return self.status in LIVE

    def present(self) -> Run:
        """The run.

        Raises
        ------
        CommandRefused
            If there is none yet.
        """
        if self.run is None:
            raise CommandRefused("there is no run yet; press Start or call start()")
        return self.run

    def take(self, run: Run) -> None:
        """Turn to another run; nothing is told before `follow`."""
        self.leave()
        self.run, self.status, self.trouble = run, None, ("", "")

    def follow(self) -> None:
        """Tell where the run stands, now and whenever it has news; never under a lock of ours."""
        self._look()
        # The follower tells us under a lock of its own.
        self._follower = Follower.of(self.present().path)
        self._follower.subscribe(self._hear)

    def leave(self) -> None:
        """Follow no run any more; `run` stays known."""
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.unsubscribe(self._hear)

    def _hear(self, update: Update) -> None:
        if self._throttle.passes(update):
            self._look()

    def _look(self) -> None:
        with RunStore.open(self.present().path) as store:
            now = bearings(store)
            if now.status == "interrupted" and self.status != "interrupted":
                self.trouble = (str(interruption(store)), "")
        if now.status not in ("interrupted", "failed"):
            self.trouble = ("", "")
        elif now.error:
            self.trouble = (now.error, now.details)
        before = self.status
        # A surface is "ready" only while there is no run.
        self.status = None if now.status == "ready" else now.status
        self._tell(now, before != self.status)
