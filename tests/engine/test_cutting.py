"""The fast way to cut training images, against Pillow's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from nbfinetune.data.augment import Plan, apply, apply_by, draw
from nbfinetune.data.randomness import rng_for
from nbfinetune.engine.cutting import cut, fast_cut
from nbfinetune.records import AugmentConfig


def photo(channels: int = 3) -> np.ndarray:
    """A smooth picture with some noise, 173 by 131 pixels."""
    rows, columns = np.mgrid[0:131, 0:173]
    planes = [128 + 100 * np.sin(rows / (9 + k) + columns / (15 - k)) for k in range(channels)]
    noise = np.random.default_rng(0).normal(0, 6, (131, 173, channels))
    return (np.stack(planes, 2) + noise).clip(0, 255).astype(np.uint8)


def pillow(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0])


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 128, 224])
def test_it_is_what_pillow_cuts_up_to_rounding(interpolation, channels, size):
    pixels = photo(channels)
    for number in range(8):
        plan = draw(AugmentConfig(), rng_for(0, 1, number), 173, 131)
        fast = cut(pixels, plan, size, interpolation).astype(int)
        slow = apply(pillow(pixels), plan, size, interpolation).astype(int)
        assert fast.shape == (size, size, channels)
        difference = np.abs(fast - slow)
        assert difference.max() <= 2
        assert (difference > 0).mean() < 0.1


def test_a_flip_turns_the_same_piece_over():
    pixels, box = photo(), (10, 20, 140, 120)
    plain = cut(pixels, Plan(box), 64, "bilinear")
    assert np.array_equal(cut(pixels, Plan(box, flip=True), 64, "bilinear"), plain[:, ::-1])


def test_operations_follow_the_cut():
    plan = Plan((0, 0, 173, 131), operations=(("Solarize", 0.0),))
    plain = cut(photo(), Plan(plan.box), 64, "bilinear")
    assert np.array_equal(apply_by(cut, photo(), plan, 64, "bilinear"), 255 - plain)


def test_pixels_that_nobody_may_write_to_are_cut_as_well():
    pixels = photo()
    pixels.setflags(write=False)
    assert cut(pixels, Plan((0, 0, 173, 131)), 32, "bilinear").shape == (32, 32, 3)


def test_where_torch_is_no_faster_pillow_cuts(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert fast_cut("bilinear") is None


def test_a_filter_that_torch_lacks_is_pillows():
    assert fast_cut("lanczos") is None
