"""`fine_tune`: from a line of Python to a worker that trains in the background."""

from __future__ import annotations

import shutil
from typing import Any

from nbfinetune.data.sources import Accepted, accept
from nbfinetune.records import FineTuneConfig
from nbfinetune.runner.launch import launch
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import configure, signature
from nbfinetune.store import RunStore
from nbfinetune.store.layout import home, new_run_folder


def fine_tune(data: Any, *, wait: bool = False, root: str | None = None, **settings: Any) -> Run:
    """Fine-tune an image classifier in a background process.

    Parameters
    ----------
    data : path, (train, val) paths, (images, labels) arrays, or str
        A folder with one folder per class (or with `train/` and `val/` of such folders), a folder
        of IDX files, arrays (N,H,W) or (N,H,W,C) with their labels, the name of a torchvision data
        set, or ``"digits"``.
    wait : bool
        Return when the run has ended, with a progress bar until then.
    root : str, optional
        Where a named data set lies or is downloaded to.
    **settings
        Every field of `FineTuneConfig` by its own name: ``model="resnet18"``, ``epochs=5``,
        ``batch_size=32``, ``lr=1e-3``, ``optimizer="adamw"``, ``schedule="cosine"``,
        ``augment="standard"``, ``freeze="backbone"``, … A section may also be given whole:
        ``training=TrainingConfig(...)``.

    Returns
    -------
    Run
        The handle: `Run.wait`, `Run.metrics`, `Run.pause`, `Run.stop`, `Run.load_model`, …

    Raises
    ------
    ConfigError, DataError
        Before anything is spawned, with what to do about it.
    """
    accepted = accept(data, root=root)
    run = begin(accepted, configure(accepted.source, settings))
    return run.wait() if wait else run


def begin(accepted: Accepted, config: FineTuneConfig) -> Run:
    """Make the folder of a run and start its worker.

    Parameters
    ----------
    accepted : Accepted
        The data that `config` names.
    config : FineTuneConfig
        Checked, as `configure` gives it.
    """
    folder = new_run_folder(home(), config.model.name)
    try:
        accepted.place(folder)
        RunStore.create(folder, config).close()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    launch(folder, devices=config.runner.devices)
    return Run.open(folder)


fine_tune.__signature__ = signature()  # type: ignore[attr-defined]
