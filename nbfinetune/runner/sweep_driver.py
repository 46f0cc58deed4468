"""What runs a sweep: one run after the other, the losers stopped at the end of an epoch."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import NbFinetuneError, RunError
from nbfinetune.records import LIVE, EpochDone
from nbfinetune.runner import answers, standby
from nbfinetune.runner.endings import failure
from nbfinetune.runner.fine_tune import begin
from nbfinetune.runner.replay import share_data
from nbfinetune.runner.run import Run
from nbfinetune.runner.series import Driver, stop_run
from nbfinetune.runner.sweep_plan import Plan
from nbfinetune.runner.sweep_store import open_study
from nbfinetune.store import RunStore

if TYPE_CHECKING:
    from optuna.trial import Trial

LOOK_S = 0.1

RUN, REASON = "run", "reason"
"""What Optuna keeps of a trial besides its values: the run's folder, and why it ended early."""


class Conductor:
    """Takes a sweep from wherever it stands to its end, or to where it is asked to stop.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    plan : Plan
    driver : Driver
        Taken.
    """

    def __init__(self, folder: Path, plan: Plan, driver: Driver) -> None:
        self._folder, self._plan, self._driver = folder, plan, driver
        self._study = open_study(folder, plan)

    def work(self) -> None:
        """Run all that is left."""
        try:
            self._study.set_user_attr(REASON, "")
            while not self._driver.is_asked_to_stop():
                trial = self._next()
                if trial is None:
                    return
                self._conduct(trial)
            self._stop_in_hand()
        except Exception as error:  # noqa: BLE001 - nobody hears what a thread raises
            self._study.set_user_attr(REASON, f"{type(error).__name__}: {error}")
        finally:
            self._driver.leave()

    def _next(self) -> Trial | None:
        """The trial that a conductor before us has left, else a new one."""
        from optuna.trial import TrialState

        left = self._in_hand()
        if left is not None:
            return left
        trials = self._study.get_trials(deepcopy=False)
        if sum(trial.state != TrialState.WAITING for trial in trials) >= self._plan.trials:
            return None
        # Choices that wait in the queue come first, whatever the distributions say.
        space = {name: one.distribution() for name, one in self._plan.space.items()}
        return self._study.ask(space)

    def _in_hand(self) -> Trial | None:
        """The trial that was begun and has no result."""
        from optuna.trial import Trial, TrialState

        for left in self._study.get_trials(deepcopy=False):
            if left.state == TrialState.RUNNING:
                return Trial(self._study, left._trial_id)  # noqa: SLF001 - there is no other way
        return None

    def _stop_in_hand(self) -> None:
        """Stop the run of the trial in hand, also one that goes on since before this kernel."""
        trial = self._in_hand()
        folder = None if trial is None else trial.user_attrs.get(RUN)
        if folder is not None:
            run = Run.open(folder)
            if run.status in LIVE:
                stop_run(run)

    def _conduct(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        try:
            run = self._run_of(trial)
            if trial.number + 1 < self._plan.trials:
                standby.prepare()
            pruned = self._follow(trial, run)
            if pruned is None:
                return
            if pruned:
                self._study.tell(trial, state=TrialState.PRUNED)
            else:
                self._study.tell(trial, self._value(run))
        except Exception as error:  # noqa: BLE001 - one bad run must not end the others
            told = str(error) if isinstance(error, NbFinetuneError) else repr(error)
            trial.set_user_attr(REASON, told)
            self._study.tell(trial, state=TrialState.FAIL)

    def _run_of(self, trial: Trial) -> Run:
        """The trial's run, begun, or gone on with where it was left."""
        folder = trial.user_attrs.get(RUN)
        if folder is None:
            config = self._plan.config_of(trial.params)
            place = partial(share_data, self._folder)
            run = begin(Accepted(config.data.source, place, self._folder.name), config)
            trial.set_user_attr(RUN, str(run.path))
            return run
        run = Run.open(folder)
        with RunStore.open(run.path) as store:
            if store.status() in ("stopped", "interrupted"):
                answers.restart(store)
        return run

    def _follow(self, trial: Trial, run: Run) -> bool | None:
        """Whether the run was stopped as a loser; None where the sweep is to stop."""
        pause = threading.Event()
        known = set(self._study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        with RunStore.open(run.path) as store:
            while True:
                live = store.status() in LIVE
                for done in store.epochs():
                    if done.epoch not in known:
                        known.add(done.epoch)
                        trial.report(self._measure(done), done.epoch)
                        if live and done.epoch < store.epochs_planned() and trial.should_prune():
                            self._prune(trial, run, done)
                            return True
                if not live:
                    return self._ended(trial, store)
                if self._driver.is_asked_to_stop():
                    return None
                pause.wait(LOOK_S)

    def _prune(self, trial: Trial, run: Run, done: EpochDone) -> None:
        name = self._plan.config.training.monitor
        told = f"stopped after epoch {done.epoch}: {name} {self._measure(done):.4g} is worse than "
        trial.set_user_attr(REASON, told + "the median of the others")
        stop_run(run)

    def _ended(self, trial: Trial, store: RunStore) -> bool:
        status = store.status()
        if status == "failed":
            raise failure(store)
        if status == "interrupted":
            raise RunError(f"run {store.path.name} was interrupted: its worker is gone")
        if status == "stopped":
            trial.set_user_attr(REASON, "someone stopped the run")
        return status == "stopped"

    def _value(self, run: Run) -> float:
        with RunStore.open(run.path) as store:
            measured = [self._measure(done) for done in store.epochs()]
        if not measured:
            raise RunError(f"run {run.id} has ended without measuring anything")
        return min(measured) if self._plan.config.training.monitor == "val_loss" else max(measured)

    def _measure(self, done: EpochDone) -> float:
        value: Any = getattr(done, self._plan.config.training.monitor)
        return float(value)
