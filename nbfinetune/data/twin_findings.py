"""Findings about images that are the same: two labels, in both parts of the split, copies."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from nbfinetune.data.duplicates import groups
from nbfinetune.data.finding import Finding, Wording, class_of, used
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.randomness import Ids
from nbfinetune.data.scan import State
from nbfinetune.data.scan_facts import ScanFacts
from nbfinetune.data.splits import TRAIN, VAL

Group: TypeAlias = tuple[int, ...]

_TWO_LABELS = Wording(
    "two_labels", "image has", "images have", "two labels",
    "exclude", "A label is wrong, or both are: relabel one, or leave all of them out.",
)  # fmt: skip
_LEAK = Wording(
    "leak", "validation image is", "validation images are", "among the training images too",
    "move to train", "The model is measured on what it has seen: the measures are too good.",
)  # fmt: skip
_COPIES = Wording(
    "exact_duplicates", "image is", "images are", "the same, byte for byte, as another",
    "exclude", "They count twice; the first of each stays.",
)  # fmt: skip
_ALIKE = Wording(
    "near_duplicates", "image looks", "images look", "just like another",
    "take as is", "Saved again, retouched, or taken a moment later; in one part they do no harm.",
)  # fmt: skip


def duplicates(facts: ScanFacts, index: ImageIndex) -> list[Finding]:
    """All that follows from images that are the same, what harms most first."""
    seen = np.array(used(facts.rows["state"] == State.FINE, index), dtype=np.int64)
    same = _groups(_contents(facts), seen, index)
    alike = _groups(facts.twins, seen, index)
    leaks = _leaks(alike, index)
    copies = {image: group[0] for group in same for image in group[1:]}
    known = copies.keys() | {image for leak in leaks for image in leak.items}
    near = {image: group[0] for group in alike for image in group[1:] if image not in known}
    like_near = [group for group in alike if not near.keys().isdisjoint(group)]
    return [
        *_two_labels(alike, index),
        *leaks,
        *_COPIES.about(copies, _like(copies, index), groups=same),
        *_ALIKE.about(near, _like(near, index), groups=like_near),
    ]


def _two_labels(alike: list[Group], index: ImageIndex) -> list[Finding]:
    torn = [group for group in alike if len(np.unique(index.labels[list(group)])) > 1]
    found = [image for group in torn for image in group]
    details = [f"one of {class_of(image, index)} here" for image in found]
    return _TWO_LABELS.about(found, details, torn, torn)


def _leaks(alike: list[Group], index: ImageIndex) -> list[Finding]:
    both = [group for group in alike if {TRAIN, VAL} <= set(index.split[list(group)].tolist())]
    seen_as = {image: group[0] for group in both for image in group if index.split[image] == VAL}
    return _LEAK.about(seen_as, _like(seen_as, index), groups=both)


def _like(first_of: dict[int, int], index: ImageIndex) -> list[str]:
    called = index.item if index.items else index.name
    return [f"like {called(first)}" for first in first_of.values()]


def _groups(labels: Ids, seen: Ids, index: ImageIndex) -> list[Group]:
    """Ids that share a label, training images first: of copies the one that trains is kept."""
    alike = (seen[group] for group in groups(labels[seen]))
    return [tuple(ids[np.argsort(index.split[ids], kind="stable")].tolist()) for ids in alike]


def _contents(facts: ScanFacts) -> Ids:
    digests = np.ascontiguousarray(facts.rows["digest"]).view(np.int64)
    return np.unique(digests, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
