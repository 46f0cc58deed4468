"""Whether a model is right as often as it says (Guo et al., arXiv:1706.04599)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.metrics import log_softmax, losses

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures between which one is looked for."""


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """How confidence and accuracy go together.

    Parameters
    ----------
    ece : float in [0, 1]
        Expected calibration error: mean distance of accuracy and confidence over the bins, each
        weighted by its images.
    max_error : float in [0, 1]
        The largest such distance.
    table : DataFrame
        One row per bin: low and high (its edges; confidence is above the one, at most the other),
        confidence and accuracy (means over its images, NaN where it has none), images.
    temperature : float > 0
        What the logits are to be divided by; above 1, the model is too confident.
    log_loss, ece_after, log_loss_after : float
        Mean log loss in nats; error and loss with logits divided by the temperature.
    fitted_here : bool
        Whether the temperature was fitted on the images that it is measured on, which flatters it.
    """

    ece: float
    max_error: float
    table: pd.DataFrame
    temperature: float
    log_loss: float
    ece_after: float
    log_loss_after: float
    fitted_here: bool

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        said = (self.table["images"] * self.table["confidence"].fillna(0)).sum()
        hits = (self.table["images"] * self.table["accuracy"].fillna(0)).sum()
        gap = float(said - hits) / self.table["images"].sum()
        lean = "high" if gap > 0 else "low"
        where = (
            "fitted on these images"
            if self.fitted_here
            else "fitted on the run's validation images"
        )
        return (
            f"Confidence is on average {100 * abs(gap):.1f} percentage points too {lean}; "
            f"calibration error (ECE) {self.ece:.4f}, "
            f"at temperature {self.temperature:.3g} ({where}) {self.ece_after:.4f}"
        )

    def __repr__(self) -> str:
        return f"Calibration: {self.sentence}"

    def _repr_html_(self) -> str:
        """Reliability diagram, the sentence, and the table of the bins that have images."""
        filled = self.table[self.table["images"] > 0]
        table = filled.to_html(float_format="{:.3f}".format, index=False)
        return f"{_diagram(filled)}<p>{escape(self.sentence)}</p>{table}"


def calibrate(
    logits: np.ndarray, labels: np.ndarray, *, bins: int = 15, temperature: float | None = None
) -> Calibration:
    """Compare confidence with accuracy, before and after temperature scaling.

    Parameters
    ----------
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)
    bins : int
        Of equal width, over confidences from 0 to 1.
    temperature : float > 0, optional
        Fitted elsewhere. Default: fitted on these images.

    Raises
    ------
    ConfigError
        If bins is below 1.
    """
    if bins < 1:
        raise ConfigError(f"bins is {bins!r}: at least one is needed, say 15")
    fitted = fit_temperature(logits, labels) if temperature is None else temperature
    scaled = np.asarray(logits, dtype=np.float64) / fitted
    table, after = _binned(logits, labels, bins), _binned(scaled, labels, bins)
    return Calibration(
        ece=expected_error(table),
        max_error=float((table["accuracy"] - table["confidence"]).abs().max()),
        table=table,
        temperature=fitted,
        log_loss=float(losses(logits, labels).mean()),
        ece_after=expected_error(after),
        log_loss_after=float(losses(scaled, labels).mean()),
        fitted_here=temperature is None,
    )


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Temperature that minimises the mean log loss of logits divided by it.

    The loss is convex in 1 / temperature, so its slope has one root.

    Parameters
    ----------
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)

    Returns
    -------
    float
        Between 0.01 and 100; one of these where the loss falls as far as that, as it does to
        0.01 where every image is right. 1 where the logits of each image are all the same.
    """
    from scipy.optimize import brentq

    exact = np.asarray(logits, dtype=np.float64)
    if not np.ptp(exact, axis=1).any():
        return 1.0
    own = exact[np.arange(len(labels)), labels]

    def slope(log_temperature: float) -> float:
        probabilities = np.exp(log_softmax(exact / math.exp(log_temperature)))
        return float((own - (probabilities * exact).sum(axis=1)).mean())

    coldest, hottest = math.log(COLDEST), math.log(HOTTEST)
    if slope(coldest) >= 0:
        return COLDEST
    if slope(hottest) <= 0:
        return HOTTEST
    return math.exp(brentq(slope, coldest, hottest))


def _binned(logits: np.ndarray, labels: np.ndarray, bins: int) -> pd.DataFrame:
    confidence = np.exp(log_softmax(logits)).max(axis=1)
    return binned(confidence, logits.argmax(axis=1) == labels, bins)


def binned(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Accuracy by confidence, as `Calibration.table` has it.

    Parameters
    ----------
    confidence : ndarray, (N,)
        Probability of the predicted class.
    right : ndarray of bool, (N,)
        Whether that is the label.
    bins : int
        Of equal width, from 0 to 1.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    images = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = {
            name: np.bincount(place, values, bins) / images
            for name, values in (
                ("confidence", confidence),
                ("accuracy", right),
            )
        }
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], **means, "images": images})


def expected_error(table: pd.DataFrame) -> float:
    """ECE of a table of `binned`."""
    gaps = (table["accuracy"] - table["confidence"]).abs().fillna(0.0)
    return float((gaps * table["images"]).sum() / table["images"].sum())


def _diagram(table: pd.DataFrame) -> str:
    """Bars of accuracy over confidence, and the diagonal on which they should end."""
    bars = "".join(
        f"<rect x='{100 * low:.2f}' y='{100 - 100 * accuracy:.2f}' "
        f"width='{100 * (high - low):.2f}' height='{100 * accuracy:.2f}' "
        "fill='#4c8dd6' stroke='currentColor' stroke-width='0.3'>"
        f"<title>{images:.0f} images: confidence {confidence:.3f}, accuracy {accuracy:.3f}"
        "</title></rect>"
        for low, high, confidence, accuracy, images in table.to_numpy(dtype=float)
    )
    return (
        "<svg viewBox='-12 -3 116 118' width='260' role='img' "
        "aria-label='Reliability diagram: accuracy over confidence' "
        "style='font-size:6px' fill='currentColor'>"
        "<rect width='100' height='100' fill='none' stroke='currentColor' stroke-width='0.5'/>"
        f"{bars}<path d='M0 100L100 0' stroke='currentColor' stroke-dasharray='2' fill='none'/>"
        "<text x='50' y='110' text-anchor='middle'>confidence</text>"
        "<text transform='translate(-5 50) rotate(-90)' text-anchor='middle'>accuracy</text></svg>"
    )
