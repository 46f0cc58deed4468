"""The worker's pen: events go to the store from a thread of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from msgspec.structs import replace

from nbfinetune.errors import StoreError
from nbfinetune.records import (
    Command,
    Event,
    RunFailed,
    RunFinished,
    RunStopped,
    StepDone,
    Stop,
)
from nbfinetune.store import RunStore

COMMIT_S = 0.25
HEARTBEAT_S = 1.0
ENDS = (RunFinished, RunStopped, RunFailed)


class StoreRecorder:
    """Writes events in batches and beats the heart of the run.

    Steps wait for the next commit (4 a second); anything else is committed at once, though not by
    the caller. A write that fails is raised from the next call.

    Parameters
    ----------
    store : RunStore
        Of this process; used under a lock.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._waiting: list[Event] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._ended = False
        self._error: StoreError | None = None
        self._beat_at = 0.0
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._raise_failure()
        with self._guard:
            self._waiting.append(replace(event, time=time.time()))
        if not isinstance(event, StepDone):
            self._wake.set()

    def flush(self) -> None:
        """Return once everything emitted so far is on the disk, safe from a power cut."""
        self._write()
        self._raise_failure()
        self._store.settle()

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        self._write()
        self._raise_failure()

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait(COMMIT_S)
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        with self._writing:
            with self._guard:
                batch, self._waiting = self._waiting, []
            try:
                if batch:
                    self._store.append(batch)
                self._ended = self._ended or any(isinstance(event, ENDS) for event in batch)
                # After its last word the run may have another worker already.
                if not self._ended and time.monotonic() - self._beat_at >= HEARTBEAT_S:
                    self._store.heartbeat()
                    self._beat_at = time.monotonic()
            except StoreError as error:
                self._error = error

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error


class SilentRecorder:
    """The pen of a process that does not speak for the run."""

    def emit(self, event: Event) -> None:
        """Drop the event: rank 0 records it."""

    def flush(self) -> None:
        """Nothing waits."""


class StoreCommands:
    """Commands out of the store, each given once; a termination signal counts as `Stop`.

    Parameters
    ----------
    store : RunStore
        A connection of its own, so that a look never waits for a commit.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._given = 0
        self.terminated = False

    def poll(self) -> Sequence[tuple[int, Command]]:
        """Commands that were not given out before, oldest first."""
        waiting = [pair for pair in self._store.pending_commands() if pair[0] > self._given]
        if waiting:
            self._given = waiting[-1][0]
        if self.terminated:
            self.terminated = False
            waiting.append((0, Stop()))
        return waiting
