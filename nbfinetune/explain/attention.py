"""What the tokens of a transformer attend to, and what of that reaches the classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["attention_maps", "attentions", "gradient_attention", "rollout"]


def attentions(model: nn.Module) -> dict[str, nn.Module]:
    """Modules that attend, by name: those of timm that drop of their attention while they train."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(getattr(module, "attn_drop", None), nn.Module)
    }


@contextmanager
def attention_maps(model: nn.Module) -> Iterator[list[Tensor]]:
    """The attention of each layer of timm's, while this lasts: (B, heads, N, N), in their order.

    A fused kernel never writes it down, so the layers compute it in steps meanwhile.
    """
    found: list[Tensor] = []
    layers: list[Any] = list(attentions(model).values())
    fused = [layer for layer in layers if getattr(layer, "fused_attn", False)]
    handles = [
        layer.attn_drop.register_forward_hook(lambda _, __, attention: found.append(attention))
        for layer in layers
    ]
    try:
        for layer in fused:
            layer.fused_attn = False
        yield found
    finally:
        for layer in fused:
            layer.fused_attn = True
        for handle in handles:
            handle.remove()


def gradient_attention(maps: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Relevance of each token for each, (B, N, N): attention that raises the score, layer by layer.

    Chefer, Gur and Wolf, "Generic Attention-model Explainability", arXiv:2103.15679.

    Parameters
    ----------
    maps, gradients : sequence of Tensor (B, heads, N, N)
        Attention of each layer, and the gradient of the score by it.
    """
    relevance = _identity(maps[0])
    for attention, gradient in zip(maps, gradients, strict=True):
        raising = (attention * gradient).clamp(min=0).mean(1)
        relevance = relevance + raising @ relevance
    return relevance


def rollout(maps: Sequence[Tensor]) -> Tensor:
    """Part that each token has in each, (B, N, N), if attention alone moved them; of no class.

    Abnar and Zuidema, "Quantifying Attention Flow in Transformers", arXiv:2005.00928.
    """
    relevance = _identity(maps[0])
    for attention in maps:
        # Half of a token comes past the attention, by the residual connection.
        relevance = (attention.mean(1) + _identity(attention)) / 2 @ relevance
    return relevance


def _identity(attention: Tensor) -> Tensor:
    return torch.eye(attention.shape[-1], dtype=attention.dtype, device=attention.device)[None]
