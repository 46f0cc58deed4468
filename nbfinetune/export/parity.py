"""Whether an exported file says what the run's model says; kept beside the file. No torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbfinetune.errors import StoreError
from nbfinetune.export.storing import storing
from nbfinetune.whole_files import write_whole

__all__ = ["LEAST_AGREEMENT", "Parity", "compared", "forget", "keep", "parity_of", "place"]

LEAST_AGREEMENT = 0.999
"""Of the validation images: below it an export is another model."""


@dataclass(frozen=True)
class Parity:
    """An exported file beside the run's model, on validation images of the run.

    The file was read in a process that has no nbfinetune, and said itself how images are normalised
    for it.

    Parameters
    ----------
    images : int
        That both were asked about.
    agreement : float in [0, 1]
        Part of them that get the same class.
    largest_difference : float, optional
        Between two logits of one image and class; None where the file gave something that is no
        finite number, or nothing.
    passed : bool
        Whether the agreement is at least `LEAST_AGREEMENT`.
    """

    images: int
    agreement: float
    largest_difference: float | None
    passed: bool

    def __str__(self) -> str:
        off = self.largest_difference
        return (
            f"the same class as the run's model for {_percent(self.agreement)} of {self.images:,} "
            f"validation image{'' if self.images == 1 else 's'}, "
            + ("not all logits finite" if off is None else f"logits at most {off:.2g} apart")
        )


def compared(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Parity:
    """Parity of two models by their logits, (N, C) each.

    Where there are none, the shapes differ or a logit of `theirs` is not finite, nothing agrees.
    """
    if not len(ours) or ours.shape != theirs.shape or not np.isfinite(theirs).all():
        return Parity(len(ours), 0.0, None, passed=False)
    agreement = float(np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)))
    off = float(np.abs(ours.astype(np.float64) - theirs).max())
    return Parity(len(ours), agreement, off, passed=agreement >= LEAST_AGREEMENT)


def place(path: Path) -> Path:
    """Where the parity of an exported file lies: beside it."""
    return path.with_name(f"{path.name}.parity.json")


def keep(parity: Parity, path: Path) -> None:
    """Write the parity of an exported file.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    with storing(place(path)):
        write_whole(place(path), json.dumps(asdict(parity), indent=2).encode("ascii") + b"\n")


def forget(path: Path) -> None:
    """Take away the parity of a file that is about to be written anew.

    Raises
    ------
    StoreError
        If it can't be taken away.
    """
    if not place(path).is_file():
        return
    try:
        place(path).unlink()
    except OSError as error:
        raise StoreError(f"{place(path)} could not be removed ({error}); remove it") from error


def parity_of(path: Path | str) -> Parity | None:
    """What was found when a file was exported; None where it was not compared.

    Raises
    ------
    StoreError
        If what lies beside the file is no parity.
    """
    found = place(Path(path).expanduser())
    if not found.is_file():
        return None
    try:
        record: Any = json.loads(found.read_bytes())
        return Parity(**record)
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"{found} is no parity of an export ({error}); export the file again"
        ) from error


def _percent(part: float) -> str:
    """Percent, never rounded up to a hundred."""
    return "100 %" if part == 1 else f"{np.floor(part * 1e4) / 1e2:.2f} %"
