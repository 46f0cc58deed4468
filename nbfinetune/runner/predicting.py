"""A run's model asked about every image of a folder, and what it says written to a CSV file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from nbfinetune.data.folders import SUFFIXES, list_images
from nbfinetune.errors import DataError, NbFinetuneError, RunError
from nbfinetune.runner.asked_model import AskedModel, Predicted
from nbfinetune.runner.child_work import WorkStatus
from nbfinetune.runner.listeners import Listeners
from nbfinetune.runner.prediction_csv import PredictionCsv, beside
from nbfinetune.runner.question import Question

__all__ = ["FolderPrediction"]


class FolderPrediction:
    """Predicts all images under a folder in the background; rows are written as they come.

    Parameters
    ----------
    model : AskedModel
        Stays open; who made it closes it.
    classes : sequence of str
        Of the run.
    folder : path
    csv : path, optional
        Where to write; default ``<folder>.predictions.csv`` beside the folder. In a folder that is
        named here, a file of that name.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
    done, of : int
        Images that are through, and images in all (0 until they are counted).
    unreadable : int
        Images among them that can't be read; their rows have a path and nothing else.
    csv : Path or None
        The file, once it is whole; of cancelled or failed work, the file with what there is.
    failure : NbFinetuneError or None
        Why it failed.
    """

    def __init__(
        self,
        model: AskedModel,
        classes: Sequence[str],
        folder: str | os.PathLike[str],
        csv: str | os.PathLike[str] | None = None,
    ) -> None:
        self._model, self._classes = model, tuple(classes)
        self.folder = Path(folder).expanduser().absolute()
        self._target = _target(self.folder, csv)
        self.status: WorkStatus = "waiting"
        self.done = self.of = self.unreadable = 0
        self.csv: Path | None = None
        self.failure: NbFinetuneError | None = None
        self._question: Question | None = None
        self._cancelled = self._over = False
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._listeners = Listeners()

    @property
    def progress(self) -> str:
        """What it is busy with: "listing the images", "starting torch", "120 of 300 images"."""
        if not self.of:
            return "listing the images"
        if not self.done and self._question is not None and self._question.progress:
            return self._question.progress
        return f"{self.done:,} of {self.of:,} images"

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, from a thread."""
        self._listeners.add(callback)

    def start(self) -> None:
        """Begin; whatever goes wrong from now on is told by `status` and `failure`."""
        self.status = "running"
        threading.Thread(target=self._work, name="predict folder", daemon=True).start()

    def cancel(self) -> None:
        """Do no more; the rows that there are stay in `csv`."""
        with self._guard:
            self._cancelled = True
            question = self._question
        if question is not None:
            question.cancel()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, however it ends; whether it has come."""
        return self._ended.wait(timeout_s)

    def _work(self) -> None:
        file: PredictionCsv | None = None
        try:
            images = self._images()
            file = PredictionCsv(self._target, self._classes)
            self.of = len(images)
            self._ask(images, file)
            self._settle("done", file.finish())
        except _Cancelled:
            self._settle("cancelled", _left(file))
        except NbFinetuneError as error:
            self.failure = error
            self._settle("failed", _left(file))
        except Exception as error:  # noqa: BLE001 - nobody else could hear of it
            self.failure = RunError(f"{type(error).__name__}: {error}")
            self._settle("failed", _left(file))

    def _images(self) -> list[str]:
        self._listeners.tell()
        if not self.folder.exists():
            raise DataError(f"there is no folder {self.folder}: check the path")
        images = list_images(self.folder)
        if not images:
            raise DataError(f"{self.folder} holds no images ({' '.join(SUFFIXES)})")
        return images

    def _ask(self, images: Sequence[str], file: PredictionCsv) -> None:
        def take(answers: Sequence[Predicted]) -> None:
            with self._guard:
                if self._over:
                    return
                names = images[self.done : self.done + len(answers)]
                said = [one.probabilities for one in answers]
                rows = [(Path(name).as_posix(), p) for name, p in zip(names, said, strict=True)]
                self._add(file, rows)
                self.done += len(answers)
                self.unreadable += sum(not probabilities for probabilities in said)
            self._listeners.tell()

        with self._guard:
            if self._cancelled:
                raise _Cancelled
            paths = [self.folder / name for name in images]
            self._question = question = self._model.predict(paths, take)
        question.on_change(self._listeners.tell)
        self._listeners.tell()
        question.wait()
        with self._guard:  # an answer may just be being written while somebody cancels
            self._over = True
        if question.status == "cancelled":
            raise _Cancelled
        if question.status == "failed":
            raise self.failure or RunError(question.error)

    def _add(self, file: PredictionCsv, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
        try:
            file.add(rows)
        except NbFinetuneError as error:
            self.failure = error
            raise  # which ends the question

    def _settle(self, status: WorkStatus, csv: Path | None) -> None:
        self.csv, self.status = csv, status
        self._ended.set()
        self._listeners.tell()


class _Cancelled(Exception):
    """Nobody wants the rest any more."""


def _left(file: PredictionCsv | None) -> Path | None:
    return None if file is None else file.leave()


def _target(folder: Path, csv: str | os.PathLike[str] | None) -> Path:
    if csv is None or not os.fspath(csv):
        return beside(folder)
    target = Path(csv).expanduser().absolute()
    return target / beside(folder).name if target.is_dir() else target
