"""Optimizers by name, and what may be changed on one while it runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from nbfinetune.engine.optimizer_state import load_optimizer_state, optimizer_state
from nbfinetune.errors import ConfigError
from nbfinetune.records import OptimizerConfig
from nbfinetune.schedules import default_lr

__all__ = [
    "add_groups",
    "add_l1_gradient",
    "load_optimizer_state",
    "make_optimizer",
    "optimizer_names",
    "optimizer_state",
    "set_lr",
    "set_values",
]

Group = dict[str, Any]

TORCH = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}
FUSED = ("adamw", "adam", "sgd", "adagrad")
FUSED_DEVICES = ("cpu", "cuda")

# timm's list also has what needs other packages (apex, bitsandbytes) or second derivatives.
ELSEWHERE = ("bnb*", "fused*", "adahessian")


def optimizer_names() -> list[str]:
    """Names that `make_optimizer` knows."""
    listed = _of_timm().list_optimizers(exclude_filters=list(ELSEWHERE))
    return sorted({*TORCH, *map(str, listed)})


def make_optimizer(
    config: OptimizerConfig,
    groups: Sequence[Group],
    device: torch.device | str,
    lr: float | None = None,
) -> Optimizer:
    """Optimizer of a run.

    Parameters
    ----------
    config : OptimizerConfig
        `name`, `momentum` and `nesterov` are read; the groups carry the weight decay.
    groups : sequence of dict
        ``params``, ``names`` (parallel to it), ``lr_factor``, ``weight_decay``, and maybe
        ``decays``: whether weight decay and L1 concern the group at all. Without it, groups with
        a `weight_decay` above 0 do; where there is none such, groups of matrices and kernels do.
    device : torch.device or str
        Where the parameters lie; fused kernels are taken where torch has them.
    lr : float, optional
        The schedule's highest rate, which timm's "corrected" optimizers measure weight decay by;
        default `default_lr` of the name.

    Returns
    -------
    Optimizer
        At that rate; call `set_lr` before each step. LAMB clips the gradient's norm at 1 by itself.

    Raises
    ------
    ConfigError
        If there is no such optimizer (the closest names are offered).
    """
    name = config.name.lower()
    params = _marked(groups)
    lr = default_lr(name) if lr is None else lr
    if name in TORCH:
        optimizer: Optimizer = TORCH[name](params, lr=lr, **_torch_values(name, config, device))
    elif name in optimizer_names():
        optimizer = _of_timm().create_optimizer_v2(params, name, lr=lr)
        if config.momentum != OptimizerConfig().momentum:
            set_values(optimizer, momentum=config.momentum)
    else:
        raise ConfigError(_unknown(config.name))
    set_lr(optimizer, lr)
    return optimizer


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Give every group `lr` times its own `lr_factor`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_factor"]


def set_values(
    optimizer: Optimizer, weight_decay: float | None = None, momentum: float | None = None
) -> None:
    """Change values of a running optimizer; None leaves a value as it is.

    Parameters
    ----------
    weight_decay : float >= 0, optional
        For the groups that have any; never for norms and biases.
    momentum : float in [0, 1), optional
        The first beta of the Adam family.

    Raises
    ------
    ConfigError
        If the optimizer has no momentum; nothing is changed then.
    """
    if momentum is not None:
        _set_momentum(optimizer, momentum)
    if weight_decay is not None:
        for group in optimizer.param_groups:
            if group["decays"]:
                group["weight_decay"] = weight_decay


def add_groups(optimizer: Optimizer, groups: Sequence[Group]) -> None:
    """Let the optimizer train more parameters, from a fresh state.

    Parameters
    ----------
    groups : sequence of dict
        As for `make_optimizer`; call `set_lr` before the next step.
    """
    first = optimizer.param_groups[0]
    kept: Group = {key: first[key] for key in ("momentum", "betas") if key in first}
    for group in _marked(groups):
        optimizer.add_param_group({**kept, **group})


def add_l1_gradient(optimizer: Optimizer, l1: float) -> None:
    """Add the subgradient of ``l1 * sum |w|`` to the gradients of the weights that decay.

    Call it after the backward pass (and after unscaling), before clipping.
    """
    for group in optimizer.param_groups:
        if group["decays"]:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.add_(parameter.detach().sign(), alpha=l1)


def _torch_values(name: str, config: OptimizerConfig, device: torch.device | str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if name in FUSED and torch.device(device).type in FUSED_DEVICES:
        values["fused"] = True
    if name in ("adam", "adamw"):
        values["betas"] = (config.momentum, 0.999)
    if name in ("sgd", "rmsprop"):
        values["momentum"] = config.momentum
    if name == "sgd":
        values["nesterov"] = config.nesterov and config.momentum > 0
    return values


def _marked(groups: Sequence[Group]) -> list[Group]:
    """Copies of the groups that say whether weight decay concerns them."""
    none_decays = not any(group["weight_decay"] > 0 for group in groups)

    def decays(group: Group) -> bool:
        if none_decays:
            return all(parameter.ndim > 1 for parameter in group["params"])
        return bool(group["weight_decay"] > 0)

    return [{"decays": decays(group), **group} for group in groups]


def _set_momentum(optimizer: Optimizer, momentum: float) -> None:
    groups = optimizer.param_groups
    if not all("momentum" in group or "betas" in group for group in groups):
        raise ConfigError(
            f"{type(optimizer).__name__} has no momentum that could be set to {momentum!r}; "
            "leave momentum out, or choose adamw, adam, sgd, rmsprop or lamb"
        )
    for group in groups:
        if "momentum" in group:
            group["momentum"] = momentum
        else:
            group["betas"] = (momentum, *group["betas"][1:])
    for state in _without_buffer(optimizer):
        state["momentum_buffer"] = torch.zeros_like(state["square_avg"])


def _without_buffer(optimizer: Optimizer) -> Iterator[dict[str, Tensor]]:
    """States of an RMSprop that began without momentum and so has no buffer for it."""
    for state in optimizer.state.values():
        if "square_avg" in state and "momentum_buffer" not in state:
            yield state


def _of_timm() -> Any:
    """More optimizers; importing them takes half a second, which most runs need not wait."""
    import timm.optim

    return timm.optim


def _unknown(name: str) -> str:
    known = optimizer_names()
    near = difflib.get_close_matches(name.lower(), known, n=3) or sorted([*TORCH, "lamb"])
    return f"there is no optimizer {name!r}; closest: {', '.join(near)}"
