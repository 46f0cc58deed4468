"""Architectures, their weights and their layer groups; called, the table of published models.

`nbfinetune.models` is both this package and `nf.models("resnet*")`. Nothing is imported here: most
modules of this package need torch and timm, and the notebook's kernel must draw its first screen
without them.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class _Callable(ModuleType):
    """A package that answers a call; see `nbfinetune.models.catalogue_frame.models`."""

    def __call__(self, *args: Any, **filters: Any) -> pd.DataFrame:
        from nbfinetune.models.catalogue_frame import models

        return models(*args, **filters)

    @property
    def __signature__(self) -> object:
        from inspect import signature

        from nbfinetune.models.catalogue_frame import models

        return signature(models)


sys.modules[__name__].__class__ = _Callable
