"""What is said of images that can't be read, and so have no part in a result."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["LeftOut", "left_out"]

_NAMED = 3


class LeftOut(UserWarning):
    """A result that is without something, and why."""


def left_out(reasons: Sequence[str]) -> str:
    """How many images can't be read, and of the first of them why.

    Parameters
    ----------
    reasons : sequence of str
        One an image, with its name.
    """
    images = "1 image" if len(reasons) == 1 else f"{len(reasons)} images"
    more = "; …" if len(reasons) > _NAMED else ""
    return f"{images} can't be read, so no result for: {'; '.join(reasons[:_NAMED])}{more}"
