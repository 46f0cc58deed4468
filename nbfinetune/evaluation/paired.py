"""Two models on the same images: what one gets right and the other does not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from nbfinetune.errors import DataError
from nbfinetune.evaluation.intervals import bootstrap

EXACT_BELOW = 25
"""Discordant images below which the binomial is summed, as McNemar's chi-square needs more."""

Answers = tuple[Sequence[str], Sequence[str], np.ndarray]
"""Names of images, their labels by name, and whether each was right."""


@dataclass(frozen=True, repr=False)
class PairedComparison:
    """One model beside another on the images that both were measured on.

    Parameters
    ----------
    images : int
        That both have under one name and one label.
    relabelled : int
        That both have under one name but another label; left out.
    accuracy, other_accuracy : float
        On these images.
    difference : float
        Of the two; above 0 where this one is better.
    low, high : float
        Bootstrap interval of the difference, over pairs.
    level : float in (0, 1)
        Of that interval.
    only_this, only_other : int
        Images that one alone has right.
    p_value : float in [0, 1]
        McNemar's: how often so uneven a count comes by chance between equals.
    test : {"exact binomial", "chi-square"}
        Below 25 images of this kind, or from there on (with continuity correction).
    """

    images: int
    relabelled: int
    accuracy: float
    other_accuracy: float
    difference: float
    low: float
    high: float
    level: float
    only_this: int
    only_other: int
    p_value: float
    test: str

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        told = self.p_value < 1 - self.level
        if told:
            verdict = "This one is better" if self.difference > 0 else "The other one is better"
        else:
            verdict = "They can't be told apart"
        left_out = f" ({self.relabelled} with another label left out)" if self.relabelled else ""
        return (
            f"{verdict} on {self.images} shared images{left_out}: accuracy {self.accuracy:.4f} "
            f"against {self.other_accuracy:.4f}, difference {self.difference:+.4f} "
            f"[{self.low:+.4f}, {self.high:+.4f}]; {self.only_this} images only this one has "
            f"right, {self.only_other} only the other (McNemar, {self.test}: p = "
            f"{self.p_value:.3g})."
        )

    def __repr__(self) -> str:
        return f"PairedComparison: {self.sentence}"

    def _repr_html_(self) -> str:
        """The sentence, and a table of what both, one or none has right."""
        both = round(self.accuracy * self.images) - self.only_this
        none = self.images - both - self.only_this - self.only_other
        return (
            f"<p>{escape(self.sentence)}</p><table><thead><tr><th>images</th><th>other right</th>"
            "<th>other wrong</th></tr></thead><tbody>"
            f"<tr><th>this right</th><td>{both}</td><td>{self.only_this}</td></tr>"
            f"<tr><th>this wrong</th><td>{self.only_other}</td><td>{none}</td></tr>"
            "</tbody></table>"
        )


def pair(
    this: Answers, other: Answers, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> PairedComparison:
    """Compare two models by the images that both have.

    Parameters
    ----------
    this, other : Answers
    level, draws, seed
        Of the difference's interval, as in `intervals.bootstrap`.

    Raises
    ------
    DataError
        If they share no image.
    """
    own, others = _by_key(this), _by_key(other)
    shared = [key for key in own if key in others]
    if not shared:
        raise DataError(
            f"the two evaluations share no image: one has {this[0][0]!r} and the like, the other "
            f"{other[0][0]!r}; evaluate both on the same data"
        )
    kept = [key for key in shared if own[key][0] == others[key][0]]
    if not kept:
        raise DataError(
            f"all {len(shared)} shared images have another label in the other evaluation; "
            "evaluate both on the same data"
        )
    right = np.array([own[key][1] for key in kept])
    right_too = np.array([others[key][1] for key in kept])
    gains = right.astype(np.float64) - right_too
    low, high = bootstrap(
        lambda places: gains[places].mean(axis=1), len(kept), level=level, draws=draws, seed=seed
    )
    only_this, only_other = int((gains > 0).sum()), int((gains < 0).sum())
    p_value, test = mcnemar(only_this, only_other)
    return PairedComparison(
        images=len(kept),
        relabelled=len(shared) - len(kept),
        accuracy=float(right.mean()),
        other_accuracy=float(right_too.mean()),
        difference=float(gains.mean()),
        low=low,
        high=high,
        level=level,
        only_this=only_this,
        only_other=only_other,
        p_value=p_value,
        test=test,
    )


def mcnemar(only_this: int, only_other: int) -> tuple[float, str]:
    """Two-sided p-value that two models are equally good, and by which test (McNemar 1947).

    Parameters
    ----------
    only_this, only_other : int
        Images that one alone has right.
    """
    discordant = only_this + only_other
    if discordant < EXACT_BELOW:
        tail = sum(math.comb(discordant, k) for k in range(min(only_this, only_other) + 1))
        return min(1.0, 2 * tail / 2**discordant), "exact binomial"
    chi_square = max(0, abs(only_this - only_other) - 1) ** 2 / discordant
    return math.erfc(math.sqrt(chi_square / 2)), "chi-square"


def _by_key(answers: Answers) -> dict[tuple[str, int], tuple[str, bool]]:
    """Label and answer by name; of images under one name, by their order as well."""
    seen: Counter[str] = Counter()
    found = {}
    for name, label, right in zip(*answers, strict=True):
        found[name, seen[name]] = (label, bool(right))
        seen[name] += 1
    return found
