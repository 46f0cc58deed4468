"""A model's head on its own: what arrives at it, and a module that goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nbfinetune.engine.device import Placement
from nbfinetune.engine.rehearsal import without_trace
from nbfinetune.errors import TrainingError
from nbfinetune.models.groups import train_mode
from nbfinetune.models.heads import head_names, is_under

LOOKED_AT = 16
"""Images by which it is found out how a model can be taken apart."""

_CLOSE = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 2e-2}
"""Relative difference of a feature that was scaled once from one that was scaled otherwise."""


@dataclass(frozen=True)
class Cut:
    """Where a model is taken apart into frozen layers and head.

    Parameters
    ----------
    name : str
        Of the head's module.
    dropout : float in [0, 1)
        Part of the features that the model drops before its head while it trains.
    shape : torch.Size
        Of what arrives at the head for one image.
    dtype : torch.dtype
        Of the same.
    """

    name: str
    dropout: float
    shape: torch.Size
    dtype: torch.dtype

    @property
    def image_bytes(self) -> int:
        """Memory that the features of one image take."""
        return self.shape.numel() * self.dtype.itemsize

    def head(self, model: nn.Module) -> nn.Module:
        """The head of `model`, which may be a copy of the one that was cut."""
        return model.get_submodule(self.name)

    def train_mode(self, model: nn.Module) -> None:
        """Training mode for the head, evaluation mode for all else."""
        model.eval()
        train_mode(self.head(model))

    def alike_before(self, one: nn.Module, other: nn.Module) -> bool:
        """Whether the layers before the head are the same in both, bit for bit."""
        if one is other:
            return True
        theirs = other.state_dict()
        return all(
            torch.equal(value, theirs[name])
            for name, value in one.state_dict().items()
            if not is_under(name, (self.name,))
        )

    @contextmanager
    def listening(self, model: nn.Module, *, dropping: bool = False) -> Iterator[list[Tensor]]:
        """What arrives at the head, one tensor a pass of the model, while this lasts.

        Parameters
        ----------
        dropping : bool
            Whether to drop of it afterwards as the model does while it trains.
        """
        seen: list[Tensor] = []

        def note(_: nn.Module, given: tuple[Tensor]) -> Tensor | None:
            seen.append(given[0].detach())
            return F.dropout(given[0], self.dropout) if dropping and self.dropout else None

        handle = self.head(model).register_forward_pre_hook(note)
        try:
            yield seen
        finally:
            handle.remove()


class HeadAlone(nn.Module):
    """The rest of a model that trains, from what arrives at its head on.

    Parameters
    ----------
    model : nn.Module
        Its own head is trained, not a copy.
    """

    def __init__(self, model: nn.Module, cut: Cut) -> None:
        super().__init__()
        self.head = cut.head(model)
        self.dropout = cut.dropout

    def forward(self, features: Tensor) -> Tensor:
        """Logits, float (B, classes), of features as they arrive at the head."""
        if self.dropout:
            features = F.dropout(features, self.dropout)
        return logits_of(self.head, features)


def logits_of(head: nn.Module, features: Tensor) -> Tensor:
    """Logits (B, classes) of features; those of a convolution are (B, classes, 1, 1) at first."""
    logits: Tensor = head(features)
    return logits.flatten(1)


def head_alone_is_trained(model: nn.Module) -> bool:
    """Whether there are frozen layers, and no parameter but the head's is trained."""
    heads = head_names(model)
    trained = {name: p.requires_grad for name, p in model.named_parameters()}
    return not all(trained.values()) and all(
        is_under(name, heads) for name, learns in trained.items() if learns
    )


def cut(model: nn.Module, images: Tensor, placement: Placement) -> Cut:
    """Find out how a model can be taken apart, by a few images.

    Weights, buffers and random streams stay as they are; the mode does not.

    Parameters
    ----------
    images : Tensor, float32, (B, C, H, W)

    Raises
    ------
    TrainingError
        With the reason why a head on kept features would not be the same model.
    """
    heads = head_names(model)
    if len(heads) != 1:
        raise TrainingError(f"the model has {len(heads)} heads ({', '.join(heads)})")
    head = model.get_submodule(heads[0])
    with without_trace(model, placement.device), torch.no_grad(), placement.autocast():
        train_mode(model)
        varied, _ = _passed(model, head, images)
        model.eval()
        plain, ends = _passed(model, head, images)
    if not ends:
        raise TrainingError("the model goes on behind its head")
    return Cut(heads[0], _dropout(plain, varied), plain.shape[1:], plain.dtype)


def cut_by_few(model: nn.Module, images: Tensor, placement: Placement) -> Cut:
    """The same by the first images of a batch, as many as the memory allows."""
    count = min(LOOKED_AT, len(images))
    while True:
        try:
            return cut(model, images[:count], placement)
        except torch.OutOfMemoryError as error:
            count //= 2
            if not count:
                raise TrainingError("there is no memory for a single image") from error


def _passed(model: nn.Module, head: nn.Module, images: Tensor) -> tuple[Tensor, bool]:
    """What arrives at the head, and whether what the head gives is what the model gives."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    given: list[Tensor] = []

    def replace(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
        calls.append((args, kwargs))
        # Noise stands for the logits, for a fresh head may give nothing but zeros.
        given.append(torch.randn_like(out) if isinstance(out, Tensor) else out)
        return given[-1]

    handle = head.register_forward_hook(replace, with_kwargs=True)
    try:
        logits = model(images)
    finally:
        handle.remove()
    if len(calls) != 1:
        raise TrainingError(f"the head is used {len(calls)} times for one image")
    args, kwargs = calls[0]
    if kwargs or len(args) != 1 or not isinstance(args[0], Tensor) or len(args[0]) != len(images):
        raise TrainingError("more than one tensor of features arrives at the head")
    return args[0], _same(given[0], logits)


def _same(given: Any, logits: Any) -> bool:
    if not (isinstance(given, Tensor) and isinstance(logits, Tensor)):
        return False
    given = given.flatten(1)
    return given.shape == logits.shape and torch.equal(given.float(), logits.float())


def _dropout(plain: Tensor, varied: Tensor) -> float:
    """Probability with which features were dropped, by the features with and without it."""
    if plain.shape == varied.shape and torch.equal(plain, varied):
        return 0.0
    kept = (plain != 0) & (varied != 0)
    if bool(kept.any()):
        before, after = (float(one[kept].double().abs().sum()) for one in (plain, varied))
        # Half floats scale by 1 / (1 - p) as near as they have it.
        dropout = round(1.0 - before / after, 3 if plain.dtype.itemsize > 2 else 2)
        wanted = plain / (1.0 - dropout) * (varied != 0) if 0.0 < dropout < 1.0 else plain
        if torch.allclose(varied, wanted, rtol=_CLOSE.get(plain.dtype, 1e-5)):
            return dropout
    raise TrainingError("the frozen layers make other features of an image each time")
