from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

from nbfinetune.engine.mixing import cut_box, cut_mixed, mix, mixed_up
from nbfinetune.records import AugmentConfig


@pytest.fixture
def images() -> Tensor:
    return torch.randn(6, 3, 16, 20, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> Tensor:
    return torch.tensor([0, 1, 2, 3, 1, 0])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, 17])


def test_torchvision_takes_no_generator():
    for theirs in (v2.MixUp, v2.CutMix):
        assert "generator" not in inspect.signature(theirs).parameters


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_mixup_is_torchvisions_to_the_pixel(images: Tensor, labels: Tensor, share: float):
    theirs = v2.MixUp(num_classes=4)
    theirs.make_params = lambda _: {"lam": share}
    expected, _ = theirs(images, labels)
    assert torch.equal(mixed_up(images, share), expected)


@pytest.mark.parametrize("box", [(0, 0, 20, 16), (3, 2, 9, 16), (5, 5, 5, 5)])
def test_cutmix_is_torchvisions_to_the_pixel(
    images: Tensor, labels: Tensor, box: tuple[int, int, int, int]
):
    ours, share = cut_mixed(images, box)
    theirs = v2.CutMix(num_classes=4)
    theirs.make_params = lambda _: {"box": box, "lam_adjusted": share}
    expected, _ = theirs(images, labels)
    assert torch.equal(ours, expected)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 1.0])
def test_the_box_is_torchvisions_for_the_same_draw(share: float, monkeypatch: pytest.MonkeyPatch):
    drawn = rng(3)
    centre = iter([torch.tensor([int(drawn.integers(side))]) for side in (20, 16)])
    theirs = v2.CutMix(num_classes=4)
    theirs._dist = type("Fixed", (), {"sample": lambda *_: share})()
    monkeypatch.setattr(torch, "randint", lambda *_, **__: next(centre))
    expected = theirs.make_params([torch.zeros(1, 3, 16, 20)])
    assert cut_box(20, 16, share, rng(3)) == expected["box"]


@pytest.mark.parametrize(
    "config",
    [AugmentConfig(mixup=0.4), AugmentConfig(cutmix=1.0), AugmentConfig(mixup=1, cutmix=1)],
)
def test_the_same_step_mixes_the_same_way(images: Tensor, labels: Tensor, config: AugmentConfig):
    torch.manual_seed(0)
    first = mix(images, labels, 4, config, rng(5))
    torch.manual_seed(1)
    again = mix(images, labels, 4, config, rng(5))
    other = mix(images, labels, 4, config, rng(6))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])


@pytest.mark.parametrize("seed", range(8))
def test_soft_targets_say_how_much_of_each_image_is_left(images: Tensor, labels: Tensor, seed: int):
    flat = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 3, 16, 20).contiguous()
    for config in (AugmentConfig(mixup=1.0), AugmentConfig(cutmix=1.0)):
        mixed, targets = mix(flat, torch.arange(6), 6, config, rng(seed))
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(6))
        torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), targets @ torch.arange(6.0))


def test_both_on_gives_each_batch_one_of_them(images: Tensor, labels: Tensor):
    config = AugmentConfig(mixup=1.0, cutmix=1.0)
    pasted = 0
    for seed in range(40):
        mixed, _ = mix(images, labels, 4, config, rng(seed))
        whole = (mixed == images) | (mixed == images.roll(1, 0))
        pasted += bool(whole.all())
    assert 8 < pasted < 32


def test_images_and_labels_stay_as_they_came(images: Tensor, labels: Tensor):
    before = images.clone()
    config = AugmentConfig(mixup=1.0)
    mixed, targets = mix(images, labels, 4, config, rng())
    assert torch.equal(images, before)
    assert mixed.data_ptr() != images.data_ptr()
    assert targets.dtype == torch.float32
    same, hard = mix(images, labels, 4, AugmentConfig(), rng())
    assert same is images
    assert hard is labels


def test_uint8_is_mixed_with_rounding(labels: Tensor):
    pixels = torch.randint(256, (6, 3, 8, 8), dtype=torch.uint8)
    mixed = mixed_up(pixels, 0.3)
    assert mixed.dtype == torch.uint8
    exact = pixels.double() * 0.3 + pixels.roll(1, 0).double() * 0.7
    assert (mixed.double() - exact).abs().max() <= 0.5 + 1e-4


def test_a_batch_of_one_is_its_own_neighbour():
    image = torch.randn(1, 3, 8, 8)
    mixed, targets = mix(image, torch.tensor([2]), 4, AugmentConfig(cutmix=1.0), rng())
    assert torch.equal(mixed, image)
    torch.testing.assert_close(targets, F.one_hot(torch.tensor([2]), 4).float())


def test_channels_last_images_stay_channels_last(images: Tensor, labels: Tensor):
    laid_out = images.contiguous(memory_format=torch.channels_last)
    for config in (AugmentConfig(mixup=1.0), AugmentConfig(cutmix=1.0)):
        mixed, _ = mix(laid_out, labels, 4, config, rng())
        assert mixed.is_contiguous(memory_format=torch.channels_last)
