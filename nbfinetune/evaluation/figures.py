"""Figures of merit of a model on labelled images, each under its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation import averages, class_curves
from nbfinetune.evaluation.averages import Counts
from nbfinetune.evaluation.metrics import (
    Measures,
    by_class,
    class_areas,
    confusion,
    log_softmax,
    top_k,
)


@dataclass(frozen=True, eq=False, repr=False)
class Figures:
    """What a model said of labelled images, and the figures that follow from it.

    Parameters
    ----------
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)
    classes : tuple of str, (C,)
    names : tuple of str, (N,)
        Paths or numbers of the images.
    measures : Measures
    ids : ndarray of int, (N,), optional
        Numbers of the images in the run's index, where they are the run's own.
    temperature : float, optional
        What the logits are to be divided by, fitted on the run's stored validation predictions.
    """

    logits: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    names: tuple[str, ...]
    measures: Measures
    ids: np.ndarray | None = None
    temperature: float | None = None

    @property
    def loss(self) -> float:
        """Mean log loss in nats, without clipping."""
        return self.measures.val_loss

    log_loss = loss

    @property
    def accuracy(self) -> float:
        """Part of the images whose class has the highest score."""
        return self.measures.accuracy

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes that occur of the part of their images that is right."""
        return float(averages.balanced_accuracy(self._counts))

    @property
    def top5(self) -> float:
        """Part of the images whose class has one of the five highest scores."""
        return self.measures.top5

    @property
    def precision(self) -> float:
        """Macro precision."""
        return self.measures.precision

    @property
    def recall(self) -> float:
        """Macro recall."""
        return self.measures.recall

    @property
    def macro_f1(self) -> float:
        """Macro F1."""
        return self.measures.macro_f1

    @property
    def roc_auc(self) -> float | None:
        """Mean area under the ROC curves, each class against the rest.

        Over the classes that have one, where the epochs' `roc_auc` is undefined unless all have;
        None where none has. `notes` says which lack it.
        """
        if self.measures.roc_auc is not None:
            return self.measures.roc_auc
        defined = self._areas[~np.isnan(self._areas)]
        return float(defined.mean()) if len(defined) else None

    @property
    def averages(self) -> pd.DataFrame:
        """Rows macro, micro and weighted (by images); columns precision, recall and f1."""
        rows = pd.Index(["macro", "micro", "weighted"], name="average")
        return pd.DataFrame(averages.averages(self._counts), index=rows)

    @property
    def predicted(self) -> np.ndarray:
        """Classes with the highest score, int64, (N,)."""
        return np.asarray(self.logits.argmax(axis=1))

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float64, (N, C)."""
        return np.asarray(np.exp(log_softmax(self.logits)))

    @property
    def confusion(self) -> pd.DataFrame:
        """Images by label (rows) and predicted class (columns)."""
        return pd.DataFrame(
            confusion(self.labels, self.predicted, len(self.classes)),
            index=pd.Index(self.classes, name="label"),
            columns=pd.Index(self.classes, name="predicted"),
        )

    @property
    def per_class(self) -> pd.DataFrame:
        """Precision, recall, f1, support (images), roc_auc and average_precision of each class.

        The last two are NaN where a class has no or only positives; `notes` names those.
        """
        return self.class_figures.assign(
            average_precision=class_curves.average_precisions(self.probabilities, self.labels)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What can't be measured on these images, and why, a sentence for each."""
        absent = [self.classes[c] for c in np.flatnonzero(self._counts.labelled == 0)]
        have = len(self.classes) - len(absent)
        if have == 1:
            only = self.classes[int(self.labels[0])]
            return (f"Every image here shows {only}, so no class has a ROC curve or an AUC.",)
        if not absent:
            return ()
        listed = ", ".join(absent[:10]) + (f" and {len(absent) - 10} more" if absent[10:] else "")
        said = f"No image here shows {listed}: no curve, AUC or average precision of it; "
        return (f"{said}ROC-AUC is the mean of the {have} classes that have one.",)

    def top_k(self, k: int) -> float:
        """Part of the images whose class has one of the `k` highest scores.

        Raises
        ------
        ConfigError
            If `k` is below 1.
        """
        if k < 1:
            raise ConfigError(f"k is {k!r}: at least 1 is needed")
        return top_k(self.logits, self.labels, k)

    @cached_property
    def class_figures(self) -> pd.DataFrame:
        """Columns of `per_class` but the last, which takes scikit-learn; not to be changed."""
        found = by_class(self.labels, self.predicted, len(self.classes))
        frame = pd.DataFrame(found._asdict(), index=pd.Index(self.classes, name="class"))
        return frame.assign(roc_auc=self._areas)

    @cached_property
    def _counts(self) -> Counts:
        return averages.count(self.labels, self.predicted, len(self.classes))

    @cached_property
    def _areas(self) -> np.ndarray:
        return class_areas(self.probabilities, self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        auc = "undefined" if self.roc_auc is None else f"{self.roc_auc:.4f}"
        if self.roc_auc is not None and self.measures.roc_auc is None:
            auc += f" (of {np.isfinite(self._areas).sum()} classes)"
        return (
            f"{type(self).__name__} of {len(self)} images, {len(self.classes)} classes: "
            f"accuracy {self.accuracy:.4f}, top5 {self.top5:.4f}, macro F1 {self.macro_f1:.4f}, "
            f"ROC-AUC {auc}, loss {self.loss:.4f}"
        )
