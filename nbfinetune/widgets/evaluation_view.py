"""`EvaluationView`: how good a model is, where it is wrong, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.sources import Accepted, accept
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.runner.cross_validation import CrossValidation
from nbfinetune.runner.run import Run
from nbfinetune.widgets import saved_evaluation
from nbfinetune.widgets.evaluation_page import EvaluationPage
from nbfinetune.widgets.gallery_calls import GalleryCalls
from nbfinetune.widgets.gallery_requests import EditAsked
from nbfinetune.widgets.review_browsing import as_query
from nbfinetune.widgets.review_subject import OfData, OfFolds, OfRun, Subject
from nbfinetune.widgets.saved_face import call, paragraph

if TYPE_CHECKING:
    from nbfinetune.evaluation.report import Evaluation

PATIENCE_S = 3600.0
"""How long a call waits for other data to be measured."""

Group = Literal["", "all", "mistakes", "uncertain", "cell", "label_errors"]


class EvaluationView(GalleryCalls, EvaluationPage):
    """A trained model's figures, its confusion, and the images behind them, to be edited.

    Edits are kept where `DatasetPreview` of the same data keeps them, and count for the next run:
    `train_again` begins it.

    Parameters
    ----------
    run : Run, str, path or CrossValidation
        A run (live or over), its id or folder; or folds, of which each image is judged by the one
        that held it out.
    data : optional
        Other data, as `fine_tune` takes them, which are measured in the background; default the
        run's own validation images.
    labels, groups, root
        As `fine_tune` takes them.
    show : callable (Run), optional
        Told of the run that `train_again`, or its button, has begun.
    before : Run, optional
        Another run, with which this one is compared on the images that both have.

    Raises
    ------
    ConfigError, DataError
        As `fine_tune` raises them about `data`.
    NoSuchRun
        If there is no such run.
    """

    def __init__(
        self,
        run: Run | str | os.PathLike[str] | CrossValidation,
        data: Any = None,
        *,
        labels: Any = None,
        groups: Any = None,
        root: str | os.PathLike[str] | None = None,
        show: Callable[[Run], object] | None = None,
        before: Run | None = None,
    ) -> None:
        rules = {"labels": labels, "groups": groups, "root": root}
        super().__init__(_subject(run, data, rules), show, before)

    @property
    def run(self) -> Run | None:
        """The run that is evaluated; None of a cross-validation."""
        return self._subject.run

    @property
    def evaluation(self) -> Evaluation:
        """All figures, as `Run.evaluate` gives them; waits until they are measured.

        Raises
        ------
        NbFinetuneError
            Why there are none.
        """
        self._await_images()
        return self._reviewed().evaluation

    def show(self, group: Group = "", *, label: str = "", predicted: str = "") -> None:
        """Show some of the images.

        Parameters
        ----------
        group : {"all", "mistakes", "uncertain", "cell", "label_errors"}, optional
            Mistakes come with the most confident first, the uncertain with the least certain.
        label, predicted : str
            Classes; of both together it is a cell of the confusion matrix.

        Raises
        ------
        ConfigError
            If there is no such group or class.
        """
        self._await_images()
        with self._guard:
            self._show(as_query(group, label, predicted))

    def find_label_errors(self) -> None:
        """Look for labels that are probably wrong, in the background; then `show` them."""
        self._await_images()
        with self._guard:
            self._find_errors()

    def relabel_as_suggested(self, items: Any = None) -> None:
        """Give images the class that was suggested by `find_label_errors`.

        Parameters
        ----------
        items
            As `exclude` takes them.
        """
        self._edit_items(items, EditAsked(do="suggested"))

    def train_again(self) -> Run:
        """Begin the run anew with the edits: same settings, seed and split.

        The view follows it and says how it compares; the run is returned at once.

        Raises
        ------
        ConfigError
            If there are no edits that the run did not have, or this is not about one run.
        """
        self._await_images()
        with self._guard:
            self._train_again()
            again = self._again.again
        assert again is not None  # noqa: S101 - it has just begun
        return again

    def renew(self) -> None:
        """Evaluate the newest best model; returns once that is read."""
        self._read_once.clear()
        with self._guard:
            self._renew()
        self._await_images()

    _selection_columns = ("item", "path", "label", "split", "predicted", "probability")

    def _selected_row(self, index: ImageIndex, image: int) -> tuple[Any, ...]:
        number, probability = self._reviewed().said_of(image)
        predicted = None if number is None else index.classes[number]
        return (*super()._selected_row(index, image), predicted, probability)

    def _await_images(self) -> None:
        if not self._read_once.wait(PATIENCE_S):
            raise DataError(f"the data were not measured in {PATIENCE_S:.0f} s; close() the view")
        self._reviewed()

    def _saved_words(self) -> str:
        with self._guard:
            review, measured = self._browsing.review, self._measured
            words = self._phase[1]
        if review is None:
            told = words or "being measured"
        else:
            size = f"{len(review.ids):,} images of {len(review.classes):,} classes"
            told = f"{size}, {saved_evaluation.accuracy(measured)}"
        return f"Evaluation of {self._subject.title}: {told}. {self._opening()} opens it again."

    def _saved_html(self) -> str:
        with self._guard:
            review, measured = self._browsing.review, self._measured
        said = paragraph(self._saved_words())
        return said if review is None else said + saved_evaluation.report(measured, review.classes)

    def _opening(self) -> str:
        """The call that makes this view."""
        run = self.run
        if run is None:
            return "nbfinetune.EvaluationView(cross_validation)"
        if isinstance(self._subject, OfData):
            return f"nbfinetune.EvaluationView({run.id!r}, data)"
        return call(self, run.id)

    def __repr__(self) -> str:
        return f"EvaluationView({self._subject.title!r}, edits={len(self.edits)})"


def _subject(run: Any, data: Any, rules: dict[str, Any]) -> Subject:
    if isinstance(run, CrossValidation):
        if data is not None:
            raise ConfigError(
                "data goes with one run, not with a cross-validation; take one of its runs"
            )
        return OfFolds(run)
    if isinstance(run, (str, os.PathLike)):
        run = Run.open(run)
    if not isinstance(run, Run):
        raise ConfigError(
            f"a {type(run).__name__} can't be evaluated; give a run, its id, or a CrossValidation"
        )
    if data is None:
        return OfRun(run)
    return OfData(run, data if isinstance(data, Accepted) else accept(data, **rules))
