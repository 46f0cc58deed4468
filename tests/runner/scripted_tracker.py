"""A tracker with MLflow's face that writes lines to a file, for tests that have no MLflow.

The tracking URI is the file's path. While a file with `.full` after that name is there, it takes
no metrics.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple


class Metric(NamedTuple):
    key: str
    value: float
    timestamp: int
    step: int


class Param(NamedTuple):
    key: str
    value: str


class MlflowException(Exception):
    """What the real one raises."""


class MlflowClient:
    def __init__(self, tracking_uri: str) -> None:
        self.file = Path(tracking_uri)
        self.tell("opened")

    def tell(self, *words: object) -> None:
        with self.file.open("a") as text:
            text.write(json.dumps(words) + "\n")

    def get_experiment_by_name(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(experiment_id=name)

    def search_runs(self, experiments, filter_string, max_results) -> list:
        return []

    def create_run(self, experiment, **of_it) -> SimpleNamespace:
        return SimpleNamespace(info=SimpleNamespace(run_id=of_it["run_name"]))

    def log_batch(self, run_id: str, metrics=(), params=()) -> None:
        if metrics and self.file.with_name(f"{self.file.name}.full").exists():
            raise OSError("No space left on device\nand more that nobody reads")
        for metric in metrics:
            self.tell("metric", metric.key, metric.step, metric.value)

    def set_tag(self, run_id: str, name: str, value: str) -> None:
        self.tell("tag", name, value)

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self.tell("terminated", status)


sys.modules["mlflow.entities"] = sys.modules["mlflow.exceptions"] = sys.modules[__name__]
