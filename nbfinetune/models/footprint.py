"""What one image costs a model: multiplications and memory, found without computing."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from nbfinetune.models.groups import train_mode

__all__ = ["Footprint", "footprint"]

FUSED = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # noqa: SLF001

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
    with _training(module, trained), torch.random.fork_rng(devices=[]):
        small = _step(module, SMALL, in_chans, image_size)
        large = _step(module, LARGE, in_chans, image_size)
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


class _Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the work of every operation, and the bytes of all tensors that are alive."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = self.activations = self.live = self.peak = self.saved = 0
        self._alive: dict[int, Any] = {}
        for tensor in (*module.parameters(), *module.buffers()):
            self._alive[tensor.untyped_storage()._cdata] = None  # noqa: SLF001 - its identity

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        given = kwargs or {}
        out = func(*args, **given)
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        work = flop_registry.get(func._overloadpacket)  # noqa: SLF001 - as FlopCounterMode does
        if work is not None:
            self.macs += int(work(*args, **given, out_val=out)) // 2
            self.activations += results[0].numel() + _scores(func, args)
        for result in results:
            self.hold(result)
        return out

    def hold(self, tensor: Tensor) -> None:
        """Count a tensor's memory from now until it is let go."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()  # noqa: SLF001 - its identity
        if key in self._alive:
            return

        def let_go(_: object) -> None:
            del self._alive[key]
            self.live -= size

        self._alive[key] = weakref.ref(storage, let_go)
        self.live += size
        self.peak = max(self.peak, self.live)


class _FusedAttention(TorchFunctionMode):
    """Attention as devices compute it: the meta device itself keeps whole maps."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        given = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **given)
        return func(*args, **given)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,  # noqa: FBT001, FBT002 - torch's signature
    scale: float | None = None,
    enable_gqa: bool = False,  # noqa: FBT001, FBT002 - torch's signature
) -> Tensor:
    plain = query.ndim == key.ndim == value.ndim == 4 and query.shape[-1] == value.shape[-1]
    learned = attn_mask is not None and attn_mask.requires_grad
    if dropout_p or enable_gqa or learned or not plain:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    out: Tensor = FUSED(query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale)[
        0
    ]
    return out


def _scores(func: Any, args: Any) -> int:
    """Elements of the attention maps that a fused kernel never lays down, but tables count."""
    if func is not FUSED.default:
        return 0
    query, key = args[:2]
    return int(query.numel() // query.shape[-1] * key.shape[-2])


def _step(module: nn.Module, batch: int, in_chans: int, image_size: int) -> _Tally:
    """One forward and backward pass; gradients of weights are dropped as they come."""
    with torch.device("meta"):
        images = torch.empty(batch, in_chans, image_size, image_size)
        tally = _Tally(module)
        with tally, _FusedAttention():
            tally.hold(images)
            loss = _total(module(images))
            done = tally.macs, tally.activations
            tally.saved = tally.live
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
    tally.macs, tally.activations = done
    return tally


def _total(outputs: Any) -> Tensor:
    floats = [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.is_floating_point()]
    return torch.stack([t.sum() for t in floats]).sum()


@contextmanager
def _training(module: nn.Module, trained: Collection[str] | None) -> Iterator[None]:
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
