"""Classes of other data, found among a run's by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbfinetune.errors import DataError

SHOWN = 20
"""Classes that a message lists at most."""


def class_places(found: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Place among a run's classes of each class of other data, int64.

    Names must be equal to the letter: what differs by a capital or a space may be meant.

    Parameters
    ----------
    found : sequence of str
        Classes of the data.
    known : sequence of str
        Classes of the run.

    Raises
    ------
    DataError
        If the run lacks one; says which, which were matched, and which differ by little.
    """
    places = {name: place for place, name in enumerate(known)}
    unknown = [name for name in found if name not in places]
    if unknown:
        raise DataError(_refusal(found, known, unknown))
    return np.array([places[name] for name in found], dtype=np.int64)


def _refusal(found: Sequence[str], known: Sequence[str], unknown: list[str]) -> str:
    matched = [name for name in found if name in set(known)]
    plain = {_plain(name): name for name in known}
    near = [f"{name!r} → {plain[_plain(name)]!r}" for name in unknown if _plain(name) in plain]
    return (
        f"the data have {'classes' if len(unknown) > 1 else 'a class'} that the run does not "
        f"know: {_listed(unknown)}. Matched by name: {_listed(matched) or 'none'} "
        f"({len(matched)} of {len(found)}). "
        + (f"Rename if they are the same: {_listed(near)}. " if near else "")
        + f"The run was trained on {_listed(known)}; leave other classes out of the data"
    )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
