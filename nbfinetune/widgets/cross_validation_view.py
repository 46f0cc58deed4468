"""`CrossValidationView`: the folds over each other, their mean, and all their images together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import EpochDone
from nbfinetune.runner.cross_validation import CrossValidation
from nbfinetune.runner.fold_results import best_epoch, fold_name
from nbfinetune.runner.run import Run
from nbfinetune.widgets.fold_table import FoldTable, as_html, state_of
from nbfinetune.widgets.live_charts import OPTIONS, LiveCharts
from nbfinetune.widgets.saved_face import paragraph
from nbfinetune.widgets.series_view import SeriesView

if TYPE_CHECKING:
    from nbfinetune.widgets.evaluation_view import EvaluationView


class CrossValidationView(SeriesView):
    """A cross-validation as it comes: its folds in a table and over each other.

    Once no fold trains any more, every image is shown by what the fold said that never saw it.

    Parameters
    ----------
    cross_validation : CrossValidation
        Running, or over.

    Attributes
    ----------
    evaluation : EvaluationView or None
        Of the out-of-fold predictions.
    """

    evaluation: EvaluationView | None = None

    def __init__(self, cross_validation: CrossValidation) -> None:
        self._cv = cross_validation
        self._charts: LiveCharts | None = None
        self._drawn: tuple[Run, ...] = ()
        self._counted: tuple[Run, ...] = ()
        self._evaluated: tuple[Run, ...] = ()
        self._best: dict[int, EpochDone | None] = {}
        self._error = ""
        self._guard = threading.RLock()
        self._table = FoldTable(self._do, self._guard)
        super().__init__(self._table)
        self._look()
        self._begin_looking()

    def close(self) -> None:
        """Let go of the folds, which train on, and of the page."""
        with self._guard:
            parts = self.children
            super().close()
        for part in parts:
            part.close()

    def _do(self, name: str, _: Any) -> str:
        if name == "stop":
            # Until the worker has saved its model; the looking goes on and tells.
            threading.Thread(target=self._cv.stop, daemon=True).start()
        elif name == "resume":
            self._error = ""
            self._cv.resume()
            self._begin_looking()
        else:
            return f"there is no button {name!r}"
        self._look()
        return ""

    def _look_on(self) -> bool:
        """Draw what is new, at last the images; whether there is more to come."""
        try:
            if self._look():
                return True
            self._evaluate()
        except NbFinetuneError as error:
            self._tell(error)
        return False

    def _look(self) -> bool:
        """Draw where the folds stand; whether some kernel is still at them."""
        with self._guard:
            # The status first: what has ended by then is in everything that is read after it.
            status, runs, counted = self._cv.status, self._cv.runs, self._cv.over
            if self.comm is None:
                return False
            if counted != self._counted:
                self._best = {run.config.data.fold: best_epoch(run) for run in counted}
                self._counted = counted
            if runs != self._drawn:
                self._overlay(runs)
            self._table.state = state_of(self._cv, self._best, self._error)
        return status == "running"

    def _overlay(self, runs: tuple[Run, ...]) -> None:
        before, folds = self._charts, self._cv.folds
        self._charts = LiveCharts(runs)
        self._charts.labels = [fold_name(run.config.data.fold, folds) for run in runs]
        for name in OPTIONS if before is not None else ():
            setattr(self._charts, name, getattr(before, name))
        self._drawn = runs
        self._lay()
        if before is not None:
            before.close()

    def _evaluate(self) -> None:
        """Show the images of the folds that have ended, unless they are shown already."""
        from nbfinetune.widgets.evaluation_view import EvaluationView

        with self._guard:
            counted, before = self._counted, self.evaluation
        if not counted or counted == self._evaluated:
            return
        view: EvaluationView | None = EvaluationView(self._cv)
        assert view is not None  # noqa: S101
        view.observe(lambda _: self._renew_saved(at_once=True), "figures")
        with self._guard:
            if self.comm is not None:
                self.evaluation, self._evaluated = view, counted
                self._lay()
                view = before
        if view is not None:  # the one before, or one that nobody will see
            view.close()

    def _tell(self, error: NbFinetuneError) -> None:
        with self._guard:
            self._error = str(error)
            self._table.state = {**self._table.state, "error": self._error}

    def _saved_words(self) -> str:
        cv = self._cv
        kept = f"nbfinetune.CrossValidation.open({cv.id!r})" if cv.path else "cross_validation"
        return f"{cv!r}. nbfinetune.CrossValidationView({kept}) opens it again."

    def _saved_html(self) -> str:
        charts, evaluation = self._charts, self.evaluation
        parts = [
            paragraph(self._saved_words()),
            as_html(self._table.state),
            "" if charts is None else charts.snapshot_html(),
            "" if evaluation is None else evaluation._saved_html(),  # noqa: SLF001 - a part of this
        ]
        return "".join(parts)

    def _lay(self) -> None:
        parts = (self._table, self._charts, self.evaluation)
        self.children = tuple(part for part in parts if part is not None)
