"""When checkpoints are written, and which."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from nbfinetune.engine import checkpoint as files
from nbfinetune.engine.checkpoint import Checkpoint
from nbfinetune.engine.ports import Recorder
from nbfinetune.engine.validation import Outputs
from nbfinetune.engine.writing import Writer
from nbfinetune.evaluation.metrics import save_predictions
from nbfinetune.records import CheckpointSaved, EpochDone

EPOCH_END_S = 10.0
"""An epoch's end is worth a checkpoint when the last one is older than this."""


class Keeper:
    """Keeps `last` for resuming and `best` for using.

    The best model of a short epoch waits in memory and is written together with the next `last`:
    a run that resumes before that finds it again.

    Parameters
    ----------
    folder : Path
        The run's directory.
    every_s : float
        Longest time between two writes of `last`.
    """

    def __init__(self, folder: Path, recorder: Recorder, every_s: float) -> None:
        self._checkpoints = folder / "checkpoints"
        self._predictions = folder / "predictions" / "best.npz"
        self._recorder = recorder
        self._every_s = every_s
        self._saved = time.monotonic()
        self._writer = Writer(recorder)
        self._best: Callable[[], None] | None = None
        files.sweep(self._checkpoints)

    def due(self, *, at_epoch_end: bool = False) -> bool:
        """Whether it is time for the next `last`."""
        wait_s = min(self._every_s, EPOCH_END_S) if at_epoch_end else self._every_s
        return self._writer.idle and time.monotonic() - self._saved >= wait_s

    def keep_best(self, state: Checkpoint, outputs: Outputs, done: EpochDone) -> None:
        """Hold the best model and its predictions until they are written."""
        self._best = partial(self._write_best, state, outputs, done)

    def save(self, state: Checkpoint, step: int, epoch: int) -> None:
        """Write `last` in the background, and before it the best model that waits."""
        self._saved = time.monotonic()
        self._writer.submit([*self._take_best(), partial(self._write, "last", state, step, epoch)])

    def flush(self) -> None:
        """Return once the best model that waited lies on the disk."""
        self._writer.submit(self._take_best())
        self._writer.wait()

    def wait(self) -> None:
        """Return once everything that was saved lies on the disk."""
        self._writer.wait()

    def close(self) -> None:
        """End the background thread after the write in hand."""
        self._writer.close()

    def _take_best(self) -> list[Callable[[], None]]:
        best, self._best = self._best, None
        return [best] if best else []

    def _write_best(self, state: Checkpoint, outputs: Outputs, done: EpochDone) -> None:
        self._predictions.parent.mkdir(exist_ok=True)
        save_predictions(self._predictions, outputs.logits, outputs.labels, outputs.ids)
        self._write("best", state, done.step, done.epoch)

    def _write(
        self, which: Literal["last", "best"], state: Checkpoint, step: int, epoch: int
    ) -> None:
        files.write(self._checkpoints / f"{which}.safetensors", state)
        self._recorder.emit(CheckpointSaved(step=step, which=which, epoch=epoch))
