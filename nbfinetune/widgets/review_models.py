"""The models that an evaluation asks: of its run, or of the folds one after the other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from nbfinetune.runner.asked_model import AskedModel
from nbfinetune.runner.run import Run

MOST = 2
"""Models that are kept at hand; each is a process with torch."""


class ReviewModels:
    """Gives the model of a run, and lets go of those that were not asked for a while."""

    def __init__(self) -> None:
        self._models: OrderedDict[Path, AskedModel] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, run: Run) -> AskedModel:
        """The model of a run; its process starts with the first question."""
        dropped = []
        with self._lock:
            if run.path not in self._models:
                self._models[run.path] = AskedModel.of(run)
            self._models.move_to_end(run.path)
            while len(self._models) > MOST:
                dropped.append(self._models.popitem(last=False)[1])
            model = self._models[run.path]
        for old in dropped:
            old.close()
        return model

    def close(self) -> None:
        """Let go of all of them."""
        with self._lock:
            models = list(self._models.values())
            self._models.clear()
        for model in models:
            model.close()
