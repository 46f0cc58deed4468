"""What the folds of a cross-validation have stored, read together; without torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from nbfinetune.errors import DataError, RunError, StoreError
from nbfinetune.records import LIVE, EpochDone
from nbfinetune.runner.endings import failure
from nbfinetune.runner.frames import EPOCH_METRICS
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore

if TYPE_CHECKING:
    import pandas as pd

    from nbfinetune.evaluation.out_of_fold import Fold, OutOfFold


def fold_name(fold: int, folds: int) -> str:
    """What a person calls a fold: ``"fold 1 of 5"`` is number 0."""
    return f"fold {fold + 1} of {folds}"


def best_epoch(run: Run) -> EpochDone | None:
    """The epoch that its `monitor` finds best, the first of equal ones; None before any."""
    monitor = run.config.training.monitor
    sign = -1 if monitor == "val_loss" else 1
    with RunStore.open(run.path) as store:
        return max(store.epochs(), key=lambda done: sign * getattr(done, monitor), default=None)


def frame(over: Iterable[Run]) -> pd.DataFrame:
    """Metrics of the best epoch of each run, one row per fold."""
    import pandas as pd

    rows = {run.config.data.fold: _row(best_epoch(run)) for run in over}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("fold")


def summary(folds: pd.DataFrame) -> pd.DataFrame:
    """Columns mean and std (of a sample) of a `frame`, one row per metric."""
    import pandas as pd

    metrics = folds.drop(columns="epoch", errors="ignore")
    return pd.DataFrame({"mean": metrics.mean(), "std": metrics.std()}).rename_axis("metric")


def spread(mean: float, std: float) -> str:
    """Like ``"0.9132 ± 0.0110"``; of a single fold, which has no deviation, the mean alone."""
    if math.isnan(mean):
        return ""
    return f"{mean:.4f}" if math.isnan(std) else f"{mean:.4f} ± {std:.4f}"


def evaluate(runs: Iterable[Run], over: Collection[Run], folds: int) -> OutOfFold:
    """Measure what each image's own fold said of it; folds without a word are named in `notes`.

    Parameters
    ----------
    runs : iterable of Run
        Of all folds that have begun.
    over : collection of Run
        Those of them that count.
    folds : int

    Raises
    ------
    DataError
        If the folds are not of the same images.
    RunError
        If none has anything to say yet.
    """
    from nbfinetune.evaluation.out_of_fold import out_of_fold

    by_number = _by_number(runs, folds)
    read = [_read(number, folds, by_number.get(number), over) for number in range(folds)]
    missing = [told for told in read if isinstance(told, str)]
    counted = [fold for fold in read if not isinstance(fold, str)]
    if not counted:
        raise RunError(f"no fold can be measured yet. {missing[0]}")
    return out_of_fold(counted, missing)


def label_errors(evaluation: OutOfFold) -> pd.DataFrame:
    """Images by how little their own fold believes in their label; the index are their numbers."""
    import pandas as pd

    from nbfinetune.evaluation.label_errors import ranked

    frame = ranked(
        evaluation.probabilities, evaluation.labels, evaluation.classes, evaluation.names
    )
    assert evaluation.ids is not None  # noqa: S101 - folds have numbered images
    return frame.set_index(pd.Index(evaluation.ids[frame.index], name="image"))


def _row(best: EpochDone | None) -> dict[str, float]:
    if best is None:
        return {}
    values = {name: getattr(best, name) for name in EPOCH_METRICS}
    known = {name: math.nan if value is None else value for name, value in values.items()}
    return {"epoch": best.epoch, **known}


def _by_number(runs: Iterable[Run], folds: int) -> dict[int, Run]:
    """Runs by the number of their fold; refuses those that are no folds of one split."""
    found: dict[int, Run] = {}
    for run in runs:
        data, first = run.config.data, next(iter(found.values()), run).config
        mine = (data.source, data.folds, run.config.seed)
        theirs = (first.data.source, first.data.folds, first.seed)
        if mine != theirs or data.folds != folds:
            raise DataError(
                f"run {run.id} is not one of the {folds} folds: it has folds={data.folds}, "
                f"seed={run.config.seed} and {data.source}, and the first folds={folds}, "
                f"seed={first.seed} and {first.data.source}; leave it out"
            )
        if data.fold in found:
            raise DataError(
                f"{fold_name(data.fold, folds)} is there twice, as runs {found[data.fold].id} and "
                f"{run.id}: leave one out"
            )
        found[data.fold] = run
    return found


def _read(number: int, folds: int, run: Run | None, over: Collection[Run]) -> Fold | str:
    """A fold's predictions, or why it is not counted."""
    name = fold_name(number, folds)
    left_out = f"{name.capitalize()} is not counted: "
    if run is None:
        return f"{left_out}it has not begun."
    from nbfinetune.evaluation.out_of_fold import Fold
    from nbfinetune.evaluation.stored import stored_predictions

    try:
        if run not in over:
            return left_out + _trouble(run)
        stored = stored_predictions(run.path)
    except (DataError, StoreError) as error:
        return f"{left_out}{error}."
    if stored is None:
        return f"{left_out}run {run.id} has stored no predictions; resume it, or begin it again."
    return Fold(number, f"{name} (run {run.id})", stored[1], stored[0])


def _trouble(run: Run) -> str:
    """Why a run does not count, in a sentence."""
    with RunStore.open(run.path) as store:
        status = store.status()
        if status == "failed":
            return f"run {run.id} failed ({failure(store)})."
    if status in LIVE:
        return f"run {run.id} is {status}."
    return f"run {run.id} was {status} before its end; resume it."
