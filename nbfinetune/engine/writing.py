"""Checkpoints written behind the training: the step waits for the copy, not for the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from nbfinetune.engine.ports import Recorder

Job = Callable[[], None]


class Writer:
    """Does one list of writing jobs at a time on a thread of its own.

    What was recorded before a checkpoint is on the disk before the checkpoint is, so that a
    resumed run finds every row up to its first step.

    Parameters
    ----------
    recorder : Recorder
        Flushed before each list of jobs.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._busy: Future[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether a new job would be begun at once."""
        return self._busy is None or self._busy.done()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Do the jobs in order, in the background; waits for the ones before."""
        self.wait()
        self._busy = self._pool.submit(self._work, jobs)

    def wait(self) -> None:
        """Return once everything submitted is done.

        Raises
        ------
        StoreError
            If something could not be written.
        """
        busy, self._busy = self._busy, None
        if busy is not None:
            busy.result()

    def close(self) -> None:
        """Let the thread end after the job in hand."""
        self._pool.shutdown(wait=True)

    def _work(self, jobs: Sequence[Job]) -> None:
        self._recorder.flush()
        for job in jobs:
            job()
