"""What a model's name may be, and what is offered for one that is none."""

from __future__ import annotations

import pytest

from nbfinetune.errors import ModelError, UnknownModel
from nbfinetune.models.names import factory, parse_name


@pytest.mark.parametrize(
    ("name", "origin", "architecture", "tag"),
    [
        ("resnet18", "timm", "resnet18", None),
        ("resnet18.a1_in1k", "timm", "resnet18", "a1_in1k"),
        ("tv_alexnet", "torchvision", "alexnet", None),
        ("tv_resnet50.IMAGENET1K_V1", "torchvision", "resnet50", "IMAGENET1K_V1"),
        ("factories:small_cnn", "factory", "factories:small_cnn", None),
    ],
)
def test_a_name_says_who_builds_the_model_and_with_which_weights(name, origin, architecture, tag):
    found = parse_name(name)
    assert (found.origin, found.architecture, found.tag) == (origin, architecture, tag)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("resnet 18", "resnet18"),
        ("efficient-net-b0", "efficientnet_b0"),
        ("Mobilenetv3_smal_100", "mobilenetv3_small_100"),
        ("alexnet", "tv_alexnet"),
        ("tv_alexne", "tv_alexnet"),
        ("resnet18.a1", "resnet18.a1_in1k"),
        ("tv_resnet50.V1", "tv_resnet50.IMAGENET1K_V1"),
        ("vit_tiny", "vit_tiny_patch16_224"),
    ],
)
def test_a_typo_is_answered_with_at_most_three_close_names(typo, meant):
    with pytest.raises(UnknownModel) as caught:
        parse_name(typo)
    message = str(caught.value)
    assert repr(typo) in message
    offered = message.partition("closest: ")[2].split(", ")
    assert meant in offered
    assert len(offered) <= 3


@pytest.mark.parametrize("name", ["", "hf-hub:timm/resnet18", "os:system:x", "a b:c", "../x:y"])
def test_what_is_no_name_at_all_is_refused_in_words(name):
    with pytest.raises(UnknownModel, match="no model"):
        parse_name(name)


def test_a_module_that_can_not_be_imported_is_quoted(tmp_path, monkeypatch):
    (tmp_path / "nets_with_a_bug.py").write_text("import a_library_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match="No module named 'a_library_that_nobody_has'"):
        parse_name("nets_with_a_bug:make")


def test_a_function_that_the_module_lacks_is_answered_with_those_it_has():
    with pytest.raises(UnknownModel, match="small_cnn"):
        factory("factories:smal_cnn")


def test_a_function_of_the_notebook_is_sent_to_a_file():
    with pytest.raises(ModelError, match=r"my_models:make"):
        factory("__main__:make")
