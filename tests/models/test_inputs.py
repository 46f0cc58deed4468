"""Image sizes and normalisation, known before any weights."""

from __future__ import annotations

import pytest
import timm
import torchvision

from nbfinetune.errors import ConfigError
from nbfinetune.models.inputs import choose_image_size, model_input


@pytest.mark.parametrize(
    ("name", "sizes"),
    # At images of 8 (digits), 28 (MNIST), 64, 96 and 500 pixels.
    [
        ("resnet18", (32, 64, 128, 192, 224)),
        ("vgg16", (32, 64, 128, 192, 224)),
        ("convnext_atto", (32, 64, 128, 192, 224)),
        ("efficientnet_b0", (32, 64, 128, 192, 224)),
        ("tv_squeezenet1_0", (32, 64, 128, 192, 224)),
        ("tv_googlenet", (32, 64, 128, 192, 224)),
        ("tv_alexnet", (64, 64, 128, 192, 224)),
        ("inception_v3", (96, 96, 128, 192, 299)),
        ("tv_inception_v3", (96, 96, 128, 192, 299)),
        ("vit_tiny_patch16_224", (224, 224, 224, 224, 224)),
        ("swin_tiny_patch4_window7_224", (224, 224, 224, 224, 224)),
        ("tv_vit_b_16", (224, 224, 224, 224, 224)),
        ("halonet26t", (256, 256, 256, 256, 256)),
    ],
)
def test_small_images_lower_the_size_where_the_model_takes_that(name, sizes):
    facts = model_input(name)
    assert tuple(choose_image_size(facts, None, side) for side in (8, 28, 64, 96, 500)) == sizes


def test_a_requested_size_wins():
    assert choose_image_size(model_input("resnet18"), 160, 8) == 160
    assert choose_image_size(model_input("vit_tiny_patch16_224"), 96, 500) == 96
    assert choose_image_size(model_input("halonet26t"), 512, 500) == 512


@pytest.mark.parametrize("name", ["mixer_b16_224", "levit_128", "tv_maxvit_t"])
def test_a_model_of_one_size_says_which_when_asked_for_another(name):
    with pytest.raises(ConfigError, match="224 pixels only"):
        choose_image_size(model_input(name), 96, 500)
    assert choose_image_size(model_input(name), 224, 28) == 224


def test_a_size_too_small_for_the_model_is_refused_with_the_smallest():
    with pytest.raises(ConfigError, match="at least 75"):
        choose_image_size(model_input("inception_v3"), 64, 500)


def test_normalisation_and_crop_are_those_of_timm():
    facts = model_input("vit_tiny_patch16_224")
    cfg = timm.get_pretrained_cfg("vit_tiny_patch16_224")
    assert (facts.mean, facts.std) == (cfg.mean, cfg.std) == ((0.5,) * 3, (0.5,) * 3)
    assert (facts.interpolation, facts.crop_pct) == (cfg.interpolation, cfg.crop_pct)
    tagged = model_input("resnet50.tv_in1k")
    assert (tagged.interpolation, tagged.crop_pct) == ("bilinear", 0.875)


def test_normalisation_and_crop_are_those_of_torchvision():
    facts = model_input("tv_inception_v3")
    seen = torchvision.models.Inception_V3_Weights.DEFAULT.transforms()
    assert (list(facts.mean), list(facts.std)) == (seen.mean, seen.std)
    assert (facts.size_px, round(facts.size_px / facts.crop_pct)) == (299, 342)


def test_a_factory_may_say_what_its_model_wants(tmp_path, monkeypatch):
    (tmp_path / "nets_that_say.py").write_text(
        "def make(num_classes): ...\n"
        "make.default_cfg = dict(input_size=(3, 28, 28), fixed_input_size=True, mean=(0.1,) * 3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    facts = model_input("nets_that_say:make")
    assert (facts.size_px, facts.mean) == (28, (0.1, 0.1, 0.1))
    assert choose_image_size(facts, None, 500) == 28
    with pytest.raises(ConfigError, match="28 pixels only"):
        choose_image_size(facts, 64, 500)
