"""Fine-tune image classifiers from a notebook or a script.

Everything here is imported when it is first used, so `import nbfinetune` costs a notebook's kernel
next to nothing and never brings torch with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbfinetune import errors, records, schedules
    from nbfinetune.errors import NbFinetuneError
    from nbfinetune.models.catalogue_frame import models
    from nbfinetune.records import FineTuneConfig
    from nbfinetune.runner.cross_validation import CrossValidation, cross_validate
    from nbfinetune.runner.fine_tune import fine_tune
    from nbfinetune.runner.lr_finding import find_lr
    from nbfinetune.runner.recommend import recommend
    from nbfinetune.runner.run import Run, runs
    from nbfinetune.runner.speed_table import measure_speed
    from nbfinetune.runner.sweep import Sweep, sweep
    from nbfinetune.widgets.cross_validation_view import CrossValidationView
    from nbfinetune.widgets.dataset_preview import DatasetPreview
    from nbfinetune.widgets.evaluation_view import EvaluationView
    from nbfinetune.widgets.export_panel import ExportPanel
    from nbfinetune.widgets.fine_tune_widget import FineTuneWidget
    from nbfinetune.widgets.live_charts import LiveCharts
    from nbfinetune.widgets.lr_schedule_editor import LRScheduleEditor
    from nbfinetune.widgets.model_picker import ModelPicker
    from nbfinetune.widgets.predictor import Predictor
    from nbfinetune.widgets.pruning_slider import PruningSlider
    from nbfinetune.widgets.sweep_view import SweepView

__version__ = "0.1.0"

# Where each name lives; an empty place is a module of this package itself.
_HOME = {
    "CrossValidation": "nbfinetune.runner.cross_validation",
    "CrossValidationView": "nbfinetune.widgets.cross_validation_view",
    "DatasetPreview": "nbfinetune.widgets.dataset_preview",
    "EvaluationView": "nbfinetune.widgets.evaluation_view",
    "ExportPanel": "nbfinetune.widgets.export_panel",
    "FineTuneConfig": "nbfinetune.records",
    "FineTuneWidget": "nbfinetune.widgets.fine_tune_widget",
    "LRScheduleEditor": "nbfinetune.widgets.lr_schedule_editor",
    "LiveCharts": "nbfinetune.widgets.live_charts",
    "ModelPicker": "nbfinetune.widgets.model_picker",
    "NbFinetuneError": "nbfinetune.errors",
    "Predictor": "nbfinetune.widgets.predictor",
    "PruningSlider": "nbfinetune.widgets.pruning_slider",
    "Run": "nbfinetune.runner.run",
    "Sweep": "nbfinetune.runner.sweep",
    "SweepView": "nbfinetune.widgets.sweep_view",
    "cross_validate": "nbfinetune.runner.cross_validation",
    "errors": "",
    "find_lr": "nbfinetune.runner.lr_finding",
    "fine_tune": "nbfinetune.runner.fine_tune",
    "measure_speed": "nbfinetune.runner.speed_table",
    "models": "",
    "recommend": "nbfinetune.runner.recommend",
    "records": "",
    "runs": "nbfinetune.runner.run",
    "schedules": "",
    "sweep": "nbfinetune.runner.sweep",
}

__all__ = [
    "CrossValidation",
    "CrossValidationView",
    "DatasetPreview",
    "EvaluationView",
    "ExportPanel",
    "FineTuneConfig",
    "FineTuneWidget",
    "LRScheduleEditor",
    "LiveCharts",
    "ModelPicker",
    "NbFinetuneError",
    "Predictor",
    "PruningSlider",
    "Run",
    "Sweep",
    "SweepView",
    "__version__",
    "cross_validate",
    "errors",
    "find_lr",
    "fine_tune",
    "measure_speed",
    "models",
    "recommend",
    "records",
    "runs",
    "schedules",
    "sweep",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'nbfinetune' has no attribute {name!r}")
    home = _HOME[name]
    value = getattr(import_module(home), name) if home else import_module(f"nbfinetune.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
