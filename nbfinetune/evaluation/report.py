"""What a user asks of an evaluation: curves, calibration, intervals, slices, mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cached_property

import numpy as np
import pandas as pd

from nbfinetune.errors import DataError
from nbfinetune.evaluation import class_curves, intervals, report_html
from nbfinetune.evaluation.calibration import Calibration, calibrate
from nbfinetune.evaluation.figures import Figures
from nbfinetune.evaluation.metrics import measure
from nbfinetune.evaluation.paired import Answers, PairedComparison, pair
from nbfinetune.evaluation.slices import By, slice_figures, slice_values

FAST_SCORES = 50_000
"""Scores up to which the interval of ROC-AUC takes about a second."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Figures):
    """A model on labelled images: its figures, how sure they are, and where it is wrong.

    Parameters
    ----------
    logits, labels, classes, names, measures, ids, temperature
        As of `Figures`.
    """

    @classmethod
    def from_logits(
        cls,
        logits: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        names: Sequence[object] | None = None,
        *,
        ids: np.ndarray | None = None,
        temperature: float | None = None,
    ) -> Evaluation:
        """Evaluation of a model's output.

        Parameters
        ----------
        logits : ndarray, (N, C)
        labels : ndarray of int, (N,)
        classes : sequence of str, (C,)
        names : sequence, (N,), optional
            Paths or numbers of the images; default their places in `logits`.
        ids, temperature
            As of the class.

        Raises
        ------
        DataError
            If the lengths do not fit each other, or there is nothing to measure.
        """
        logits, labels = np.asarray(logits), np.asarray(labels)
        measures = measure(logits, labels, classes=classes)
        names = range(len(labels)) if names is None else names
        for what, given in (("names", names), ("ids", labels if ids is None else ids)):
            if len(given) != len(labels):
                raise DataError(f"{len(given)} {what} were given for {len(labels)} images")
        named = tuple(map(str, names))
        return cls(logits, labels, tuple(classes), named, measures, ids, temperature)

    def roc_curve(self, class_name: str) -> pd.DataFrame:
        """ROC curve of one class against the rest; see `class_curves.roc_curve`.

        Raises
        ------
        DataError
            If there is no such class, or it has no or only positives.
        """
        return class_curves.roc_curve(*self._against_rest(class_name))

    def precision_recall_curve(self, class_name: str) -> pd.DataFrame:
        """Precision over recall of one class; see `class_curves.precision_recall_curve`.

        Raises
        ------
        DataError
            If there is no such class, or it has no or only positives.
        """
        return class_curves.precision_recall_curve(*self._against_rest(class_name))

    def calibration(self, bins: int = 15) -> Calibration:
        """Whether it is right as often as it says; see `calibration.calibrate`.

        The temperature is the run's; where there is none, it is fitted on these images.
        """
        return calibrate(self.logits, self.labels, bins=bins, temperature=self.temperature)

    def interval(
        self, measure: str = "accuracy", level: float = 0.95, draws: int = 1000, seed: int = 0
    ) -> tuple[float, float]:
        """Lowest and highest value that a figure may have on other images like these.

        Parameters
        ----------
        measure : str
            One of `intervals.MEASURES`, or log_loss.
        level, draws, seed
            Of the percentile bootstrap over images; see `intervals.bootstrap`. Where every image
            is right, or wrong, resampling shows no spread, and Wilson's interval is given.

        Raises
        ------
        ConfigError
            If a value can't be.
        DataError
            If these images do not have the figure.
        """
        statistic = intervals.statistic_of(
            "loss" if measure == "log_loss" else measure, self.logits, self.labels
        )
        if measure in {"accuracy", "top5"} and getattr(self, measure) in {0.0, 1.0}:
            return intervals.share(getattr(self, measure) * len(self), len(self), level)
        low, high = intervals.bootstrap(statistic, len(self), level=level, draws=draws, seed=seed)
        if math.isnan(low):
            raise DataError(f"{measure} is undefined here, so it has no interval. {self.notes[0]}")
        return low, high

    def slices(self, by: By, column: str | None = None) -> pd.DataFrame:
        """Figures on parts of the images.

        Parameters
        ----------
        by : dict, Series, DataFrame or callable
            Value or tags by image name; a DataFrame has them in `column` and the names in one
            called path or name; a callable is given the name.
        column : str, optional
            Of the DataFrame; needed where it has several.

        Returns
        -------
        DataFrame
            One row per value; see `slices.slice_figures`.

        Raises
        ------
        DataError
            If nothing is said of any image.
        """
        return slice_figures(slice_values(by, self.names, column), self.logits, self.labels)

    def compare(
        self, other: Evaluation, level: float = 0.95, draws: int = 1000, seed: int = 0
    ) -> PairedComparison:
        """Difference from another model on the images that both have, by name.

        Parameters
        ----------
        other : Evaluation
        level, draws, seed
            Of the difference's bootstrap interval.

        Raises
        ------
        DataError
            If the classes differ, or no image is shared.
        """
        if set(self.classes) != set(other.classes):
            odd = sorted(set(self.classes) ^ set(other.classes))
            raise DataError(
                f"the classes differ by {', '.join(odd[:5])}: {len(self.classes)} here, "
                f"{len(other.classes)} in the other; only models of the same classes are compared"
            )
        return pair(self._answers(), other._answers(), level=level, draws=draws, seed=seed)

    def mistakes(self, n: int = 20) -> pd.DataFrame:
        """Images that the model got wrong, the most confident first.

        Parameters
        ----------
        n : int
            At most so many.

        Returns
        -------
        DataFrame
            Columns name, label, predicted, and probability of the predicted class.
        """
        wrong = np.flatnonzero(self.predicted != self.labels)
        return self._rows(wrong[np.argsort(-self._confidence[wrong], kind="stable")][:n])

    def least_certain(self, n: int = 20) -> pd.DataFrame:
        """Images whose predicted class has the lowest probability, the lowest first.

        Takes and gives what `mistakes` does.
        """
        return self._rows(np.argsort(self._confidence, kind="stable")[:n])

    def images_of(self, label: str, predicted: str) -> list[str]:
        """Names of the images in a cell of the confusion matrix, the most confident first.

        Raises
        ------
        DataError
            If there is no such class.
        """
        cell = (self.labels == self._place(label)) & (self.predicted == self._place(predicted))
        places = np.flatnonzero(cell)
        order = np.argsort(-self._confidence[places], kind="stable")
        return [self.names[place] for place in places[order]]

    def to_frame(self, level: float | None = 0.95) -> pd.DataFrame:
        """One row per measure, in the columns value, low and high.

        Parameters
        ----------
        level : float in (0, 1), optional
            Of the intervals; None leaves low and high out. They are NaN where a figure is
            undefined, and of ROC-AUC where there are more than 50,000 scores: that takes longer.
        """
        values = {"loss": self.loss, **asdict(self.measures), "roc_auc": self.roc_auc}
        del values["val_loss"]
        values["balanced_accuracy"] = self.balanced_accuracy
        frame = pd.DataFrame({"value": pd.Series(values, dtype="float64")})
        if level is not None:
            given = [self._interval_or_nan(str(name), level) for name in frame.index]
            frame["low"], frame["high"] = zip(*given, strict=True)
        return frame.rename_axis("measure")

    def _repr_html_(self) -> str:
        """Figures with intervals, the classes that need help first, confusion, calibration."""
        return report_html.page(self)

    @cached_property
    def _confidence(self) -> np.ndarray:
        return np.asarray(self.probabilities.max(axis=1))

    def _rows(self, places: np.ndarray) -> pd.DataFrame:
        predicted = self.predicted[places]
        return pd.DataFrame(
            {
                "name": [self.names[place] for place in places],
                "label": [self.classes[c] for c in self.labels[places]],
                "predicted": [self.classes[c] for c in predicted],
                "probability": self._confidence[places],
            }
        )

    def _place(self, name: str) -> int:
        if name not in self.classes:
            near = get_close_matches(str(name), self.classes) or list(self.classes[:10])
            raise DataError(f"there is no class {name!r}; closest: {', '.join(near)}")
        return self.classes.index(name)

    def _against_rest(self, class_name: str) -> tuple[np.ndarray, np.ndarray]:
        place = self._place(class_name)
        positive = self.labels == place
        if positive.all() or not positive.any():
            what = "every image here shows" if positive.any() else "no image here shows"
            raise DataError(f"{what} {class_name!r}, so it has no curve; add others and evaluate")
        return self.probabilities[:, place], positive

    def _answers(self) -> Answers:
        said = [self.classes[c] for c in self.labels]
        return self.names, said, self.predicted == self.labels

    def _interval_or_nan(self, measure: str, level: float) -> tuple[float, float]:
        slow = measure == "roc_auc" and self.logits.size > FAST_SCORES
        if slow or (measure == "roc_auc" and self.roc_auc is None):
            return math.nan, math.nan
        return self.interval(measure, level)
