"""A heat map lies where the model looked, at any size, and can be seen."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from nbfinetune.explain.heat_map import HeatMap


def heat_map(grid, size=(60, 40), box=(10, 0, 50, 40)):
    return HeatMap(
        grid=np.asarray(grid, np.float32),
        box=box,
        size=size,
        image=Image.new("RGB", size, (90, 120, 150)),
        name="rose/1.jpg",
        class_name="rose",
        probability=0.75,
        method="grad_cam",
        layer="layer4",
    )


def test_values_have_the_size_of_the_image_and_stay_in_the_unit_interval():
    values = heat_map(np.eye(4)).values
    assert values.shape == (40, 60)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.max() > 0.9


def test_what_the_model_did_not_see_says_nothing():
    values = heat_map(np.ones((2, 2))).values
    assert (values[:, :10] == 0).all()
    assert (values[:, 50:] == 0).all()
    assert values[:, 10:50] == pytest.approx(1)


def test_a_quadrant_lies_where_it_is_at_any_size():
    seen = heat_map([[0, 0], [1, 0]], box=(10, 0, 50, 40))
    for scale in (0.5, 1, 3):
        values = seen.at((round(60 * scale), round(40 * scale)))
        height, width = values.shape
        lower_left = values[height // 2 :, : width // 2].sum()
        assert lower_left > 0.7 * values.sum()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (61, 41), (7, 40)])
def test_an_image_of_any_size_can_be_covered(size):
    assert heat_map(np.eye(3)).at(size).shape == (size[1], size[0])
    overlay = heat_map(np.eye(3)).overlay(Image.new("L", size, 7))
    assert overlay.size == size
    assert overlay.mode == "RGB"


def test_a_cold_place_shows_the_image_and_a_hot_one_colour():
    drawn = np.asarray(heat_map([[0, 0], [0, 1]]).overlay())
    assert drawn[0, 0].tolist() == [90, 120, 150]
    assert drawn[35, 45, 0] > 150
    plain = np.asarray(heat_map([[0, 0], [0, 1]]).overlay(opacity=0.0))
    assert (plain == (90, 120, 150)).all()


def test_an_image_that_lies_on_its_side_is_covered_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = io.BytesIO()
    Image.new("RGB", (40, 60)).save(photo, "JPEG", exif=exif)
    overlay = heat_map(np.eye(2)).overlay(Image.open(photo))
    assert overlay.size == (60, 40)


def test_a_notebook_shows_the_overlay_and_a_line_says_what_it_is():
    one = heat_map(np.eye(3))
    shown = Image.open(io.BytesIO(one._repr_png_()))
    assert np.array_equal(np.asarray(shown), np.asarray(one.overlay()))
    assert repr(one) == "HeatMap of rose/1.jpg: 'rose' (0.750), grad_cam of layer4"


def test_a_map_needs_no_torch():
    code = "import sys, nbfinetune.explain.heat_map; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
