"""Our pixels against torchvision's, and the draws that choose them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbfinetune.data.augment import CROPS, Plan, apply, draw, eval_plan, see
from nbfinetune.data.pixels import FILL, OPERATIONS
from nbfinetune.data.randomness import epoch_order, rng_for
from nbfinetune.records import AugmentConfig


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    rough = np.random.default_rng(5).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((97, 64), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def v2():
    from torchvision.transforms import v2

    return v2


def test_the_operations_are_those_of_torchvision(v2):
    theirs = v2.TrivialAugmentWide._AUGMENTATION_SPACE
    assert list(OPERATIONS) == list(theirs)
    for name, (magnitudes, signed) in theirs.items():
        ours = [OPERATIONS[name].magnitude(step) for step in range(31)]
        wanted = magnitudes(31, 64, 97)
        assert OPERATIONS[name].signed == signed
        wanted = [0.0] * 31 if wanted is None else wanted.tolist()
        assert ours == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_gives_the_pixels_of_torchvision(name, photo, v2):
    theirs = v2.TrivialAugmentWide(fill=FILL[0])
    signs = (1, -1) if OPERATIONS[name].signed else (1,)
    box = (0, 0, *photo.size)
    for step in range(31):
        for sign in signs:
            magnitude = sign * OPERATIONS[name].magnitude(step)
            wanted = theirs._apply_image_or_video_transform(
                photo.resize((64, 64), Image.Resampling.BILINEAR),
                name,
                magnitude,
                interpolation=theirs.interpolation,
                fill=theirs._fill,
            )
            found = apply(photo, Plan(box, operations=((name, magnitude),)), 64, "bilinear")
            assert (found == np.asarray(wanted)).all(), (name, magnitude)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("box", [(0, 0, 97, 64), (3, 5, 60, 62), (10, 10, 12, 11)])
def test_crop_resize_and_flip_give_the_pixels_of_torchvision(box, interpolation, photo, v2):
    left, top, right, bottom = box
    wanted = v2.functional.resized_crop(
        photo,
        top,
        left,
        bottom - top,
        right - left,
        [32, 32],
        interpolation=v2.InterpolationMode(interpolation),
    )
    assert (apply(photo, Plan(box), 32, interpolation) == np.asarray(wanted)).all()
    mirrored = np.asarray(v2.functional.hflip(wanted))
    assert (apply(photo, Plan(box, flip=True), 32, interpolation) == mirrored).all()


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["light", "standard", "strong"]),
    st.integers(1, 500),
    st.integers(1, 500),
    st.integers(0, 2**63 - 1),
)
def test_every_crop_lies_in_the_image(preset, width, height, seed):
    plan = draw(AugmentConfig(preset=preset), rng_for(seed, 3, 4), width, height)
    left, top, right, bottom = plan.box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@pytest.mark.parametrize("size", [(640, 480), (300, 300), (333, 500)])
@pytest.mark.parametrize("preset", ["light", "standard", "strong"])
def test_crops_fill_the_range_of_their_preset(preset, size, photo):
    crop, config = CROPS[preset], AugmentConfig(preset=preset)
    plans = [draw(config, rng_for(0, 0, i), *size) for i in range(600)]
    whole = min(size) ** 2 if crop.square else size[0] * size[1]
    sides = np.array([(p.box[2] - p.box[0], p.box[3] - p.box[1]) for p in plans])
    shares, ratios = sides.prod(axis=1) / whole, sides[:, 0] / sides[:, 1]
    assert crop.scale[0] * 0.98 < shares.min() < crop.scale[0] + 0.05
    assert shares.max() <= crop.scale[1] * 1.01
    assert crop.ratio[0] * 0.98 < ratios.min() < 0.99
    assert 1.01 < ratios.max() < crop.ratio[1] * 1.02
    assert len({p.box[:2] for p in plans}) > 300
    assert 240 < sum(p.flip for p in plans) < 360


def test_crops_reach_every_edge():
    config = AugmentConfig(preset="light")
    boxes = np.array([draw(config, rng_for(0, 0, i), 12, 10).box for i in range(600)])
    assert boxes.min(axis=0)[:2].tolist() == [0, 0]
    assert boxes.max(axis=0)[2:].tolist() == [12, 10]
    smaller = boxes[(boxes[:, 2] - boxes[:, 0] < 10) & (boxes[:, 3] - boxes[:, 1] < 10)]
    assert smaller[:, 2:].max(axis=0).tolist() == [12, 10]


def test_boxes_fall_as_those_of_torchvision(v2):
    import torch

    torch.manual_seed(0)
    crop = v2.RandomResizedCrop(8, scale=(0.35, 1.0))
    blank = Image.new("RGB", (320, 240))
    params = [crop.make_params([blank]) for _ in range(2000)]
    theirs = np.array([[p["left"], p["top"], p["width"], p["height"]] for p in params])
    config = AugmentConfig(preset="standard")
    boxes = np.array([draw(config, rng_for(0, 0, i), 320, 240).box for i in range(2000)])
    ours = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    error = theirs.std(axis=0) * np.sqrt(2 / 2000)
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 4 * error).all()
    assert ours.std(axis=0) == pytest.approx(theirs.std(axis=0), rel=0.1)


def test_the_strong_preset_uses_every_operation_in_both_directions():
    config = AugmentConfig(preset="strong")
    operations = [draw(config, rng_for(1, 0, i), 64, 64).operations for i in range(1500)]
    assert all(len(operation) == 1 for operation in operations)
    names = [operation[0][0] for operation in operations]
    assert set(names) == set(OPERATIONS)
    assert max(names.count(name) for name in OPERATIONS) < 2 * 1500 / len(OPERATIONS)
    rotations = [magnitude for ((name, magnitude),) in operations if name == "Rotate"]
    assert min(rotations) < -100 < 100 < max(rotations)


def test_flips_can_be_turned_off():
    for preset in ("light", "standard", "strong"):
        config = AugmentConfig(preset=preset, flip=False)
        assert not any(draw(config, rng_for(0, 0, i), 64, 64).flip for i in range(50))


def test_without_variation_an_image_is_seen_as_in_validation(photo):
    plan = draw(AugmentConfig(preset="none"), rng_for(0, 0, 0), *photo.size)
    assert plan == eval_plan(*photo.size, 1.0)


def test_validation_sees_the_centre(v2, photo):
    assert eval_plan(400, 300, 0.875).box == (69, 19, 331, 281)
    assert eval_plan(1, 50, 0.1).box == (0, 24, 1, 25)
    # What timm and torchvision do: scale the shorter side to size / crop_pct, then cut.
    large = photo.resize((970, 640), Image.Resampling.BICUBIC)
    theirs = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])(large)
    ours = see(large, 224, "bilinear", 0.875)
    assert np.abs(ours.astype(int) - np.asarray(theirs)).mean() < 1.0


def test_small_images_are_kept_whole():
    rim = np.zeros((28, 28, 3), np.uint8)
    rim[:, :2] = 255
    seen = see(Image.fromarray(rim), 224, "nearest", 0.875)
    assert (seen[:, :16] == 255).all()


def test_a_draw_depends_on_seed_epoch_and_image_alone():
    def numbers(*key):
        return rng_for(*key).random(4).tolist()

    keys = [(s, e, i) for s in (0, 1, 2**63 - 1) for e in (0, 1, 9) for i in (0, 1, 10**9)]
    assert len({tuple(numbers(*key)) for key in keys}) == len(keys)
    assert numbers(1, 2, 3) == numbers(1, 2, 3)


def test_orders_are_permutations_that_differ_by_epoch_and_seed():
    ids = np.arange(50, 150)
    orders = {tuple(epoch_order(ids, seed, epoch)) for seed in (0, 1) for epoch in range(5)}
    assert len(orders) == 10
    assert all(sorted(order) == ids.tolist() for order in orders)
    assert ids.tolist() == list(range(50, 150))


def test_variation_needs_no_torch():
    code = "import sys, nbfinetune.data.loader; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "False"
