"""Findings about single images: not readable, oddly shaped, stored in an unusual way."""

from __future__ import annotations

import numpy as np

from nbfinetune.data.finding import Finding, Wording, used
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.scan import State, Trait
from nbfinetune.data.scan_facts import ScanFacts

USUAL_SIZE_PX = 224
MOST_ASPECT = 4.0
LEAST_PART = 0.25
"""Part of the size that a model sees below which an image counts as small."""

HUGE_PIXELS = 40_000_000

_SKIPPED = "A run skips them, and refuses to train where more than a tenth of the images is bad."
_UNREADABLE = {
    State.MISSING: Wording("missing", "file", "files", "can't be opened", "exclude", _SKIPPED),
    State.EMPTY: Wording("empty", "file has", "files have", "zero bytes", "exclude", _SKIPPED),
    State.CORRUPT: Wording(
        "corrupt", "file is", "files are", "no image, or damaged", "exclude", _SKIPPED,
    ),
    State.TRUNCATED: Wording(
        "truncated", "file is", "files are", "cut off before the end", "exclude", _SKIPPED,
    ),
    State.TOO_LARGE: Wording(
        "too_large", "file is", "files are", "too large to be decoded", "exclude", _SKIPPED,
    ),
    State.DAMAGED: Wording(
        "damaged", "file is", "files are", "damaged inside",
        "exclude", "They can be decoded, so a run trains on what is left of them.",
    ),
}  # fmt: skip
_TRAITS = {
    Trait.ONE_COLOUR: Wording(
        "one_colour", "image is", "images are", "of one colour",
        "exclude", "There is nothing to learn from them.",
    ),
    Trait.CMYK: Wording(
        "cmyk", "image is", "images are", "in printing colours (CMYK)",
        "take as is", "They become RGB without a colour profile: hues may shift a little.",
    ),
    Trait.ALPHA: Wording(
        "alpha", "image has", "images have", "an alpha channel",
        "take as is", "What is transparent becomes white, but for a model of 4 channels.",
    ),
    Trait.DEEP: Wording(
        "deep", "image has", "images have", "more than 8 bits a channel",
        "take as is", "They are scaled down to 8 bits.",
    ),
    Trait.TURNED: Wording(
        "turned", "image is", "images are", "stored turned, with an EXIF tag that says so",
        "take as is", "They are turned upright, once, for training as for the preview.",
    ),
}  # fmt: skip
_LONG = Wording(
    "extreme_aspect", "image is", "images are", f"more than {MOST_ASPECT:g} times as long as wide",
    "take as is", "A model sees a square: most of such an image is cut away.",
)  # fmt: skip
_SMALL = Wording(
    "small", "image is", "images are", "very small",
    "take as is", "Enlarged to what the model sees they are blurred.",
)  # fmt: skip
_HUGE = Wording(
    "huge", "image is", "images are", "huge",
    "take as is", "They take long to decode.",
)  # fmt: skip


def unreadable(facts: ScanFacts, index: ImageIndex) -> list[Finding]:
    """Files that can't be trained on, with the reason for each."""
    found = []
    for state, wording in _UNREADABLE.items():
        ids = used(facts.rows["state"] == state, index)
        found += wording.about(ids, [facts.reasons.get(image, wording.rest) for image in ids])
    return found


def shapes(facts: ScanFacts, index: ImageIndex, size_px: int | None) -> list[Finding]:
    """Images that are very long, very small or very large."""
    width, height = facts.rows["width"].astype(np.int64), facts.rows["height"].astype(np.int64)
    fine = facts.rows["state"] == State.FINE
    shorter, longer = np.minimum(width, height), np.maximum(width, height)
    # Digits of 28 pixels are not small among their kind, and the model's size follows them.
    usual = min(USUAL_SIZE_PX, np.median(shorter[fine])) if fine.any() else USUAL_SIZE_PX
    found = []
    for wording, odd in (
        (_LONG, longer > MOST_ASPECT * shorter),
        (_SMALL, shorter < LEAST_PART * (size_px or usual)),
        (_HUGE, width * height > HUGE_PIXELS),
    ):
        ids = used(fine & odd, index)
        found += wording.about(ids, [f"{width[i]} x {height[i]} pixels" for i in ids])
    return found


def traits(facts: ScanFacts, index: ImageIndex) -> list[Finding]:
    """Images that are converted when they are read, and those that show nothing."""
    fine = facts.rows["state"] == State.FINE
    found = []
    for trait, wording in _TRAITS.items():
        ids = used(fine & (facts.rows["traits"] & trait > 0), index)
        found += wording.about(ids, [wording.rest] * len(ids))
    return found
