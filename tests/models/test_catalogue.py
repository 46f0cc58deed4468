"""What is known of published models, read without torch and asked by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nbfinetune.errors import UnknownModel
from nbfinetune.models.catalogue import catalogue, closest, facts, known, made_with

READ = """
import sys
from nbfinetune.models.catalogue import catalogue
heavy = {"torch", "timm", "torchvision", "pandas", "numpy"}
print(len(catalogue()), *sorted(heavy & {*sys.modules}))
"""


def test_the_catalogue_is_read_without_torch_and_pandas():
    done = subprocess.run(
        [sys.executable, "-c", READ], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(done[0]) > 2000
    assert done[1:] == []


def test_every_row_has_a_name_of_its_own_and_every_architecture_one_default():
    rows = catalogue()
    defaults = [row.architecture for row in rows if row.default]
    assert len({row.name for row in rows}) == len(rows)
    assert sorted(defaults) == sorted({row.architecture for row in rows})


def test_every_row_is_filled_in():
    for row in catalogue():
        assert row.parameters > 0, row.name
        assert 0 < row.min_size <= row.image_size, row.name
        assert row.pretrained == bool(row.pretraining) == bool(row.file), row.name
        assert row.top1 is None or 0 < row.top1 < row.top5 < 100, row.name
        assert row.license, row.name
        assert row.year is None or row.year >= 2012, row.name


def test_resnet18_is_what_everybody_knows():
    row = facts("resnet18.tv_in1k")
    assert (row.parameters, row.image_size, row.year) == (11_689_512, 224, 2015)
    assert row.macs == pytest.approx(1.814e9, rel=0.001)
    assert row.top1 == pytest.approx(69.76, abs=0.05)
    assert (row.hub_id, row.file) == ("timm/resnet18.tv_in1k", "model.safetensors")
    assert (row.license, row.license_kind) == ("bsd-3-clause", "permissive")


def test_a_bare_name_means_its_default_weights():
    assert facts("resnet18").name == "resnet18.a1_in1k"
    assert facts("tv_resnet50").name == "tv_resnet50.IMAGENET1K_V2"


def test_an_architecture_without_weights_is_known_by_its_bare_name():
    row = facts("vgg16_bn")
    assert row.pretrained
    bare = [row for row in catalogue() if not row.pretrained]
    assert bare
    assert all("." not in row.name and row.name == row.architecture for row in bare)


def test_weights_that_do_not_allow_commerce_are_flagged():
    assert facts("resnet18.fb_swsl_ig1b_ft_in1k").license_kind == "non-commercial"
    assert facts("tv_vit_b_16.IMAGENET1K_SWAG_E2E_V1").license_kind == "non-commercial"
    assert facts("tv_vit_b_16.IMAGENET1K_V1").license_kind == "unknown"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("efficient net b0", "efficientnet_b0"),
        ("resnet 18", "resnet18"),
        ("Mobilenetv3_smal_100", "mobilenetv3_small_100"),
        ("restnet50", "resnet50"),
        ("alexnet", "tv_alexnet"),
        ("resnet18.a9_in1k", "resnet18.a1_in1k"),
        ("resnt18.a1_in1k", "resnet18"),
    ],
)
def test_a_typo_is_answered_with_the_closest_three(written, meant):
    with pytest.raises(UnknownModel, match="no model") as caught:
        facts(written)
    offered = str(caught.value).partition("closest: ")[2].split(", ")
    assert meant in offered
    assert offered == closest(written)
    assert len(offered) <= 3


def test_nonsense_is_offered_nothing():
    assert closest("§§§") == closest("") == []


def test_a_factory_is_not_in_the_catalogue_and_that_is_said():
    assert known("my_models:small_cnn") is None
    with pytest.raises(UnknownModel, match="a function of your own"):
        facts("my_models:small_cnn")


def test_the_versions_that_it_was_built_with_are_known():
    assert set(made_with()) == {"timm", "torchvision", "torch"}
