"""The hunt for label errors of an evaluation: how far it is, and what it found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbfinetune.errors import NbFinetuneError
from nbfinetune.runner import kept_label_errors
from nbfinetune.runner.question import Question
from nbfinetune.widgets.review import Review
from nbfinetune.widgets.review_browsing import Suspects, suspects
from nbfinetune.widgets.review_models import ReviewModels

if TYPE_CHECKING:
    from nbfinetune.evaluation.report import Evaluation

ASIDE = "Every image is judged by a model that did not learn from it"


class ErrorHunt:
    """Looks for label errors in the background.

    Where the model has seen images of the run, its last layer is trained anew without each part
    of them, in a process of its own; else what was measured tells it at once.

    Parameters
    ----------
    review : Review
    models : ReviewModels
    tell : callable ()
        Called from a thread whenever something is new.

    Attributes
    ----------
    found : Suspects or None
    """

    def __init__(self, review: Review, models: ReviewModels, tell: Callable[[], None]) -> None:
        self._review, self._models, self._tell = review, models, tell
        self._question: Question | None = None
        self._trouble = ""
        self._at_it = False
        self._lock = threading.Lock()
        self.found: Suspects | None = None

    def recall(self) -> None:
        """Take in what was found before, where it was kept with the run."""
        if self._review.unseen or self.found is not None:
            return
        kept = kept_label_errors.stored(self._review.run_of(0).path)
        if kept is not None:
            self._take(kept)

    def start(self) -> None:
        """Begin, or go on where it is at it.

        Raises
        ------
        RunError
            If the run has no best model.
        """
        with self._lock:
            if self._at_it or self.found is not None:
                return
            self._at_it, self._trouble = True, ""
        try:
            if self._review.unseen:
                threading.Thread(target=self._rank, name="nbft-label-errors", daemon=True).start()
            else:
                self._ask()
        except BaseException:
            self._at_it = False
            raise

    def stop(self) -> None:
        """Look no further."""
        if self._question is not None:
            self._question.cancel()

    def state(self) -> dict[str, Any]:
        """How far it is, for the page."""
        question, found = self._question, self.found
        state = {
            "state": "none",
            "words": "",
            "done": 0,
            "of": 0,
            "likely": 0 if found is None else found.likely,
            "listed": 0 if found is None else len(found.ids),
        }
        if found is not None:
            return state | {"state": "done", "words": ASIDE}
        if self._at_it and question is not None:
            told = {"words": question.progress, "done": question.done, "of": question.of}
            return state | {"state": "running"} | told
        if self._at_it:
            return state | {"state": "running", "words": "comparing labels and predictions"}
        return state | ({"state": "failed", "words": self._trouble} if self._trouble else {})

    def _ask(self) -> None:
        question = self._models.of(self._review.run_of(0)).label_errors()
        self._question = question
        question.on_change(lambda: self._heard(question))

    def _heard(self, question: Question) -> None:
        if question.status == "done":
            self._take(question.result)
        elif question.status in ("failed", "cancelled"):
            self._trouble, self._at_it = question.error, False
        self._tell()

    def _rank(self) -> None:
        try:
            self._take(_ranked(self._review, self._review.evaluation))
        except NbFinetuneError as error:
            self._trouble, self._at_it = str(error), False
        except Exception as error:  # noqa: BLE001 - whatever it was, a person waits
            said = f"the labels could not be compared: {type(error).__name__}: {error}"
            self._trouble, self._at_it = said, False
        self._tell()

    def _take(self, frame: pd.DataFrame) -> None:
        self.found, self._at_it = suspects(frame, self._review.classes), False


def no_hunt() -> dict[str, Any]:
    """What the page is told where there is nothing to look through."""
    state = {"state": "unavailable", "words": "There is nothing to look through yet"}
    return {**state, "done": 0, "of": 0, "likely": 0, "listed": 0}


def _ranked(review: Review, evaluation: Evaluation) -> pd.DataFrame:
    """As `Run.label_errors` gives them, of images that the model has never seen."""
    from nbfinetune.evaluation.label_errors import ranked

    frame = ranked(evaluation.probabilities, evaluation.labels, evaluation.classes)
    return frame.set_index(pd.Index(review.ids[frame.index], name="image"))
