"""The convolution that sees the image, fitted to other channels than red, green and blue."""

from __future__ import annotations

import torch
from timm.models import adapt_input_conv
from torch import Tensor, nn

from nbfinetune.errors import ModelError

__all__ = ["first_convolution", "fit_channels", "inflated"]


def first_convolution(module: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """Name and module of the first convolution that a model was given, or None without one."""
    found = ((n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d))
    return next(found, None)


def inflated(weight: Tensor, in_chans: int) -> Tensor:
    """Weight of a convolution for as many channels: (O, C, H, W) to (O, `in_chans`, H, W).

    As timm does it: for one channel the sum over the old ones; for more, the old ones repeated in
    turn and scaled to the same sum (which is exact where all are repeated as often).
    """
    return adapt_input_conv(in_chans, weight, base_chans=int(weight.shape[1]))


def fit_channels(module: nn.Module, in_chans: int, name: str) -> None:
    """Let the first convolution take images of `in_chans` channels; its weights are inflated.

    Parameters
    ----------
    name : str
        The model, for messages.

    Raises
    ------
    ModelError
        If the model does not begin with an ordinary convolution.
    """
    found = first_convolution(module)
    if found is not None and found[1].in_channels == in_chans:
        return
    if found is None or found[1].groups != 1:
        raise ModelError(
            f"{name} can't be fitted to in_chans={in_chans}: it does not begin with an ordinary "
            "convolution; give its function a parameter in_chans, or train on RGB images"
        )
    path, old = found
    new = nn.Conv2d(
        in_chans,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        stride=old.stride,  # type: ignore[arg-type]
        padding=old.padding,  # type: ignore[arg-type]
        dilation=old.dilation,  # type: ignore[arg-type]
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
        device="meta",
    )
    weight = torch.nn.Parameter(inflated(old.weight.detach(), in_chans))
    new.weight, new.bias = weight, old.bias
    module.set_submodule(path, new)
