"""Randomness as a function of the seed: any draw can be had again without those before it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int64]

_SAMPLES, _ORDER, _SPLIT = range(3)


def rng_for(seed: int, epoch: int, sample: int) -> np.random.Generator:
    """Generator that belongs to one image in one epoch.

    Philox is a cipher of a counter (Salmon et al., SC 2011), so there is no state to carry along.
    The counter's low words are left for the draws themselves.

    Parameters
    ----------
    seed : int in [0, 2**64)
    epoch, sample : int >= 0
    """
    return _generator(seed, _SAMPLES, epoch, sample)


def epoch_order(ids: Ids, seed: int, epoch: int) -> Ids:
    """`ids` in the order in which an epoch visits them."""
    return _generator(seed, _ORDER, epoch, 0).permutation(ids)


def split_rng(seed: int) -> np.random.Generator:
    """Generator that decides which images validate."""
    return _generator(seed, _SPLIT, 0, 0)


def _generator(seed: int, purpose: int, epoch: int, sample: int) -> np.random.Generator:
    key = np.array([seed, purpose], dtype=np.uint64)
    counter = np.array([0, 0, epoch, sample], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
