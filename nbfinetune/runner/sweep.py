"""`sweep`: short runs that differ in a few settings, and the best of them trained in full."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec.structs import replace

from nbfinetune.errors import ConfigError, RunError, RunTimeout
from nbfinetune.records import FineTuneConfig, checked
from nbfinetune.runner import sweep_table as table
from nbfinetune.runner.fine_tune import begin
from nbfinetune.runner.replay import again
from nbfinetune.runner.run import Run
from nbfinetune.runner.series import Driver, find_folder, new_folder
from nbfinetune.runner.settings import accept_data, configure
from nbfinetune.runner.sweep_driver import REASON, RUN, Conductor
from nbfinetune.runner.sweep_plan import Plan, plan_of
from nbfinetune.runner.sweep_store import SWEEP, open_study, read_plan

if TYPE_CHECKING:
    import pandas as pd
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["Sweep", "sweep"]

LOOK_S = 0.1

SweepStatus: TypeAlias = Literal["running", "stopped", "finished"]


def sweep(
    data: Any,
    *,
    lrs: Sequence[Any] | None = None,
    schedules: Sequence[Any] | None = None,
    space: Mapping[str, Any] | None = None,
    trials: int | None = None,
    epochs: int = 2,
    **settings: Any,
) -> Sweep:
    """Compare settings by short runs, one after the other in the background.

    Optuna keeps the book: what lies behind the median of the finished runs after an epoch is
    stopped, and a `space` is searched by its TPE sampler.

    Parameters
    ----------
    data
        As for `fine_tune`.
    lrs : sequence of float, optional
        Learning rates, one run each.
    schedules : sequence of Schedule or str, optional
        Curves, one run each; one by name has the learning rate ``lr=``.
    space : mapping, optional
        Any keyword of `fine_tune` to a range as a tuple ``(1e-4, 1e-1)`` (by orders of magnitude
        where its ends are far apart) or to choices as a list.
    trials : int, optional
        Runs over a `space`; default 10.
    epochs : int
        Of each run.
    **settings
        As for `fine_tune`, for all runs. `monitor` is what they are compared by.

    Returns
    -------
    Sweep
        The handle, at once.

    Raises
    ------
    ConfigError, DataError
        Before anything is spawned.
    """
    for name in ("wait", "replay", "trackers"):
        if name in settings:
            raise ConfigError(f"{name}={settings[name]!r} does not go with a sweep: leave it out")
    accepted, rest = accept_data(data, settings)
    config = configure(accepted.source, {**rest, "epochs": epochs})
    plan = plan_of(config, lrs, schedules, space, trials)
    folder = new_folder(SWEEP, plan.config.model.name, plan)
    try:
        accepted.place(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Sweep(folder).resume()


class Sweep:
    """A sweep in its folder; what it knows outlives the kernel.

    Parameters
    ----------
    path : Path
        The sweep's folder. `Sweep.open` also takes an id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._driver = Driver(path)

    @classmethod
    def open(cls, id_or_path: str | os.PathLike[str]) -> Sweep:
        """Handle of a sweep that exists; `resume` takes it up where a kernel has left it.

        Raises
        ------
        NoSuchRun
            If there is none; the message offers the closest ids.
        """
        return cls(find_folder(SWEEP, id_or_path))

    @property
    def id(self) -> str:
        """Name of the sweep's folder."""
        return self.path.name

    @cached_property
    def plan(self) -> Plan:
        """What is compared."""
        return read_plan(self.path)

    @property
    def config(self) -> FineTuneConfig:
        """What all its runs have in common."""
        return self.plan.config

    @property
    def status(self) -> SweepStatus:
        """Whether some kernel is at it, it is through, or `resume` would go on."""
        if self._driver.present():
            return "running"
        over = sum(trial.state.is_finished() for trial in self._trials())
        return "finished" if over >= self.plan.trials else "stopped"

    @property
    def runs(self) -> list[Run]:
        """Its runs so far, in their order, as `LiveCharts` takes them."""
        folders = [trial.user_attrs.get(RUN) for trial in self._trials()]
        return [Run(Path(folder)) for folder in folders if folder and Path(folder).is_dir()]

    @property
    def best(self) -> Run:
        """The run with the best `monitor`; of equal ones that of the lowest validation loss.

        Raises
        ------
        RunError
            If none has come to its end yet.
        """
        ended = [trial for trial in self._trials() if trial.state.name == "COMPLETE"]
        if not ended:
            reasons = [trial.user_attrs.get(REASON, "") for trial in self._trials()]
            first = next(filter(None, reasons), "wait() for the first")
            raise RunError(f"no run of sweep {self.id} has come to its end; {first}")
        sign = -1.0 if self.config.training.monitor == "val_loss" else 1.0
        best = max(
            ended, key=lambda trial: (sign * float(trial.value or 0), -table.val_loss(trial))
        )
        return Run(Path(best.user_attrs[RUN]))

    def to_frame(self) -> pd.DataFrame:
        """One row per run, those that wait included.

        Returns
        -------
        DataFrame
            Columns: what differs, state, epochs, the `monitor` of the best epoch, val_loss, run,
            and reason: why a run failed or was stopped, in a sentence.
        """
        import pandas as pd

        names, monitor = list(self.plan.space), self.config.training.monitor
        rows = [table.row(trial, names, monitor) for trial in self._trials()]
        measures = dict.fromkeys([monitor, "val_loss"])
        columns = [*names, "state", "epochs", *measures, "run", "reason"]
        return pd.DataFrame(rows, columns=columns).rename_axis("trial")

    def resume(self) -> Sweep:
        """Go on in the background of this kernel, with the run in hand and those that wait.

        Raises
        ------
        RunError
            If some kernel is at it already.
        """
        if not self._driver.take():
            raise RunError(f"sweep {self.id} is running already, here or in another kernel")
        try:
            conductor = Conductor(self.path, self.plan, self._driver)
        except BaseException:
            self._driver.leave()
            raise
        threading.Thread(target=conductor.work, name=f"sweep {self.id}", daemon=True).start()
        return self

    def stop(self) -> Sweep:
        """Stop the run in hand and begin no other; returns when that is done."""
        self._driver.ask_to_stop()
        while self._driver.present():
            time.sleep(LOOK_S)
        return self

    def wait(self, *, progress: bool = True, timeout_s: float | None = None) -> Sweep:
        """Return when it is through or was stopped; interrupting the wait leaves it running.

        Raises
        ------
        RunTimeout
            If it has not ended in time; it runs on.
        RunError
            If something broke it off, such as a full disk.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        bar = self._bar() if progress else None
        try:
            while self._driver.present():
                if bar is not None:
                    bar.n = sum(trial.state.is_finished() for trial in self._trials())
                    bar.refresh()
                if deadline is not None and time.monotonic() >= deadline:
                    raise RunTimeout(f"sweep {self.id} has not ended within {timeout_s:g} s")
                time.sleep(LOOK_S)
        finally:
            if bar is not None:
                bar.n = sum(trial.state.is_finished() for trial in self._trials())
                bar.close()
        if trouble := self._study.user_attrs.get(REASON):
            raise RunError(f"sweep {self.id} broke off: {trouble}; resume() goes on")
        return self

    def promote(self, epochs: int) -> Run:
        """Train the best run's settings in full, with its images, its split and its seed.

        Parameters
        ----------
        epochs : int
            Length of the new run, over which its curve is stretched.

        Raises
        ------
        RunError
            If no run has come to its end yet.
        """
        accepted, config = again(self.best)
        training = replace(config.training, epochs=epochs)
        return begin(accepted, checked(replace(config, training=training)))

    @cached_property
    def _study(self) -> Study:
        return open_study(self.path, self.plan)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _bar(self) -> Any:
        from tqdm.auto import tqdm

        return tqdm(total=self.plan.trials, unit="run", desc="sweep", dynamic_ncols=True)

    def __repr__(self) -> str:
        over = sum(trial.state.is_finished() for trial in self._trials())
        return f"Sweep({self.id!r}, {self.status}, {over} of {self.plan.trials} runs)"

    def _repr_html_(self) -> str:
        """Table of its runs."""
        html: str = self.to_frame().to_html(float_format="{:.4g}".format, na_rep="")
        return f"<p>{escape(repr(self))}</p>{html}"
