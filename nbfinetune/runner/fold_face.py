"""What the runs of a cross-validation say together: the part of `CrossValidation` that reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from nbfinetune.errors import RunError
from nbfinetune.runner import fold_results
from nbfinetune.runner.fold_results import fold_name, spread
from nbfinetune.runner.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from nbfinetune.evaluation.out_of_fold import OutOfFold

FoldsStatus: TypeAlias = Literal["running", "stopped", "failed", "finished"]


class FoldFace(ABC):
    """Measures over folds; `CrossValidation` has them all.

    Attributes
    ----------
    folds : int
        Parts that the images were split into.
    """

    folds: int

    @property
    @abstractmethod
    def runs(self) -> tuple[Run, ...]:
        """Those that have begun, in the order of their folds."""

    @property
    @abstractmethod
    def over(self) -> tuple[Run, ...]:
        """Those that have come to their end, or were stopped for good: what counts."""

    @property
    @abstractmethod
    def status(self) -> FoldsStatus:
        """How it stands, in one word."""

    def frame(self) -> pd.DataFrame:
        """Metrics of each fold's best epoch, one row per fold that is over.

        Returns
        -------
        DataFrame
            Column epoch, then those of `Run.metrics`; what best means is `training.monitor`.
        """
        return fold_results.frame(self.over)

    def summary(self) -> pd.DataFrame:
        """Mean and sample standard deviation of each metric over the folds.

        Returns
        -------
        DataFrame
            Columns mean and std, one row per metric. A metric that a fold lacks is taken over
            the others.
        """
        return fold_results.summary(self.frame())

    def evaluate(self) -> OutOfFold:
        """Measure the folds as one: every image by the model that never saw it.

        Needs no torch: the folds' predictions are stored.

        Returns
        -------
        OutOfFold
            An `Evaluation`; a fold that failed, or trains still, is named in its `notes`, and its
            images are not among the others.

        Raises
        ------
        DataError
            If the folds are not of the same images.
        RunError
            If none has ended yet.
        """
        return fold_results.evaluate(self.runs, self.over, self.folds)

    def label_errors(self) -> pd.DataFrame:
        """Images, the one whose label is most probably wrong first, as their own fold says.

        Returns
        -------
        DataFrame
            As of `Run.label_errors`: name, label, suggested, score and likely, by image number.

        Raises
        ------
        DataError, RunError
            As `evaluate`.
        """
        return fold_results.label_errors(self.evaluate())

    def fold_run(self, fold: int) -> Run:
        """Run of a fold, such as of one of `OutOfFold.folds`.

        Raises
        ------
        RunError
            If that fold has no run.
        """
        found = [run for run in self.runs if run.config.data.fold == fold]
        if not found:
            raise RunError(f"{fold_name(fold, self.folds)} has no run; see .runs for those that do")
        return found[0]

    def __repr__(self) -> str:
        over = self.frame()
        going = f", {self.status}" if self.status in ("running", "failed") else ""
        head = f"CrossValidation: {len(over)} of {self.folds} folds{going}"
        if not len(over.columns):
            return head
        rows = fold_results.summary(over).loc[["accuracy", "macro_f1", "val_loss"]]
        figures = (f"{name} {spread(row['mean'], row['std'])}" for name, row in rows.iterrows())
        return f"{head}: {', '.join(figures)}"

    def _repr_html_(self) -> str:
        """Table of the summary, and one of the folds."""
        over = self.frame()
        head = f"<p>{escape(repr(self))}</p>"
        if not len(over.columns):
            return head
        tables = (fold_results.summary(over), over)
        return head + "".join(table.to_html(float_format="{:.4f}".format) for table in tables)
