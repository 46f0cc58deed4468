"""A cross-validation measured: every image by the model of the fold that held it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nbfinetune.data.image_index import ImageIndex, printable
from nbfinetune.errors import DataError
from nbfinetune.evaluation.metrics import Predictions, measure
from nbfinetune.evaluation.report import Evaluation


@dataclass(frozen=True, eq=False)
class Fold:
    """What the model of one fold said of the images that it never saw.

    Parameters
    ----------
    number : int
        From 0.
    name : str
        What a message calls it.
    index : ImageIndex
        Of its run; numbers the images.
    kept : Predictions
    """

    number: int
    name: str
    index: ImageIndex
    kept: Predictions


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OutOfFold(Evaluation):
    """The folds of a cross-validation as one evaluation; no image is judged by who has seen it.

    Parameters
    ----------
    logits, labels, classes, names, measures, ids, temperature
        As of `Figures`; `ids` are the numbers of the images in the index of every fold's run.
    folds : ndarray of int, (N,)
        Number, from 0, of the fold whose model says something of the image.
    left_out : tuple of str
        Why the images of some folds are not among these, a sentence for each.
    """

    folds: np.ndarray
    left_out: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What can't be measured, and which folds are not counted, a sentence for each."""
        return (*super().notes, *self.left_out)


def out_of_fold(folds: Sequence[Fold], left_out: Sequence[str] = ()) -> OutOfFold:
    """One evaluation out of those of the folds.

    An image that validates in several folds, since an edit has moved it there, is judged by the
    first of them.

    Parameters
    ----------
    folds : sequence of Fold
        At least one.
    left_out : sequence of str
        As of `OutOfFold`.

    Raises
    ------
    DataError
        If the folds are not of the same images.
    """
    first = folds[0]
    for fold in folds[1:]:
        if told := _difference(first.index, fold.index):
            raise DataError(
                f"{first.name} and {fold.name} are not of the same images ({told}): "
                "cross-validate again, so that every image is held out once"
            )
    ids, places = np.unique(
        np.concatenate([fold.kept.ids for fold in folds]).astype(np.int64), return_index=True
    )
    logits = np.concatenate([fold.kept.logits for fold in folds])[places]
    labels = np.concatenate([fold.kept.labels for fold in folds])[places]
    numbers = np.repeat([fold.number for fold in folds], [len(fold.kept.ids) for fold in folds])
    return OutOfFold(
        logits,
        labels,
        first.index.classes,
        tuple(first.index.name(int(image)) for image in ids),
        measure(logits, labels, classes=first.index.classes),
        ids,
        folds=numbers[places],
        left_out=tuple(left_out),
    )


def _difference(one: ImageIndex, two: ImageIndex) -> str:
    """In what two indices differ, in words; empty where an image is the same in both."""
    if one.classes != two.classes:
        odd = sorted(set(one.classes) ^ set(two.classes))
        return f"their classes differ by {', '.join(map(repr, odd[:5])) or 'their order'}"
    if one.items != two.items or len(one) != len(two):
        gone = sorted(set(one.items) ^ set(two.items))
        example = "".join(f"; {printable(item)!r} is in one of them" for item in gone[:1])
        return f"{len(one):,} images and {len(two):,}{example}"
    differ = np.flatnonzero(one.labels != two.labels)[:1].tolist()
    for image in differ:
        here, there = (index.classes[index.labels[image]] for index in (one, two))
        return f"{one.item(image)!r} is {here!r} here and {there!r} there"
    return ""
