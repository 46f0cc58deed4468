"""A run that begins with a smaller copy of another run's best model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import ConfigError
from nbfinetune.records import FineTuneConfig, PruningConfig
from nbfinetune.runner.fine_tune import begin as begin_run
from nbfinetune.runner.replay import share_data
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import adjusted
from nbfinetune.store.layout import checkpoint

RECOVER_EPOCHS = 2


def begin(run: Run, folder: Path, amount: float, wishes: Mapping[str, Any]) -> Run:
    """Prune the best model of a run, and train what is left on the same images.

    Parameters
    ----------
    folder : Path
        The run's, which holds its best model.
    amount : float in (0, 1)
    wishes : mapping
        Fields of `PruningConfig`, `recover_epochs`, and settings of `fine_tune`.

    Raises
    ------
    ConfigError
        Before anything is spawned.
    """
    if not 0 < amount < 1:
        raise ConfigError(
            f"amount is {amount!r}; give the part that goes, between 0 and 1, such as 0.5"
        )
    config = smaller(run.config, checkpoint(folder, "best"), amount, wishes)
    accepted = Accepted(config.data.source, partial(share_data, run.path), run.id)
    return begin_run(accepted, config)


def smaller(
    config: FineTuneConfig, best: Path, amount: float, wishes: Mapping[str, Any]
) -> FineTuneConfig:
    """Config of the run that goes on with a smaller copy of `best`, along the run's own curve."""
    given = dict(wishes)
    epochs = given.pop("recover_epochs", RECOVER_EPOCHS)
    pruning = {name: given.pop(name) for name in PruningConfig.__struct_fields__ if name in given}
    model = replace(config.model, checkpoint=str(best.resolve()), freeze="none", freeze_epochs=0)
    start = replace(config, model=model, planned=(), lr_search="off")
    given.setdefault("epochs", epochs)
    return adjusted(start, {**given, "pruning": {"amount": amount, **pruning}})
