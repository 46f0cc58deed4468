"""What a person sees in a notebook; each widget is imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbfinetune.widgets.dataset_preview import DatasetPreview
    from nbfinetune.widgets.fine_tune_widget import FineTuneWidget
    from nbfinetune.widgets.live_charts import LiveCharts
    from nbfinetune.widgets.lr_schedule_editor import LRScheduleEditor
    from nbfinetune.widgets.model_picker import ModelPicker
    from nbfinetune.widgets.pruning_slider import PruningSlider
    from nbfinetune.widgets.sweep_view import SweepView

# Where each widget lives.
_HOME = {
    "DatasetPreview": "nbfinetune.widgets.dataset_preview",
    "FineTuneWidget": "nbfinetune.widgets.fine_tune_widget",
    "LRScheduleEditor": "nbfinetune.widgets.lr_schedule_editor",
    "LiveCharts": "nbfinetune.widgets.live_charts",
    "ModelPicker": "nbfinetune.widgets.model_picker",
    "PruningSlider": "nbfinetune.widgets.pruning_slider",
    "SweepView": "nbfinetune.widgets.sweep_view",
}

__all__ = [
    "DatasetPreview",
    "FineTuneWidget",
    "LRScheduleEditor",
    "LiveCharts",
    "ModelPicker",
    "PruningSlider",
    "SweepView",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'nbfinetune.widgets' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
