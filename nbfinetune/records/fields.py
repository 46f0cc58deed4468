"""What the configuration records are made of: their base, and kinds of numbers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

NonNegative = Annotated[float, Meta(ge=0.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Count = Annotated[int, Meta(ge=1)]
Probability = Annotated[float, Meta(ge=0.0, lt=1.0)]


class ConfigRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the configuration records."""
