"""The operations of TrivialAugment on Pillow images, as torchvision defines them.

Operations, ranges and 31 strengths are those of `torchvision.transforms.v2.TrivialAugmentWide`
(Müller & Hutter, arXiv:2103.10158, the "wide" space); a test compares them pixel for pixel.
Pillow does the work there as here; without torch it also runs in a notebook's kernel.

Of an image of `Bands` every plane is moved, and the colours of the RGB plane alone are changed:
alpha, and what other bands hold, are no colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageEnhance, ImageOps

from nbfinetune.data.bands import Bands, Raster

FILL = (128, 128, 128)
"""Colour of what a shifted or turned image leaves bare: mid-grey, near the mean of photos."""

RESAMPLING = {name.lower(): Image.Resampling[name] for name in Image.Resampling.__members__}

_BINS = 31


@dataclass(frozen=True)
class Operation:
    """One operation of the space.

    Parameters
    ----------
    apply : callable (image, magnitude) -> image
    first, last : float
        Magnitudes of the weakest and the strongest of `bins` steps.
    signed : bool
        Whether the magnitude is as often negative.
    whole : bool
        Whether magnitudes are whole numbers.
    moves : bool
        Whether it moves pixels; else it changes colours.
    """

    apply: Callable[[Image.Image, float], Image.Image]
    first: float = 0.0
    last: float = 0.0
    signed: bool = False
    whole: bool = False
    moves: bool = False
    bins: int = _BINS

    def magnitude(self, step: int) -> float:
        """Magnitude of one of the steps, counted from 0."""
        value = self.first + (self.last - self.first) * step / (self.bins - 1)
        return float(round(value)) if self.whole else value


def apply_operation(image: Raster, name: str, magnitude: float) -> Raster:
    """Image after one of `OPERATIONS`; the size stays."""
    operation = OPERATIONS[name]
    if not isinstance(image, Bands):
        return operation.apply(image, magnitude)
    return image.each(
        lambda plane: (
            operation.apply(plane, magnitude) if operation.moves or plane.mode == "RGB" else plane
        )
    )


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=_fill(image)
    )


def _fill(image: Image.Image) -> tuple[int, ...]:
    return FILL[: len(image.getbands())]


def _shear_x(image: Image.Image, magnitude: float) -> Image.Image:
    return _affine(image, (1.0, magnitude, 0.0, 0.0, 1.0, 0.0))


def _shear_y(image: Image.Image, magnitude: float) -> Image.Image:
    return _affine(image, (1.0, 0.0, 0.0, magnitude, 1.0, 0.0))


def _translate_x(image: Image.Image, magnitude: float) -> Image.Image:
    return _affine(image, (1.0, 0.0, float(-int(magnitude)), 0.0, 1.0, 0.0))


def _translate_y(image: Image.Image, magnitude: float) -> Image.Image:
    return _affine(image, (1.0, 0.0, 0.0, 0.0, 1.0, float(-int(magnitude))))


def _rotate(image: Image.Image, magnitude: float) -> Image.Image:
    return image.rotate(magnitude, Image.Resampling.NEAREST, fillcolor=_fill(image))


def _brightness(image: Image.Image, magnitude: float) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.0 + magnitude)


def _color(image: Image.Image, magnitude: float) -> Image.Image:
    return ImageEnhance.Color(image).enhance(1.0 + magnitude)


def _contrast(image: Image.Image, magnitude: float) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(1.0 + magnitude)


def _sharpness(image: Image.Image, magnitude: float) -> Image.Image:
    return ImageEnhance.Sharpness(image).enhance(1.0 + magnitude)


def _posterize(image: Image.Image, magnitude: float) -> Image.Image:
    return ImageOps.posterize(image, int(magnitude))


def _solarize(image: Image.Image, magnitude: float) -> Image.Image:
    return ImageOps.solarize(image, 255.0 * magnitude)  # type: ignore[arg-type]


OPERATIONS = {
    "Identity": Operation(lambda image, _: image),
    "ShearX": Operation(_shear_x, 0.0, 0.99, signed=True, moves=True),
    "ShearY": Operation(_shear_y, 0.0, 0.99, signed=True, moves=True),
    "TranslateX": Operation(_translate_x, 0.0, 32.0, signed=True, moves=True),
    "TranslateY": Operation(_translate_y, 0.0, 32.0, signed=True, moves=True),
    "Rotate": Operation(_rotate, 0.0, 135.0, signed=True, moves=True),
    "Brightness": Operation(_brightness, 0.0, 0.99, signed=True),
    "Color": Operation(_color, 0.0, 0.99, signed=True),
    "Contrast": Operation(_contrast, 0.0, 0.99, signed=True),
    "Sharpness": Operation(_sharpness, 0.0, 0.99, signed=True),
    "Posterize": Operation(_posterize, 8.0, 2.0, whole=True),
    "Solarize": Operation(_solarize, 1.0, 0.0),
    "AutoContrast": Operation(lambda image, _: ImageOps.autocontrast(image)),
    "Equalize": Operation(lambda image, _: ImageOps.equalize(image)),
}
