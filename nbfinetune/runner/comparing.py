"""The process that measures models beside each other; `nbfinetune.runner.comparison` is its caller.

It hears one line (which runs), answers with one, and leaves when its input closes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import FineTuneConfig
from nbfinetune.runner.child import leave_when_unheard, speaker
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint


def main() -> None:
    """Compare the runs that the first line of the input names."""
    say = speaker()
    order = json.loads(sys.stdin.readline())
    leave_when_unheard()
    try:
        rows = compared([Path(run) for run in order["runs"]], latency=order["latency"])
        say({"rows": rows})
    except NbFinetuneError as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a person hears of it, wherever it came from
        say({"error": f"{type(error).__name__}: {error}"})


def compared(folders: list[Path], *, latency: bool) -> list[dict[str, Any]]:
    """A row for the best model of each run.

    Parameters
    ----------
    folders : list of Path
    latency : bool
        Whether they are timed, all as the last run computes: its threads, device and precision.
    """
    import torch

    from nbfinetune.engine.device import place
    from nbfinetune.evaluation.forward_times import ROUNDS, forward_ms
    from nbfinetune.evaluation.trained import load_model

    configs = [_config(folder) for folder in folders]
    models: list[Any] = [load_model(*pair) for pair in zip(folders, configs, strict=True)]
    rows = [_facts(folder, model) for folder, model in zip(folders, models, strict=True)]
    if not latency:
        return rows
    if configs[-1].runner.threads:
        torch.set_num_threads(configs[-1].runner.threads)
    placement, sees = place(configs[-1]), models[-1].preprocess
    where: dict[str, Any] = {"device": placement.device, "memory_format": placement.memory_format}
    models = [model.to(**where) for model in models]
    for batch in ROUNDS:
        images = torch.zeros(batch, sees.channels, sees.size_px, sees.size_px).to(**where)
        column = "latency_ms" if batch == 1 else f"latency_ms_{batch}"
        for row, taken in zip(rows, forward_ms(models, images, placement.autocast), strict=True):
            row[column] = taken
    return rows


def _config(folder: Path) -> FineTuneConfig:
    with RunStore.open(folder) as store:
        return store.config


def _facts(folder: Path, model: Any) -> dict[str, Any]:
    import torch

    from nbfinetune.models.weights import read_facts
    from nbfinetune.pruning.layer_costs import priced

    path, sees = checkpoint(folder, "best"), model.preprocess
    cost = priced(model, (), torch.zeros(1, sees.channels, sees.size_px, sees.size_px))
    measured = read_facts(path)["metrics"]
    return {
        "accuracy": measured["accuracy"],
        "macro_f1": measured["macro_f1"],
        "parameters": round(cost.cost("parameters")),
        "macs": round(cost.cost("macs")),
        "size_mb": path.stat().st_size / 1e6,
    }


if __name__ == "__main__":
    main()
