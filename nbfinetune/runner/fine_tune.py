"""`fine_tune`: from a line of Python to a worker that trains in the background."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.data.sources import Accepted, accept
from nbfinetune.errors import ConfigError
from nbfinetune.models.model_checks import check_name, check_weights_file
from nbfinetune.records import Arrays, FineTuneConfig, ModelConfig, Named
from nbfinetune.runner.launch import launch
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import configure, signature
from nbfinetune.store import RunStore
from nbfinetune.store.layout import home, new_run_folder

if TYPE_CHECKING:
    from nbfinetune.data.labelling import Rule
    from nbfinetune.runner.trackers.targets import Target, Trackers


def fine_tune(
    data: Any = None,
    *,
    replay: Run | None = None,
    labels: Rule | None = None,
    groups: Rule | None = None,
    root: str | None = None,
    trackers: Trackers | None = None,
    wait: bool = False,
    **settings: Any,
) -> Run:
    """Fine-tune an image classifier in a background process.

    Parameters
    ----------
    data : path, pair, list, DataFrame, data set or str
        A folder with one folder per class (or with `train/` and `val/` of such folders), a `.zip`
        or `.tar` of it, a folder of IDX files, a DataFrame or CSV file with the columns `path` and
        `label`, a list of (path, label), arrays (N,H,W) or (N,H,W,C) with their labels, a data set
        of torch or Hugging Face, the name of a torchvision data set, or ``"digits"``. A pair is
        (train, val). More on each: `nbfinetune.data.accept`.
    replay : Run, optional
        Do this run again instead, with its images, its split, its seed and the edits that were made
        while it trained, each at its step: on the same machine and build, on the CPU, it ends with
        the same weights bit for bit.
    labels : callable or str, optional
        The class of each image: a function of its path, a regular expression whose first group it
        is, or a column of the table.
    groups : callable or str, optional
        In the same way, which images belong together and never stand on both sides of a split.
    root : str, optional
        Where a named data set lies or is downloaded to, and where relative paths of a table start.
    trackers : str, sequence of str or mapping, optional
        Mirror the run to these from its first step on: ``"tensorboard"``, ``("mlflow", "wandb")``,
        or ``{"wandb": {"project": "birds"}}`` with the keywords of `Run.track`. One that fails
        says so in a warning, and the run trains on.
    wait : bool
        Return when the run has ended, with a progress bar until then.
    **settings
        Every field of `FineTuneConfig` by its own name: ``model="resnet18"``, ``epochs=5``,
        ``batch_size=32``, ``lr=1e-3``, ``optimizer="adamw"``, ``schedule="cosine"``,
        ``augment="standard"``, ``freeze="backbone"``, … ``lr="auto"`` has the worker find the rate
        before the first step. A section may also be given whole: ``training=TrainingConfig(...)``.
        ``edits`` also takes the path of a file of edits.

    Returns
    -------
    Run
        The handle: `Run.wait`, `Run.metrics`, `Run.pause`, `Run.stop`, `Run.load_model`, …

    Raises
    ------
    ConfigError, DataError, ModelError
        Before anything is spawned, with what to do about it.
    """
    targets = tracked(trackers)
    if replay is not None:
        if data is not None or labels or groups or settings:
            raise ConfigError(
                "replay does a run again as it was: leave out the data and every other setting"
            )
        from nbfinetune.runner.replay import again

        run = begin(*again(replay), trackers=targets)
        return run.wait() if wait else run
    if data is None:
        raise ConfigError("there is no data: pass a folder, arrays, or the name of a data set")
    accepted = accept(data, labels=labels, groups=groups, root=root)
    config = configure(accepted.source, settings)
    typed = not isinstance(settings.get("edits", ""), (str, os.PathLike))
    run = begin(accepted, config, look_up_edits=typed, trackers=targets)
    return run.wait() if wait else run


def tracked(trackers: Trackers | None) -> tuple[Target, ...]:
    """What a run is to be mirrored to, looked at before anything is spawned.

    Raises
    ------
    ConfigError
        If there is no such tracker, or it is not installed.
    """
    if not trackers:
        return ()
    from nbfinetune.runner.trackers import targets_of

    return targets_of(trackers)


def begin(
    accepted: Accepted,
    config: FineTuneConfig,
    *,
    look_up_edits: bool = False,
    trackers: Sequence[Target] = (),
) -> Run:
    """Make the folder of a run and start its worker.

    Parameters
    ----------
    accepted : Accepted
        The data that `config` names.
    config : FineTuneConfig
        Checked, as `configure` gives it.
    look_up_edits : bool
        Refuse an edit whose image is not there. Else the run only tells of it: the image may have
        been deleted since.
    trackers : sequence of Target
        Mirror it to these, as `tracked` gives them.

    Raises
    ------
    ModelError
        If nobody knows the model, or its weights file is none.
    DataError
        If the images have other channels than the model is to see.
    """
    check_name(config.model.name)
    if config.model.checkpoint is not None:
        check_weights_file(Path(config.model.checkpoint).expanduser())
    folder = new_run_folder(home(), config.model.name)
    try:
        accepted.place(folder)
        _check_channels(config, folder)
        if look_up_edits:
            _look_up(config, folder)
        RunStore.create(folder, config).close()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    launch(folder, devices=config.runner.devices)
    if trackers:
        from nbfinetune.runner.trackers import track_begun

        track_begun(folder, trackers)
    return Run.open(folder)


def _check_channels(config: FineTuneConfig, folder: Path) -> None:
    source, channels = config.data.source, config.model.in_chans
    if channels == ModelConfig().in_chans and not isinstance(source, Arrays):
        return  # any file gives RGB, and looking would cost the caller an import
    from nbfinetune.data.images import require_channels

    require_channels(source, folder, channels)


def _look_up(config: FineTuneConfig, folder: Path) -> None:
    if not config.data.edits or isinstance(config.data.source, Named):  # which might be downloaded
        return
    from nbfinetune.data.edits import require_known
    from nbfinetune.data.index import preview_index

    require_known(preview_index(config.data, config.seed, folder), config.data.edits)


fine_tune.__signature__ = signature()  # type: ignore[attr-defined]
