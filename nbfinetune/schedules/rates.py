"""Learning rates to start from, by optimizer."""

from __future__ import annotations

from types import MappingProxyType

FALLBACK_LR = 1e-3

DEFAULT_LR = MappingProxyType(
    {
        "adamw": 1e-3,
        "adam": 1e-3,
        "sgd": 1e-2,
        "rmsprop": 1e-4,
        "adagrad": 1e-2,
        "lamb": 5e-3,
    }
)
"""Peak rate for fine-tuning a pretrained network with warm-up and decay, by optimizer."""


def default_lr(name: str) -> float:
    """Peak learning rate for an optimizer where the user names none.

    Parameters
    ----------
    name : str
        As in `OptimizerConfig.name`; one that is not in `DEFAULT_LR` gets 1e-3, the default of
        most of `timm.optim`.

    Returns
    -------
    float
        For a batch of about 32 images; the schedule goes down from it.
    """
    return DEFAULT_LR.get(name.lower(), FALLBACK_LR)
