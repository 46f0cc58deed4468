"""Images of other channels than RGB, as a preview shows what the model sees."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data.images import ImageSet
from nbfinetune.data.index import ImageIndex
from nbfinetune.records import AugmentConfig, DataConfig, FineTuneConfig, Folder, ModelConfig
from nbfinetune.widgets.model_view import VALIDATED, Lens, Look, picture
from nbfinetune.widgets.thumbnails import thumbnail


def images_of(pixels) -> ImageSet:
    zeros = np.zeros(len(pixels), np.int64)
    return ImageSet(ImageIndex(("a",), zeros, zeros.astype(np.uint8)), pixels)


def seen(images, channels, epoch=VALIDATED):
    lens = Lens(size_px=32, channels=channels)
    shown = picture(images, Look(0, epoch, AugmentConfig(preset="strong"), lens, 0))
    assert shown.reason == ""
    return np.asarray(Image.open(io.BytesIO(shown.data)))


@pytest.fixture
def six():
    """One image of 32 px whose band i is 40 * i everywhere."""
    return images_of(np.broadcast_to(np.uint8(range(0, 240, 40)), (1, 32, 32, 6)).copy())


def test_of_six_bands_the_first_three_are_shown(six):
    assert (seen(six, 6)[5, 5] == (0, 40, 80)).all()
    assert seen(six, 6, epoch=3).shape == (32, 32, 3)
    small = thumbnail(six, 0)
    assert (np.asarray(Image.open(io.BytesIO(small.data)))[5, 5] == (0, 40, 80)).all()


def test_before_a_model_that_fits_is_chosen_the_bands_are_shown_all_the_same(six):
    assert (seen(six, 3)[5, 5] == (0, 40, 80)).all()


def test_a_model_of_one_channel_sees_a_photo_in_grey():
    red = images_of(np.broadcast_to(np.uint8([255, 0, 0]), (1, 32, 32, 3)).copy())
    assert (seen(red, 1)[5, 5] == 76).all()
    assert (seen(red, 3)[5, 5] == (255, 0, 0)).all()


def test_what_is_transparent_is_shown_white():
    clear = images_of(np.zeros((1, 32, 32, 4), np.uint8))
    assert (seen(clear, 4)[5, 5] == 255).all()


def test_a_lens_has_the_channels_of_the_config():
    config = FineTuneConfig(
        data=DataConfig(source=Folder(path="photos")), model=ModelConfig(in_chans=1)
    )
    assert Lens.of(config).channels == 1
