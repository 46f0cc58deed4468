"""What a user sees of an evaluation: figures, confusion, classes, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from nbfinetune.errors import DataError
from nbfinetune.evaluation.metrics import Measures, by_class, confusion, log_softmax, measure


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """A model on labelled images.

    Parameters
    ----------
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)
    classes : tuple of str, (C,)
    names : tuple of str, (N,)
        Paths or numbers of the images.
    measures : Measures
    """

    logits: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    names: tuple[str, ...]
    measures: Measures

    @classmethod
    def from_logits(
        cls,
        logits: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        names: Sequence[object] | None = None,
    ) -> Evaluation:
        """Evaluation of a model's output.

        Parameters
        ----------
        logits : ndarray, (N, C)
        labels : ndarray of int, (N,)
        classes : sequence of str, (C,)
        names : sequence, (N,), optional
            Paths or numbers of the images; default their places in `logits`.

        Raises
        ------
        DataError
            If the lengths do not fit each other, or there is nothing to measure.
        """
        logits, labels = np.asarray(logits), np.asarray(labels)
        measures = measure(logits, labels, classes=classes)
        names = range(len(labels)) if names is None else names
        if len(names) != len(labels):
            raise DataError(f"{len(names)} names were given for {len(labels)} images")
        return cls(logits, labels, tuple(classes), tuple(map(str, names)), measures)

    @property
    def loss(self) -> float:
        """Mean log loss in nats."""
        return self.measures.val_loss

    @property
    def accuracy(self) -> float:
        """Part of the images whose class has the highest score."""
        return self.measures.accuracy

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
        """Macro area under the ROC curves, one class against the rest; None where undefined."""
        return self.measures.roc_auc

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
        """Columns precision, recall, f1 and support (images), one row per class."""
        figures = by_class(self.labels, self.predicted, len(self.classes))
        return pd.DataFrame(
            figures._asdict(),
            index=pd.Index(self.classes, name="class"),
        )

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
        predicted = self.predicted
        confidence = self.probabilities.max(axis=1)
        wrong = np.flatnonzero(predicted != self.labels)
        first = wrong[np.argsort(-confidence[wrong], kind="stable")][:n]
        return pd.DataFrame(
            {
                "name": [self.names[i] for i in first],
                "label": [self.classes[i] for i in self.labels[first]],
                "predicted": [self.classes[i] for i in predicted[first]],
                "probability": confidence[first],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per measure, in the column value."""
        values = {"loss": self.loss, **asdict(self.measures)}
        del values["val_loss"]
        frame = pd.DataFrame({"value": pd.Series(values, dtype="float64")})
        return frame.rename_axis("measure")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        auc = "undefined" if self.roc_auc is None else f"{self.roc_auc:.4f}"
        return (
            f"Evaluation of {len(self)} images, {len(self.classes)} classes: "
            f"accuracy {self.accuracy:.4f}, top5 {self.top5:.4f}, macro F1 {self.macro_f1:.4f}, "
            f"ROC-AUC {auc}, loss {self.loss:.4f}"
        )

    def _repr_html_(self) -> str:
        """Table of the measures, and of the classes with the lowest F1 first."""
        measures = self.to_frame().T.to_html(float_format="{:.4f}".format, na_rep="undefined")
        classes = self.per_class.sort_values("f1", kind="stable")
        return (
            f"<p>{len(self)} images, {len(self.classes)} classes</p>{measures}"
            + classes.to_html(float_format="{:.3f}".format, max_rows=50)
        )
