"""A run's metrics as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbfinetune.errors import ConfigError
from nbfinetune.store import RunStore

if TYPE_CHECKING:
    import pandas as pd

STEP_METRICS = ("loss", "lr", "images_per_s", "data_wait_s", "memory_mb")
EPOCH_METRICS = (
    "train_loss",
    "val_loss",
    "accuracy",
    "top5",
    "precision",
    "recall",
    "macro_f1",
    "roc_auc",
    "seconds",
    "images_per_s",
)


def metrics(store: RunStore, split: str) -> pd.DataFrame:
    """One row per epoch or step, float64; what could not be measured is NaN.

    Raises
    ------
    ConfigError
        If `split` is neither `"epoch"` nor `"step"`.
    """
    import pandas as pd

    if split == "step":
        steps = store.steps("step", *STEP_METRICS)
        columns = {name: steps[name] for name in STEP_METRICS}
        return pd.DataFrame(columns, index=pd.Index(steps["step"], name="step"))
    if split == "epoch":
        epochs = store.epochs()
        index = pd.Index([epoch.epoch for epoch in epochs], name="epoch", dtype="int64")
        rows = [[getattr(epoch, name) for name in EPOCH_METRICS] for epoch in epochs]
        return pd.DataFrame(rows, index=index, columns=list(EPOCH_METRICS), dtype="float64")
    raise ConfigError(f"split is {split!r}; metrics come by 'epoch' or by 'step'")
