"""Which images are the same, byte for byte or to the eye.

Two photos are near-duplicates where their perceptual hashes differ in few bits. The hash is
ImageHash's `phash` with 16 x 16 frequencies: of 6.7 million pairs of flower photos, 25 differ in
at most 48 of its 256 bits and all 25 show one photo twice (saved again, brightened, tinted, taken
a moment later); the first pair that only looks alike differs in 72. Unrelated photos differ in
127 +- 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.randomness import Ids

PRINT_BYTES = 32

Prints: TypeAlias = NDArray[np.uint8]

MOST_BITS = 48
"""Bits in which near-duplicates differ at most, of 256."""

TINY_PX = 64
"""Images with a shorter side below this are near-duplicates only within `TINY_BITS`."""

TINY_BITS = 8
"""What saving an image again may change. Digits of 28 px that two people wrote differ in 20."""

_SIDE = 16
_LEAST_ONES = 64  # of 256; about half of a photo's are, those of a drawing in two colours are not

# Bit sampling (Indyk & Motwani 1998): pairs that agree in one of these sets of bits are compared.
# Low frequencies, because they survive cutting an edge off: so 98% of the pairs are met.
_TABLES, _TABLE_BITS, _LOWEST = 48, 16, 66
_NEIGHBOURS = 64


def fingerprint(grey: Image.Image) -> bytes:
    """Perceptual hash of a grey image.

    Returns
    -------
    bytes
        256 bits; all zero where there is too little to see, as in an image of one colour.
    """
    import imagehash

    bits = imagehash.phash(grey, hash_size=_SIDE).hash
    if bits.sum() < _LEAST_ONES:
        return bytes(PRINT_BYTES)
    return np.packbits(bits).tobytes()


def twins(digests: NDArray[np.uint8], prints: Prints, sides: NDArray[np.int32]) -> Ids:
    """Which images are the same: byte for byte, or near-duplicates; chains count as one group.

    Parameters
    ----------
    digests : uint8 array (N, 16)
    prints : uint8 array (N, 32)
        Of `fingerprint`.
    sides : int32 array (N,)
        Shorter sides in pixels.

    Returns
    -------
    int64 array (N,)
        Number of the first image of the group; an image without twin has its own.
    """
    labels = _joined(np.arange(len(prints)), same_pairs(digests))
    labels = _joined(labels, same_pairs(prints))
    # Of those that are equal one stands for all: a thousand copies are no million pairs.
    several, first = np.unique(_words(prints), axis=0, return_index=True)
    rows = first[several.any(axis=1)]
    radii = np.where(sides[rows] < TINY_PX, TINY_BITS, MOST_BITS)
    near = _near(prints[rows], radii)
    return _joined(labels, np.stack([rows, rows[near]], axis=1))


def same_pairs(rows: NDArray[np.uint8]) -> Ids:
    """Pairs (M, 2) of rows that are equal and not zero; k equal rows make k - 1 pairs."""
    words = _words(rows)
    order = np.lexsort(words.T)
    equal = (words[order][1:] == words[order][:-1]).all(axis=1) & words[order][1:].any(axis=1)
    return np.stack([order[:-1][equal], order[1:][equal]], axis=1)


def groups(labels: Ids) -> list[Ids]:
    """Positions that share a label, ascending, for every label that two or more have."""
    order = np.argsort(labels, kind="stable")
    edges = np.flatnonzero(np.diff(labels[order])) + 1
    return [group for group in np.split(order, edges) if len(group) > 1]


def _near(prints: Prints, radii: Ids) -> Ids:
    """Group of each fingerprint; not all pairs are compared, and still most near ones meet."""
    labels = np.arange(len(prints))
    words, bits = _words(prints), np.unpackbits(prints, axis=1)
    for table in _tables():
        for one, other in _meeting(bits[:, table]):
            news = labels[one] != labels[other]
            one, other = one[news], other[news]  # noqa: PLW2901 - of the others all is known
            differing = (words[one] ^ words[other]).view(np.uint16)
            apart = _ones()[differing].sum(axis=1, dtype=np.int64)
            near = apart <= np.minimum(radii[one], radii[other])
            labels = _joined(labels, np.stack([one[near], other[near]], axis=1))
    return labels


def _meeting(bits: NDArray[np.uint8]) -> Iterator[tuple[Ids, Ids]]:
    """Numbers of rows that are equal, as pairs; in a crowd each meets its next neighbours only."""
    keys = bits @ (1 << np.arange(bits.shape[1]))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for step in range(1, _NEIGHBOURS + 1):
        place = np.flatnonzero(keys[step:] == keys[:-step])
        if not len(place):
            return
        yield order[place], order[place + step]


def _joined(labels: Ids, pairs: Ids) -> Ids:
    """Labels after the groups of each pair have become one, named by the smallest number."""
    one, other = pairs.T
    while (labels[one] != labels[other]).any():
        low = np.minimum(labels[one], labels[other])
        after = labels.copy()
        np.minimum.at(after, labels[one], low)
        np.minimum.at(after, labels[other], low)
        labels = after
        while (labels != labels[labels]).any():
            labels = labels[labels]
    return labels


def _words(rows: Prints) -> NDArray[np.uint64]:
    return np.ascontiguousarray(rows).view(np.uint64)


@cache
def _ones() -> NDArray[np.uint8]:
    every = np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    return np.asarray(np.unpackbits(every, axis=1).sum(axis=1, dtype=np.uint8))


@cache
def _tables() -> tuple[Ids, ...]:
    frequency = np.add.outer(np.arange(_SIDE), np.arange(_SIDE)).ravel()
    lowest = np.argsort(frequency, kind="stable")[1 : 1 + _LOWEST]  # the first is always set
    rng = np.random.default_rng(0)
    return tuple(rng.choice(lowest, _TABLE_BITS, replace=False) for _ in range(_TABLES))
