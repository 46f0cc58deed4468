"""Which images of an evaluation are on show: all, mistakes, a cell, likely label errors."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from msgspec import Struct

from nbfinetune.data.images import ImageSet
from nbfinetune.data.randomness import Ids
from nbfinetune.errors import ConfigError
from nbfinetune.records import DataEdit
from nbfinetune.widgets.browsing import NONE, Browsing
from nbfinetune.widgets.gallery import Album
from nbfinetune.widgets.gallery_requests import asked
from nbfinetune.widgets.review import Review

SURE = 0.5
"""Score of a label error above which another class is more probable than the label."""


class ReviewQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person asked to see of an evaluation.

    Parameters
    ----------
    group : str
        ``mistakes``: the most confident first. ``uncertain``: the least certain first. ``cell``:
        of one label and one predicted class, the most confident first. ``label_errors``: labels
        that are probably wrong, the surest first.
    label, predicted : str
        Classes; empty for all.
    """

    group: Literal["all", "mistakes", "uncertain", "cell", "label_errors"] = "all"
    label: str = ""
    predicted: str = ""


class Suspects(NamedTuple):
    """Images for which another class is more probable than their label, the surest first.

    Parameters
    ----------
    ids : int64 array (M,)
    suggested : dict of int to int
        Class number suggested instead, by image.
    scores : dict of int to float
        How sure that is, from 0.5 to 1.
    likely : int
        How many confident learning counts as errors.
    """

    ids: Ids
    suggested: dict[int, int]
    scores: dict[int, float]
    likely: int


def suspects(frame: pd.DataFrame, classes: Sequence[str]) -> Suspects:
    """Those that are listed, out of what `Run.label_errors` gives."""
    listed = frame[(frame["score"] > SURE) | frame["likely"]]
    numbers = {name: number for number, name in enumerate(classes)}
    ids = [int(image) for image in listed.index]
    suggested = [numbers[name] for name in listed["suggested"]]
    scores = [round(float(score), 4) for score in listed["score"]]
    return Suspects(
        np.array(ids, dtype=np.int64),
        dict(zip(ids, suggested, strict=True)),
        dict(zip(ids, scores, strict=True)),
        int(frame["likely"].sum()),
    )


class ReviewBrowsing(Browsing):
    """The images of an evaluation as they are looked through.

    Attributes
    ----------
    query : ReviewQuery
    review : Review or None
        None until it is read.
    suspects : Suspects or None
        None until they were looked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.query = ReviewQuery()
        self.review: Review | None = None
        self.suspects: Suspects | None = None

    @property
    def question(self) -> ReviewQuery:
        """What a person asked to see."""
        return self.query

    def turn_to(self, review: Review, edits: Sequence[DataEdit]) -> None:
        """Show another evaluation, as far as it has what was asked for; at first its mistakes."""
        if self.review is None and len(review.verdicts.wrong):
            self.query = ReviewQuery(group="mistakes")
        self.review, self.suspects = review, None
        if not {self.query.label, self.query.predicted} <= {"", *review.classes}:
            self.query = ReviewQuery()
        self.take(ImageSet(review.index), edits, complete=True)

    def suspect(self, found: Suspects | None) -> None:
        """Take in which labels are probably wrong."""
        self.suspects = found
        self.find()

    def show(self, value: Any) -> None:
        """Show what a person asked for.

        Parameters
        ----------
        value : mapping
            Fields of `ReviewQuery`.

        Raises
        ------
        ConfigError
            If it makes no sense, or there is no such class.
        """
        query = asked(ReviewQuery, value)
        classes = () if self.review is None else self.review.classes
        for name in filter(None, (query.label, query.predicted)):
            if name not in classes:
                near = difflib.get_close_matches(name, classes, n=3) or list(classes[:8])
                raise ConfigError(f"there is no class {name!r}; closest: {', '.join(near)}")
        if query.group == "cell" and not (query.label and query.predicted):
            raise ConfigError("a cell has a label and a predicted class; give both")
        self.query = query
        self.find()

    def rows(self, first: int, last: int) -> list[list[Any]]:
        """Rows as of `Browsing`, each with what was predicted and what is suggested."""
        review, found = self.review, self.suspects
        if review is None:
            return []
        return [
            [
                *row,
                *review.said_of(row[0]),
                None if found is None else found.suggested.get(row[0]),
                None if found is None else found.scores.get(row[0]),
            ]
            for row in super().rows(first, last)
        ]

    def _found(self, album: Album) -> Ids:
        review, query = self.review, self.query
        if review is None:
            return NONE
        if query.group != "label_errors":
            return review.ids[_places(review, query)]
        if self.suspects is None:
            return NONE
        ids = self.suspects.ids
        if query.label:
            ids = ids[album.index.labels[ids] == review.classes.index(query.label)]
        if query.predicted:
            number = review.classes.index(query.predicted)
            ids = ids[[self.suspects.suggested[image] == number for image in ids.tolist()]]
        return ids


def _places(review: Review, query: ReviewQuery) -> Ids:
    """Places of the images that a query means, in its order."""
    said = review.verdicts
    kept = np.ones(len(said.labels), dtype=bool)
    if query.label:
        kept &= said.labels == review.classes.index(query.label)
    if query.predicted:
        kept &= said.predicted == review.classes.index(query.predicted)
    if query.group == "mistakes":
        kept &= said.predicted != said.labels
    places = np.flatnonzero(kept)
    if query.group == "all":
        return places[np.argsort(review.ids[places], kind="stable")]
    sign = 1 if query.group == "uncertain" else -1
    return places[np.argsort(sign * said.confidence[places], kind="stable")]


def as_query(group: str, label: str, predicted: str) -> dict[str, str]:
    """What `EvaluationView.show` was given, as the page would ask it."""
    usual = "cell" if label and predicted else "all"
    return msgspec.structs.asdict(ReviewQuery()) | {
        "group": group or usual,
        "label": label,
        "predicted": predicted,
    }
