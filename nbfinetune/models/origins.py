"""Who builds a model: timm, torchvision, or a function of the user's own."""

from __future__ import annotations

from nbfinetune.models import from_factory, from_timm, from_torchvision

__all__ = ["ORIGINS"]

ORIGINS = {"timm": from_timm, "torchvision": from_torchvision, "factory": from_factory}
"""Modules with one and the same four functions, by where a model comes from."""
