"""What an evaluation can be of: a run, a run on other data, the folds of a cross-validation."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nbfinetune.data.machine import scratch_folder
from nbfinetune.data.sources import Accepted
from nbfinetune.errors import DataError, RunError
from nbfinetune.evaluation.metrics import Predictions
from nbfinetune.evaluation.stored import evaluation_of, stored_predictions
from nbfinetune.records import LIVE
from nbfinetune.runner.asked_model import AskedModel
from nbfinetune.runner.question import Question
from nbfinetune.runner.run import Run
from nbfinetune.runner.run_data import data_place, edits_place
from nbfinetune.store import layout
from nbfinetune.widgets.review import Review

if TYPE_CHECKING:
    from nbfinetune.evaluation.report import Evaluation
    from nbfinetune.runner.cross_validation import CrossValidation

Tell: TypeAlias = Callable[[str, int, int], None]
"""Told how far the reading is: words, images that are through, images in all."""


class Subject(ABC):
    """Something to evaluate.

    Attributes
    ----------
    title : str
    at_once : bool
        Whether it is read in part of a second.
    run : Run or None
        The one run that it is about.
    """

    title: str
    at_once = False
    run: Run | None = None

    @abstractmethod
    def edits_folder(self) -> Path:
        """Where the edits of its images are kept."""

    @abstractmethod
    def read(self, tell: Tell) -> Review:
        """Read it; from any thread."""

    @abstractmethod
    def why_not_again(self) -> str:
        """Why it can't be trained again with the edits, in a sentence; empty where it can."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """End what is being read."""


class OfRun(Subject):
    """The best model of a run on its own validation images, as they are stored."""

    at_once = True

    def __init__(self, run: Run) -> None:
        self.run: Run = run
        self.title = run.id

    def edits_folder(self) -> Path:
        """Where the edits of the run's data are kept."""
        return edits_place(self.run)

    def read(self, _: Tell) -> Review:
        """Read what is stored; needs no torch and lists no folder."""
        run = self.run
        stored = stored_predictions(run.path)
        if stored is None:
            raise RunError(_why_none(run))
        kept, index = stored
        place = (run.config.data.source, run.path)
        measure = partial(evaluation_of, kept, index)
        return Review(self.title, index, kept, place, measure, lambda _: run)

    def why_not_again(self) -> str:
        """Nothing is against it."""
        return ""


class OfData(Subject):
    """The best model of a run on other data, measured in a process of its own."""

    def __init__(self, run: Run, accepted: Accepted) -> None:
        self.run: Run = run
        self.title = f"{accepted.hint}, by {run.id}"
        self._accepted = accepted
        self._place = scratch_folder("measured")
        self._drop = weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        self._question: Question | None = None
        self._model: AskedModel | None = None
        self._closed = False
        self._guard = threading.Lock()

    def edits_folder(self) -> Path:
        """Where the edits of these data are kept; the run's own are others."""
        return data_place(self._accepted)

    def read(self, tell: Tell) -> Review:
        """Measure them; a class that the run does not know is refused."""
        folder = Path(tempfile.mkdtemp(dir=self._place))
        layout.predictions(folder).parent.mkdir()
        tell("gathering the images", 0, 0)
        self._accepted.place(folder)
        evaluation = self._answer(self._asked(), folder, tell)
        stored = stored_predictions(folder)
        assert stored is not None  # noqa: S101 - it has just been written
        kept, index = stored
        run = self.run
        return Review(
            self.title,
            index,
            kept,
            (self._accepted.source, folder),
            lambda: evaluation,
            lambda _: run,
            own=False,
            unseen=True,
        )

    def _asked(self) -> AskedModel:
        """The run's model, whose process stays for the heat maps to come."""
        with self._guard:
            if self._closed:
                raise DataError(f"the evaluation of {self.title} was closed")
            self._model = self._model or AskedModel.of(self.run)
            return self._model

    def _answer(self, model: AskedModel, folder: Path, tell: Tell) -> Evaluation:
        question = model.measure(self._accepted.source, folder)
        with self._guard:
            self._question = question
            if self._closed:
                question.cancel()

        def told() -> None:
            tell(question.progress or "measuring the images", question.done, question.of)

        told()
        question.on_change(told)
        question.wait()
        if question.status != "done":
            raise DataError(question.error or "the measuring was ended; renew() begins it again")
        found: Evaluation = question.result
        return found

    def why_not_again(self) -> str:
        """They are not what the run was trained on."""
        return (
            "These images are not the run's own: the edits made here are kept with their data, "
            "and count where those are trained on"
        )

    def close(self) -> None:
        """End the measuring, and drop what was placed for it."""
        with self._guard:
            self._closed = True
            question, model = self._question, self._model
        if question is not None:
            question.cancel()
        if model is not None:
            model.close()
        self._drop()


class OfFolds(Subject):
    """Every image of a cross-validation by the fold that held it out."""

    def __init__(self, folds: CrossValidation) -> None:
        self._folds = folds
        self.title = f"cross-validation, {len(folds.runs)} of {folds.folds} folds"
        if not folds.runs:
            raise RunError("no fold has begun, so there is nothing to evaluate; cross-validate")

    def edits_folder(self) -> Path:
        """Where the edits of the folds' data are kept."""
        return edits_place(self._folds.runs[0])

    def read(self, tell: Tell) -> Review:
        """Read what all folds have stored."""
        tell(f"reading the predictions of {len(self._folds.runs)} folds", 0, 0)
        evaluation = self._folds.evaluate()
        assert evaluation.ids is not None  # noqa: S101 - folds have numbered images
        by_image = dict(zip(evaluation.ids.tolist(), evaluation.folds.tolist(), strict=True))
        first = self._folds.fold_run(int(evaluation.folds[0]))
        stored = stored_predictions(first.path)
        assert stored is not None  # noqa: S101 - it has just been read
        return Review(
            self.title,
            stored[1],
            Predictions(evaluation.logits, evaluation.labels, evaluation.ids),
            (first.config.data.source, first.path),
            lambda: evaluation,
            lambda image: self._folds.fold_run(by_image.get(image, first.config.data.fold)),
            unseen=True,
        )

    def why_not_again(self) -> str:
        """It is more than one run."""
        return (
            "A cross-validation is trained again by cross_validate(data, edits=view.edits) with "
            "the settings that it had"
        )


def _why_none(run: Run) -> str:
    """Why there are no stored predictions."""
    if layout.checkpoint(run.path, "best").is_file():
        return (
            f"the predictions of run {run.id} are gone ({layout.predictions(run.path)}); put them "
            "back, or name the data: EvaluationView(run, data) measures them anew"
        )
    remedy = "wait for the end of an epoch" if run.status in LIVE else "resume() it"
    return f"run {run.id} has no best model to evaluate yet (it is {run.status}); {remedy}"
