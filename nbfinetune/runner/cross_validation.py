"""The same run once per fold, and what the folds say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import ConfigError, FoldFailed, RunError, RunFailedError
from nbfinetune.runner.fine_tune import fine_tune
from nbfinetune.runner.run import Run
from nbfinetune.runner.settings import accept_data

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class CrossValidation:
    """Finished runs, one per fold.

    Parameters
    ----------
    runs : tuple of Run
        In the order of their folds.
    folds : int
        Parts that the images were split into.
    """

    runs: tuple[Run, ...]
    folds: int

    def frame(self) -> pd.DataFrame:
        """Metrics of each fold's best epoch, one row per fold.

        Returns
        -------
        DataFrame
            Column epoch, then those of `Run.metrics`; what best means is `training.monitor`.
        """
        import pandas as pd

        rows = {run.config.data.fold: _best_epoch(run) for run in self.runs}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("fold")

    def summary(self) -> pd.DataFrame:
        """Mean and sample standard deviation of each metric over the folds.

        Returns
        -------
        DataFrame
            Columns mean and std, one row per metric. A metric that a fold lacks is taken over
            the others.
        """
        import pandas as pd

        metrics = self.frame().drop(columns="epoch", errors="ignore")
        values = {"mean": metrics.mean(), "std": metrics.std()}
        return pd.DataFrame(values).rename_axis("metric")

    def __repr__(self) -> str:
        head = f"CrossValidation: {len(self.runs)} of {self.folds} folds"
        if not self.runs:
            return head
        rows = self.summary().loc[["accuracy", "macro_f1", "val_loss"]]
        figures = (f"{name} {row['mean']:.4f} ± {row['std']:.4f}" for name, row in rows.iterrows())
        return f"{head}: {', '.join(figures)}"

    def _repr_html_(self) -> str:
        """Table of the summary, and one of the folds."""
        head = f"<p>{len(self.runs)} of {self.folds} folds</p>"
        if not self.runs:
            return head
        tables = (self.summary(), self.frame())
        return head + "".join(table.to_html(float_format="{:.4f}".format) for table in tables)


def cross_validate(data: Any, folds: int = 5, **settings: Any) -> CrossValidation:
    """Fine-tune once per fold, one after the other, each time validating on another part.

    Parameters
    ----------
    data
        As for `fine_tune`.
    folds : int
        Stratified parts, at least 2.
    **settings
        As for `fine_tune`.

    Raises
    ------
    ConfigError, DataError
        Before anything is spawned.
    FoldFailed
        If a fold ends without a result; `FoldFailed.finished` has the folds before it.
    """
    for name in ("fold", "wait"):
        if name in settings:
            raise ConfigError(
                f"{name}={settings[name]!r}: cross_validate sets {name}; leave it out"
            )
    if folds < 2:
        raise ConfigError(f"folds is {folds!r}: cross-validation needs at least 2")
    done: list[Run] = []
    # Once for all folds: a data set without files is written out by this.
    accepted, settings = accept_data(data, settings)
    for fold in range(folds):
        run = fine_tune(accepted, folds=folds, fold=fold, **settings)
        try:
            run.wait()
        except RunError as error:
            finished = CrossValidation(tuple(done), folds)
            raise _failed(error, run, fold, finished) from error
        done.append(run)
    return CrossValidation(tuple(done), folds)


def _failed(error: RunError, run: Run, fold: int, finished: CrossValidation) -> FoldFailed:
    return FoldFailed(
        f"fold {fold} of {finished.folds} failed ({error}); its run lies in {run.path}, and "
        f"{len(finished.runs)} finished folds are in this error's .finished",
        getattr(error, "error", type(error).__name__),
        error.details if isinstance(error, RunFailedError) else "",
        fold=fold,
        finished=finished,
    )


def _best_epoch(run: Run) -> dict[str, float]:
    metrics = run.metrics()
    if metrics.empty:
        return {}
    monitor = run.config.training.monitor
    goodness = metrics[monitor].to_numpy() * (-1 if monitor == "val_loss" else 1)
    best = int(goodness.argmax())
    row = {str(name): float(value) for name, value in metrics.iloc[best].items()}
    return {"epoch": int(metrics.index[best]), **row}
