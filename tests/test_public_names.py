"""The package's face: every name it promises is there, and nothing else is offered."""

from __future__ import annotations

import re
import types

import pytest

import nbfinetune
from nbfinetune import errors


@pytest.mark.parametrize("name", nbfinetune.__all__)
def test_every_promised_name_is_there(name: str) -> None:
    value = getattr(nbfinetune, name)
    assert isinstance(value, (str, types.ModuleType)) or value.__module__.startswith("nbfinetune.")


def test_the_promised_names_are_what_completion_offers() -> None:
    assert dir(nbfinetune) == sorted(set(nbfinetune.__all__))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fine_tuned'"):
        nbfinetune.fine_tuned  # noqa: B018


def test_the_tree_of_errors_is_drawn_as_the_classes_stand() -> None:
    drawn, above = {}, {0: "NbFinetuneError"}
    for stem, name in re.findall(r"(?m)^ {4}([│├└─ ]+)(\w+)", errors.__doc__ or ""):
        depth = len(stem) // 4
        above[depth] = name
        drawn[name] = above[depth - 1]
    classes = {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__}
    assert drawn == {name: base for name, base in classes.items() if name != "NbFinetuneError"}


def test_the_version_is_the_packages_own() -> None:
    from importlib.metadata import version

    assert nbfinetune.__version__ == version("nbfinetune")
