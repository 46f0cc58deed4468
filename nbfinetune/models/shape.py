"""What a model is built for: classes, pixels and channels."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RGB", "Shape"]

RGB = 3
"""Channels that published weights were trained on."""


@dataclass(frozen=True)
class Shape:
    """Input and output of a model that is about to be built.

    Parameters
    ----------
    num_classes : int
    image_size : int
        Side in pixels of the square that it will see.
    dropout : float in [0, 1)
        Before the classifier's last layer; 0 leaves it as the architecture has it.
    in_chans : int
        Channels of an image.
    """

    num_classes: int
    image_size: int
    dropout: float = 0.0
    in_chans: int = RGB
