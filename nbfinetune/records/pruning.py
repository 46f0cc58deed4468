"""What is taken out of a model: the pruning's part of a run's config, and of a command."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from nbfinetune.records.fields import ConfigRecord, NonNegative, Positive, Probability

Criterion: TypeAlias = Literal["taylor", "l1", "l2", "bn_scale", "lamp", "entropy", "random"]
Target: TypeAlias = Literal["macs", "parameters", "latency"]


class PruningConfig(ConfigRecord, frozen=True, kw_only=True):
    """What is taken out of the model before its first step, or while it trains.

    Parameters
    ----------
    amount : float in [0, 1)
        Part of `target` that goes; 0 leaves the model whole. Of `"unstructured"`, part of the
        weights of the backbone.
    method : {"structured", "depth", "unstructured"}
        Channels and heads; whole blocks first, and channels for the rest of the amount; single
        weights, which become zero and stay so.
    target : {"macs", "parameters", "latency"}
        Multiply-accumulates of one image, parameters, or the measured time of one image on the
        device of the run.
    criterion : {"taylor", "l1", "l2", "bn_scale", "lamp", "entropy", "random"}
        What the importance of a channel is: the change of the loss to first order
        (arXiv:1906.10771), the size of its weights, of its batch norm's scale (arXiv:1708.06519),
        its share of its layer's (arXiv:2010.07611), how much its activation varies from image to
        image (arXiv:1706.05791), or chance.
    uniform : bool
        The same part of every layer, rather than the least important channels of all.
    round_to : int
        Layers keep multiples of so many channels, as far as the amount allows.
    protect : tuple of str
        Layers that keep all channels, by name.
    pushed : dict of str to float
        By layer what its channels' importance is multiplied with: above 1 it loses less.
    gradual_epochs : float
        Epochs over which the amount rises, fast at first (cubic, arXiv:1710.01878); 0 takes all
        out before the first step.
    """

    amount: Probability = 0.0
    method: Literal["structured", "depth", "unstructured"] = "structured"
    target: Target = "macs"
    criterion: Criterion = "taylor"
    uniform: bool = False
    round_to: Annotated[int, Meta(ge=1, le=256)] = 8
    protect: tuple[str, ...] = ()
    pushed: dict[str, Positive] = {}  # noqa: RUF012 - msgspec copies it
    gradual_epochs: NonNegative = 0.0
