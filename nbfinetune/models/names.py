"""What a model's name says: whose architecture it is, and which published weights."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

import timm
import torchvision

from nbfinetune.errors import ModelError, UnknownModel
from nbfinetune.models.catalogue import most_like

__all__ = ["ModelName", "factory", "parse_name", "timm_config"]

TORCHVISION_PREFIX = "tv_"
OFFERED = 3


@dataclass(frozen=True)
class ModelName:
    """A name that was looked up and found.

    Parameters
    ----------
    full : str
        As the user wrote it.
    origin : {"timm", "torchvision", "factory"}
        Who builds it.
    architecture : str
        Without prefix and tag; for a factory, `full`.
    tag : str, optional
        Which published weights: timm's tag, or a torchvision weights entry.
    """

    full: str
    origin: Literal["timm", "torchvision", "factory"]
    architecture: str
    tag: str | None = None


def parse_name(name: str) -> ModelName:
    """Look a model's name up.

    Parameters
    ----------
    name : str
        `resnet18`, `resnet18.a1_in1k`, `tv_alexnet`, `tv_resnet50.IMAGENET1K_V1`, or
        `package.module:function`.

    Raises
    ------
    UnknownModel
        With the three closest names.
    ModelError
        If a factory's module can't be imported.
    """
    if ":" in name:
        factory(name)
        return ModelName(name, "factory", name)
    architecture, _, tag = name.partition(".")
    if name.startswith(TORCHVISION_PREFIX):
        return _torchvision_name(name, architecture.removeprefix(TORCHVISION_PREFIX), tag or None)
    if not timm.is_model(architecture):
        raise _unknown(name, architecture, [*timm.list_models(), *_torchvision_names()])
    if tag:
        known = timm.models.list_pretrained(f"{architecture}.*")
        if name not in known:
            raise _unknown(name, name, known or [architecture])
    return ModelName(name, "timm", architecture, tag or None)


def timm_config(name: str) -> dict[str, Any]:
    """What timm knows of an architecture and its published weights, by the keys of its own."""
    known = timm.models.get_pretrained_cfg(name)
    if known is None:
        raise UnknownModel(f"timm has no configuration of {name!r}; take a tag that it lists")
    config: dict[str, Any] = cast("Any", known).to_dict()
    return config


def factory(name: str) -> Callable[..., Any]:
    """Function (or class) that `"package.module:function"` names.

    Raises
    ------
    ModelError
        If the module can't be imported; the message quotes why.
    UnknownModel
        If the module has no such function.
    """
    module_name, _, attribute = name.partition(":")
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
        raise UnknownModel(
            f"{name!r} is no model name: a timm name, tv_<torchvision name> or "
            "'package.module:function' is needed"
        )
    if module_name == "__main__":
        raise ModelError(
            f"{name!r} lives in the notebook or script itself, where the training process can't "
            f"reach it; put it into a file, say my_models.py, and pass 'my_models:{attribute}'"
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ModelError(
            f"the module {module_name!r} of the model {name!r} can't be imported "
            f"({type(error).__name__}: {error}); it must be installed, or lie in the folder "
            "where you started Python"
        ) from error
    function = getattr(module, attribute, None)
    if not callable(function):
        public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise UnknownModel(
            f"{module_name} has no function {attribute!r}{_offer(attribute, public)}"
        )
    return function  # type: ignore[no-any-return]


def _torchvision_name(full: str, architecture: str, tag: str | None) -> ModelName:
    if f"{TORCHVISION_PREFIX}{architecture}" not in _torchvision_names():
        raise _unknown(full, full, [*_torchvision_names(), *timm.list_models()])
    if tag:
        tags = [entry.name for entry in torchvision.models.get_model_weights(architecture)]
        if tag not in tags:
            offered = [f"{TORCHVISION_PREFIX}{architecture}.{entry}" for entry in tags]
            raise _unknown(full, full, offered)
    return ModelName(full, "torchvision", architecture, tag)


def _torchvision_names() -> list[str]:
    names = torchvision.models.list_models(module=torchvision.models)
    return [f"{TORCHVISION_PREFIX}{name}" for name in names]


def _unknown(full: str, wanted: str, names: Iterable[str]) -> UnknownModel:
    return UnknownModel(f"there is no model {full!r}{_offer(wanted, names)}")


def _offer(wanted: str, names: Iterable[str]) -> str:
    near = most_like(wanted, names, OFFERED)
    return f"; closest: {', '.join(near)}" if near else ""
