"""What one image costs a model: multiplications and memory, found without computing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from nbfinetune.models.groups import train_mode
from nbfinetune.models.tally import follow

__all__ = ["Footprint", "footprint"]

# The difference of two batches is what an image adds, in batches that outweigh the weights: with
# few images the peak lies elsewhere, where a weight's gradient is made.
SMALL, LARGE = 64, 128


@dataclass(frozen=True)
class Footprint:
    """Work and memory of a model for one image of one size, in float32.

    Parameters
    ----------
    parameters, trained : int
        Weights, and those of them that are trained.
    macs : int
        Multiply-accumulates of a forward pass: convolutions, linear layers and attention.
    activations : int
        Elements in the outputs of those (Radosavovic et al., arXiv:2003.13678).
    saved_bytes : int
        What is held of an image at the end of the forward pass, for the backward pass.
    peak_bytes : int
        The most that is held of an image at any time of both, gradients of weights aside.
    fixed_bytes : int
        What a pass holds besides, whatever the batch (normalised weights, position biases).
    """

    parameters: int
    trained: int
    macs: int
    activations: int
    saved_bytes: int
    peak_bytes: int
    fixed_bytes: int


def footprint(
    module: nn.Module,
    image_size: int,
    in_chans: int = 3,
    trained: Collection[str] | None = None,
) -> Footprint:
    """Follow two batches through training without computing anything.

    Parameters
    ----------
    module : Module
        On the meta device.
    image_size : int
        Side in pixels.
    in_chans : int
        Channels of an image.
    trained : collection of str, optional
        Names of the parameters that are trained; default those that require a gradient.

    Raises
    ------
    RuntimeError, NotImplementedError, TypeError, ValueError
        Whatever the model says where it can't take the size, or must see values to go on.
    """
    image = (in_chans, image_size, image_size)
    with training(module, trained):
        small = follow(module, (SMALL, *image), backward=True)
        large = follow(module, (LARGE, *image), backward=True)
        weights = [(p.numel(), p.requires_grad) for p in module.parameters()]
    saved = (large.saved - small.saved) // (LARGE - SMALL)
    return Footprint(
        parameters=sum(size for size, _ in weights),
        trained=sum(size for size, learns in weights if learns),
        macs=(large.macs - small.macs) // (LARGE - SMALL),
        activations=(large.activations - small.activations) // (LARGE - SMALL),
        saved_bytes=saved,
        peak_bytes=max(saved, (large.peak - small.peak) // (LARGE - SMALL)),
        fixed_bytes=max(0, small.saved - SMALL * saved),
    )


@contextmanager
def training(module: nn.Module, trained: Collection[str] | None = None) -> Iterator[None]:
    """A module as it stands while `trained` is trained; gradients are let go as they come."""
    before = {name: p.requires_grad for name, p in module.named_parameters()}
    modes = {m: m.training for m in module.modules()}
    hooks = []
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(before[name] if trained is None else name in trained)
        if parameter.requires_grad:
            hooks.append(parameter.register_post_accumulate_grad_hook(_drop))  # type: ignore[no-untyped-call]
    train_mode(module)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(before[name])
        for part, mode in modes.items():
            part.training = mode


def _drop(parameter: Tensor) -> None:
    parameter.grad = None
