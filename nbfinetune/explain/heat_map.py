"""How much each place of an image speaks for a class, and the image with that drawn over it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.decode import decode

__all__ = ["HeatMap"]

OPACITY = 0.65
"""Of the colour where the map is one; where it is zero, the image shows as it is."""

# Dark violet over red to yellow, as matplotlib's "inferno" without its black end.
_COLOURS = np.array([[66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]])


@dataclass(frozen=True, eq=False, repr=False)
class HeatMap:
    """Where a model looked for a class in an image.

    Parameters
    ----------
    grid : float32 array (h, w) in [0, 1]
        At the positions that the layer has, of which there are few.
    box : tuple of int
        Left, top, right and lower edge, in pixels of the image, of what the model saw of it.
    size : tuple of int
        Width and height of the image in pixels.
    image : PIL image
        The same, upright and RGB; a large one shrunk.
    name : str
        Its path, or its place in what was given.
    class_name : str
    probability : float in [0, 1]
        That the model gives that class.
    method : str
        `"grad_cam"`, `"hires_cam"`, `"eigen_cam"`, `"gradient_attention"` or
        `"attention_rollout"`.
    layer : str
        Whose output was looked at.
    """

    grid: NDArray[np.float32]
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    image: Image.Image
    name: str
    class_name: str
    probability: float
    method: str
    layer: str

    @property
    def values(self) -> NDArray[np.float32]:
        """The map at the size of the image, float32 (H, W) in [0, 1].

        0 where nothing speaks for the class, or the model saw nothing; 1 where most does.
        """
        return self.at(self.size)

    def at(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """The map at another width and height in pixels, float32 (height, width)."""
        width, height = size
        across, down = width / self.size[0], height / self.size[1]
        left, right = (round(edge * across) for edge in self.box[::2])
        top, lower = (round(edge * down) for edge in self.box[1::2])
        seen = (max(1, right - left), max(1, lower - top))
        values = np.zeros((height, width), np.float32)
        # Values outside of [0, 1] are rounding, which Pillow's sums of weights leave.
        drawn = np.asarray(Image.fromarray(self.grid).resize(seen, Image.Resampling.BILINEAR))
        part = values[top : top + seen[1], left : left + seen[0]]
        part[:] = drawn[: part.shape[0], : part.shape[1]].clip(0.0, 1.0)
        return values

    def overlay(self, image: Image.Image | None = None, opacity: float = OPACITY) -> Image.Image:
        """The map in colours over the image.

        Parameters
        ----------
        image : PIL image, optional
            The same image at any size; default the map's own, a large one shrunk.
        opacity : float in [0, 1]
            Of the colour where the map is one.
        """
        ground = self.image if image is None else decode(image)
        values = self.at(ground.size)
        share = opacity * values[..., np.newaxis]
        mixed = np.asarray(ground) * (1 - share) + _coloured(values) * share
        return Image.fromarray(np.rint(mixed).astype(np.uint8))

    def __repr__(self) -> str:
        return (
            f"HeatMap of {self.name}: {self.class_name!r} ({self.probability:.3f}), "
            f"{self.method} of {self.layer}"
        )

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        drawn = io.BytesIO()
        self.overlay().save(drawn, "PNG")
        return drawn.getvalue()


def _coloured(values: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = np.linspace(0.0, 1.0, len(_COLOURS))
    return np.stack([np.interp(values, steps, channel) for channel in _COLOURS.T], axis=-1)
