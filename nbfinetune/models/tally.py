"""A pass through a model on the meta device, with its work and its memory counted."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["Tally", "follow"]

FUSED = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # noqa: SLF001


class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the work of every operation, and the bytes of all tensors that are alive.

    Parameters
    ----------
    module : Module
        Whose parameters and buffers do not count.
    marks : mapping of str to int
        What parameters belong to, by name; see `held_before`.

    Attributes
    ----------
    macs, activations : int
        Multiply-accumulates, and elements in the outputs of what does them.
    live, peak : int
        Bytes that are alive now, and the most that ever were.
    saved : int
        Bytes that were alive between the forward and the backward pass.
    held_before : dict of int to int
        For each mark, the bytes that were alive, the input aside, when a parameter of it was first
        used.
    """

    def __init__(self, module: nn.Module, marks: Mapping[str, int] | None = None) -> None:
        # It imports Triton, for which a run that reckons nothing need not wait.
        from torch.utils.flop_counter import flop_registry

        super().__init__()  # type: ignore[no-untyped-call]
        self._work_of = flop_registry
        self.macs = self.activations = self.live = self.peak = self.saved = 0
        self.held_before: dict[int, int] = {}
        own = (*module.parameters(), *module.buffers())
        self._alive: dict[int, Any] = dict.fromkeys(map(_identity, own))
        self._marks = {
            _identity(module.get_parameter(name)): mark for name, mark in (marks or {}).items()
        }

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        given = kwargs or {}
        if self._marks:
            self._look_for_marks([leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)])
        out = func(*args, **given)
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        work = self._work_of.get(func._overloadpacket)  # noqa: SLF001 - as FlopCounterMode does
        if work is not None:
            self.macs += int(work(*args, **given, out_val=out)) // 2
            self.activations += results[0].numel() + _scores(func, args)
        for result in results:
            self.hold(result)
        return out

    def hold(self, tensor: Tensor) -> None:
        """Count a tensor's memory from now until it is let go."""
        storage = tensor.untyped_storage()
        key, size = _identity(tensor), storage.nbytes()
        if key in self._alive:
            return

        def let_go(_: object) -> None:
            del self._alive[key]
            self.live -= size

        self._alive[key] = weakref.ref(storage, let_go)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _look_for_marks(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            mark = self._marks.get(_identity(tensor))
            if mark is not None and mark not in self.held_before:
                held = (t.untyped_storage().nbytes() for t in tensors if t is not tensor)
                self.held_before[mark] = self.live - max(held, default=0)


class _FusedAttention(TorchFunctionMode):
    """Attention as devices compute it: the meta device itself keeps whole maps."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        given = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **given)
        return func(*args, **given)


def follow(
    module: nn.Module,
    shape: tuple[int, int, int, int],
    *,
    backward: bool,
    marks: Mapping[str, int] | None = None,
) -> Tally:
    """Send a batch through a model that lies on the meta device, as it stands.

    Parameters
    ----------
    shape : tuple of int
        Images, channels, height and width.
    backward : bool
        Go back as well, where anything is trained. Work is that of the forward pass alone.
    marks : mapping of str to int, optional
        See `Tally`.
    """
    tally = Tally(module, marks)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        images = torch.empty(shape)
        with tally, _FusedAttention():
            tally.hold(images)
            loss = _total(module(images))
            work = tally.macs, tally.activations
            tally.saved = tally.live
            if backward and loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
    tally.macs, tally.activations = work
    return tally


def _identity(tensor: Tensor) -> int:
    """What tensors that share their memory have in common."""
    address: int = tensor.untyped_storage()._cdata  # noqa: SLF001
    return address


def _total(outputs: Any) -> Tensor:
    floats = [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.is_floating_point()]
    return torch.stack([t.sum() for t in floats]).sum()


def _scores(func: Any, args: Any) -> int:
    """Elements of the attention maps that a fused kernel never lays down, but tables count."""
    if func is not FUSED.default:
        return 0
    query, key = args[:2]
    return int(query.numel() // query.shape[-1] * key.shape[-2])


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
