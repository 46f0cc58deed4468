"""The catalogue is what its sources say: a sample is built anew."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import timm
import torchvision

from nbfinetune.models.catalogue import FILE, catalogue, made_with
from scripts.build_catalogue import write
from scripts.catalogue.footprints import Footprints
from scripts.catalogue.licenses import license_kind
from scripts.catalogue.pretraining import of_tag
from scripts.catalogue.results import Published
from scripts.catalogue.rows import rows, timm_names, torchvision_names

SAMPLE = [
    "test_vit.r160_in1k",
    "resnet18.a1_in1k",
    "mobilenetv3_small_050.lamb_in1k",
    "vit_tiny_patch16_224.augreg_in21k",
    "resnetblur18",
    "tv_squeezenet1_1.IMAGENET1K_V1",
    "tv_vit_b_16.IMAGENET1K_SWAG_E2E_V1",
]


@pytest.fixture(autouse=True)
def _same_versions() -> None:
    here = {"timm": timm.__version__, "torchvision": torchvision.__version__.partition("+")[0]}
    built = {name: made_with()[name] for name in here}
    if here != built:
        pytest.skip(f"the catalogue is of {built}, and {here} are installed")


def test_every_published_model_is_in_the_catalogue():
    names = [row.name for row in catalogue()]
    assert names == [*timm_names(), *torchvision_names()]


def test_a_sample_that_is_built_anew_is_the_catalogues_to_the_letter(
    tmp_path: Path, shared_data: Callable[[str], Path]
):
    published = Published(shared_data("timm_results"))
    anew = StringIO()
    write(rows(SAMPLE, Footprints(tmp_path / "costs.jsonl"), published), anew)
    kept = FILE.read_text(encoding="utf-8").splitlines()
    lines = {line.partition(",")[0]: line for line in kept[1:]}
    assert anew.getvalue().splitlines()[2:] == [lines[name] for name in SAMPLE]


def test_costs_that_were_measured_once_are_kept(tmp_path: Path):
    scratch = tmp_path / "costs.jsonl"
    first = Footprints(scratch).of("test_resnet.r160_in1k", 160)
    assert first["error"] == ""
    assert Footprints(scratch).of("test_resnet.r160_in1k", 160) == first
    assert len(scratch.read_text().splitlines()) == 1


def test_a_new_licence_has_to_be_read_by_somebody():
    with pytest.raises(LookupError, match="read it"):
        license_kind("cc-by-nd-9.0")


@pytest.mark.parametrize(
    ("architecture", "tag", "words"),
    [
        ("resnet18", "a1_in1k", "ImageNet-1k"),
        (
            "convnext_base",
            "clip_laion2b_augreg_ft_in12k_in1k_384",
            "LAION-2B (CLIP), then ImageNet-12k, then ImageNet-1k",
        ),
        ("convnext_tiny", "dinov3_lvd1689m", "LVD-1689M (DINOv3)"),
        ("fastvit_mci3", "apple_mclip2_dfndr2b", "DFNDR-2B (MobileCLIP2)"),
        ("vit_pe_core_base_patch16_224", "fb", "image-text pairs (Perception Encoder)"),
        ("resnet18", "", ""),
    ],
)
def test_a_tag_tells_what_its_weights_were_trained_on(architecture, tag, words):
    assert of_tag(architecture, tag) == words
