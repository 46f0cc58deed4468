"""One pair of eyes per run: reads what is new in its store and tells the widgets that watch."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import LIVE, RunRestored
from nbfinetune.store import RunStore
from nbfinetune.widgets.history import RunHistory, Update, nothing_new

LIVE_S, SLOW_S = 0.2, 1.0
"""Between two tellings of a live run, the least and the most: to draw what is told costs the page
a tenth of a second, and the run on a machine of few cores with it."""

UNATTENDED_S, LATE_S = 3.0, 10.0
"""The same where nobody has touched the page for `ATTENDED_S`."""

PICTURE, GLIMPSE = 500, 50
"""Parts of the time line: what adds less than one shows somebody at the page nothing new, or
nothing worth its price to somebody who has left."""

ATTENDED_S = 120.0
"""A person who touches the page is taken to look at it for so long."""

RESTING_S = 1.0
"""The same for a run that has ended but could be resumed."""

STATUS_S = 1.0
"""How often the status of a live run is asked for at least: a change of it is told at once."""

ENDING_S = 1.0
"""Longest wait for a thread when the kernel ends."""

Subscriber: TypeAlias = Callable[[Update], None]

_log = logging.getLogger(__name__)
_followers: weakref.WeakValueDictionary[Path, Follower] = weakref.WeakValueDictionary()
_followers_lock = threading.Lock()


class Follower:
    """Follows a run from a thread of its own, so that no cell needs to be running.

    There is one per run, shared by all widgets that show it; `Follower.of` gives it. The thread
    ends when the last subscriber is gone or the run has finished for good.

    Attributes
    ----------
    lock : RLock
        Held while subscribers are told; hold it to read `history` and answer consistently.
    history : RunHistory or None
        What is known so far; None until the store has been read for the first time.
    ready : Event
        Set once the store has been read, or could not be.
    trouble : str
        Why the run can't be read; empty where it can.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.history: RunHistory | None = None
        self.ready = threading.Event()
        self.trouble = ""
        self._store: RunStore | None = None
        self._subscribers: list[weakref.WeakMethod[Subscriber]] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._asked_at = self._told_at = 0.0
        self._attended_at = 0.0

    @classmethod
    def of(cls, folder: Path) -> Follower:
        """The follower of the run in `folder`."""
        key = folder.resolve()
        with _followers_lock:
            follower = _followers.get(key)
            if follower is None:
                follower = _followers[key] = cls(key)
            return follower

    def subscribe(self, method: Subscriber) -> None:
        """Tell a bound method of every update from now on, from another thread, under the lock.

        It is held weakly: a widget that is collected is forgotten. If the run has been read before,
        `history` is what the updates continue.
        """
        with self.lock:
            self._attended_at = time.monotonic()
            self._subscribers.append(weakref.WeakMethod(method))
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(
                    target=_follow,
                    args=(weakref.ref(self), self._wake),
                    name=f"follow {self.folder.name}",
                    daemon=True,
                )
                self._thread.start()

    def unsubscribe(self, method: Subscriber) -> None:
        """Tell it no more."""
        with self.lock:
            self._subscribers = [known for known in self._subscribers if known() != method]
            self._wake.set()

    def attend(self) -> None:
        """Look often for a while: somebody is at a page that shows the run."""
        with self.lock:
            absent, self._attended_at = not self._attended, time.monotonic()
            if absent:
                self._wake.set()

    @property
    def _attended(self) -> bool:
        return time.monotonic() - self._attended_at < ATTENDED_S

    def end(self) -> None:
        """Forget every subscriber and return once the thread has ended, or soon."""
        with self.lock:
            self._subscribers.clear()
            thread = self._thread
            self._wake.set()
        if thread is not None:
            thread.join(ENDING_S)

    def look(self) -> float | None:
        """Read what is new and tell the subscribers.

        Returns
        -------
        float or None
            Seconds until the next look; None where there is no need of one.
        """
        try:
            update = self._news()
        except NbFinetuneError as error:
            update = self._in_trouble(str(error))
        self.ready.set()
        with self.lock:
            self._subscribers = [known for known in self._subscribers if known() is not None]
            if update is not None:
                self._tell(update)
            status = self.history.status if self.history else None
            if not self._subscribers or status == "finished":
                self._rest()
                return None
            if status not in LIVE:
                return RESTING_S
            return min(max(self._rest_of_pause(), LIVE_S), STATUS_S)

    def _rest_of_pause(self) -> float:
        """Seconds until a live run will have grown by what can be seen."""
        return self._told_at + self._pause() - time.monotonic()

    def _pause(self) -> float:
        """Seconds between two tellings of a live run."""
        started = self.history.started if self.history else None
        age = time.time() - started.time if started else 0.0
        if self._attended:
            return min(max(age / PICTURE, LIVE_S), SLOW_S)
        return min(max(age / GLIMPSE, UNATTENDED_S), LATE_S)

    def _news(self) -> Update | None:
        if self._store is None:
            self._store = RunStore.open(self.folder)
        store, history = self._store, self.history
        if history is None:
            self._told_at = time.monotonic()
            return self._read(store)
        new = store.last_seq() != history.seq
        if new and (self._rest_of_pause() <= 0 or self._has_turned(store, history)):
            self._told_at = time.monotonic()
            with self.lock:
                update = history.catch_up(store)
            restored = any(isinstance(event, RunRestored) for event in update.events)
            return self._read(store) if restored else update
        return None if new else self._status_alone(store, history)

    def _has_turned(self, store: RunStore, history: RunHistory) -> bool:
        """Whether the status is another than was told; not asked too often."""
        return self._may_ask() and store.status() != history.status

    def _may_ask(self) -> bool:
        """Whether the status was not asked for of late; it counts as asked for then."""
        now = time.monotonic()
        if now - self._asked_at < STATUS_S:
            return False
        self._asked_at = now
        return True

    def _read(self, store: RunStore) -> Update:
        """Read the run from its beginning; without the lock, since it may take a second."""
        history = RunHistory(store.config.schedule)
        update = history.catch_up(store)
        self.history, self.trouble = history, ""
        return replace(update, after=0, restarted=True)

    def _status_alone(self, store: RunStore, history: RunHistory) -> Update | None:
        if not self._may_ask() and not self.trouble:
            return None
        before, history.status = history.status, store.status()
        if before == history.status and not self.trouble:
            return None
        self.trouble = ""
        return replace(nothing_new(history), status=history.status)

    def _in_trouble(self, sentence: str) -> Update | None:
        if sentence == self.trouble:
            return None
        self.trouble = sentence
        return replace(nothing_new(self.history or RunHistory()), trouble=sentence)

    def _tell(self, update: Update) -> None:
        for known in self._subscribers:
            method = known()
            try:
                if method is not None:
                    method(update)
            except Exception:  # noqa: BLE001 - one broken view must not blind the others
                _log.exception("a widget could not take an update of %s", self.folder)

    def _rest(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self._thread = None


@atexit.register
def _end_all() -> None:
    """Let no thread be inside SQLite while the interpreter is taken down."""
    for follower in list(_followers.values()):
        follower.end()


def _follow(known: weakref.ref[Follower], wake: threading.Event) -> None:
    # Only a weak reference is kept while it waits, so that a forgotten follower can go.
    pause: float | None = 0.0
    while pause is not None:
        wake.wait(pause)
        wake.clear()
        follower = known()
        if follower is None:
            return
        pause = follower.look()
        del follower
