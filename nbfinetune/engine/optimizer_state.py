"""The state of an optimizer as plain tensors and JSON, and back, bit for bit. Never a pickle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nbfinetune.errors import CheckpointMismatch

# How a step is computed belongs to the machine; what it computes with belongs to the run.
IMPLEMENTATION = ("fused", "foreach", "capturable", "differentiable")


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Everything that decides the next steps.

    Parameters
    ----------
    optimizer : Optimizer
        Made by `make_optimizer`: its groups carry ``names``, one for each parameter.

    Returns
    -------
    tensors : dict of str to Tensor
        The live tensors, not copies: write or copy them before the next step.
    meta : dict
        Can be written as JSON. Holds the place of every tensor, by the parameter's name.
    """
    packed = optimizer.state_dict()
    names = _names(packed["param_groups"])
    tensors: dict[str, Tensor] = {}
    state = {
        names[number]: _packed(value, f"state/{names[number]}", tensors)
        for number, value in packed.pop("state").items()
    }
    groups = [
        {key: _packed(value, f"group/{i}/{key}", tensors) for key, value in group.items()}
        for i, group in enumerate(packed.pop("param_groups"))
    ]
    extra = {key: _packed(value, f"extra/{key}", tensors) for key, value in packed.items()}
    return tensors, {"state": state, "groups": groups, "extra": extra}


def load_optimizer_state(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]
) -> None:
    """Give a fresh optimizer the state that `optimizer_state` took of another.

    Parameters
    ----------
    optimizer : Optimizer
        With the same groups of the same parameters, in the memory format they are trained in.
    tensors, meta
        What `optimizer_state` gave, maybe by way of a file.

    Raises
    ------
    CheckpointMismatch
        If the groups hold other parameters; the first that differs is named.
    """
    fresh = optimizer.state_dict()["param_groups"]
    groups = [
        {key: _unpacked(value, tensors) for key, value in group.items()} for group in meta["groups"]
    ]
    _check_same_parameters(groups, fresh)
    for group, live in zip(groups, fresh, strict=True):
        group.update({key: live[key] for key in ("params", *IMPLEMENTATION) if key in live})
    numbers = {name: number for number, name in _names(fresh).items()}
    state = {numbers[name]: _unpacked(value, tensors) for name, value in meta["state"].items()}
    _lay_out_like_parameters(state, optimizer)
    extra = {key: _unpacked(value, tensors) for key, value in meta["extra"].items()}
    optimizer.load_state_dict({"state": state, "param_groups": groups, **extra})


def _names(groups: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    return {
        number: name
        for group in groups
        for number, name in zip(group["params"], group["names"], strict=True)
    }


def _packed(value: Any, key: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON; its tensors go into `tensors` under names that begin with `key`."""
    if isinstance(value, Tensor):
        tensors[key] = value.detach()
        return {"tensor": key}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, dict):
        return {"dict": {k: _packed(v, f"{key}/{k}", tensors) for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        packed = [_packed(v, f"{key}/{i}", tensors) for i, v in enumerate(value)]
        return {"tuple": packed} if isinstance(value, tuple) else packed
    return value


def _unpacked(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(packed, list):
        return [_unpacked(value, tensors) for value in packed]
    match packed:
        case {"tensor": key}:
            return tensors[key].clone()
        case {"dtype": name}:
            return getattr(torch, name)
        case {"dict": inner}:
            return {key: _unpacked(value, tensors) for key, value in inner.items()}
        case {"tuple": inner}:
            return tuple(_unpacked(value, tensors) for value in inner)
    return packed


def _lay_out_like_parameters(state: dict[int, dict[str, Any]], optimizer: Optimizer) -> None:
    """Give the tensors their parameter's strides: a file keeps none.

    Fused CPU kernels read memory in order and would pair the wrong elements without a word.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, values in state.items():
        for key, value in values.items():
            like = parameters[number]
            if isinstance(value, Tensor) and value.shape == like.shape:
                values[key] = torch.empty_like(like, dtype=value.dtype, device="cpu").copy_(value)


def _check_same_parameters(saved: list[Any], fresh: list[Any]) -> None:
    saved_names, fresh_names = ([list(g["names"]) for g in groups] for groups in (saved, fresh))
    if saved_names == fresh_names:
        return
    differing = sorted(set(_names(saved).values()) ^ set(_names(fresh).values()))
    raise CheckpointMismatch(
        f"the checkpoint's optimizer has {len(saved_names)} groups of other parameters than the "
        f"{len(fresh_names)} of this model; first that differs: "
        f"{differing[0] if differing else 'their order'}. Was it saved by another run?"
    )
