"""Attentions whose heads can be removed one by one: those of timm with one `qkv` layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import nn

from nbfinetune.pruning.structure import Group, Member

PRODUCTS = "products"
"""Stands for the two matrix products of an attention, which have no weights."""

BIAS_TABLE = "relative_position_bias_table"
COUNTS = ("num_heads", "attn_dim", "all_head_dim")
"""Attributes of an attention that are in proportion to its heads."""

OTHERS = ("gate", "q_bias", "rel_pos")
"""Parts of attentions that are laid out otherwise (EVA, BEiT, MaxViT); their heads stay."""


def is_attention(module: Any) -> bool:
    """Whether heads can be taken out of this module."""
    return (
        all(hasattr(module, part) for part in ("num_heads", "qkv", "proj"))
        and isinstance(module.qkv, nn.Linear)
        and module.qkv.out_features % (3 * module.num_heads) == 0
        and not isinstance(getattr(module, "norm", None), nn.LayerNorm)
        and all(getattr(module, part, None) is None for part in OTHERS)
    )


def head_groups(module: nn.Module) -> Iterator[Group]:
    """A group of heads for each attention."""
    for name, inner in module.named_modules():
        if is_attention(inner):
            yield _group(name, inner)


def head_attributes(module: nn.Module, gone: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """What attentions must be told that lose heads.

    Parameters
    ----------
    gone : mapping of str to int
        By name of the attention, how many of its heads go.
    """
    told = {}
    for name, count in gone.items():
        inner: Any = module.get_submodule(name)
        before = inner.num_heads
        known = [key for key in COUNTS if hasattr(inner, key)]
        told[name] = {key: getattr(inner, key) * (before - count) // before for key in known}
    return told


def _group(name: str, attention: Any) -> Group:
    heads = attention.num_heads
    width = attention.qkv.out_features // 3 // heads
    one = np.arange(heads * width).reshape(heads, width)
    thrice = np.concatenate([one + part * heads * width for part in range(3)], axis=1)
    each = np.arange(heads)[:, None]
    members = [
        Member(f"{name}.qkv", "out", thrice),
        Member(f"{name}.proj", "in", one),
        Member(f"{name}.{PRODUCTS}", "out", each),
    ]
    if hasattr(attention, BIAS_TABLE):
        members.append(Member(f"{name}.{BIAS_TABLE}", "out", each, 1))
    return Group(f"{name}.qkv", heads, "heads", tuple(members))
