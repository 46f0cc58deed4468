"""`Run`: the handle by which a run is watched, steered and used, from any process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import (
    RESUMABLE,
    Command,
    CommandApplied,
    Event,
    FineTuneConfig,
    Pause,
    Resume,
    RunPaused,
    RunResumed,
    SaveCheckpoint,
    Schedule,
    SetOptimizer,
    SetSchedule,
    Status,
    Stop,
    Unfreeze,
    checked,
)
from nbfinetune.runner import answers, frames, summary
from nbfinetune.runner.model_face import ModelFace
from nbfinetune.runner.progress import watch
from nbfinetune.store import RunStore, layout

if TYPE_CHECKING:
    import pandas as pd

    from nbfinetune.runner.trackers import Mirror


@dataclass(frozen=True, repr=False)
class Run(ModelFace):
    """A run in its folder; holds nothing open, so that it may be kept and copied freely.

    Parameters
    ----------
    path : Path
        The run's folder. `Run.open` also takes an id.
    """

    path: Path

    @classmethod
    def open(cls, id_or_path: str | os.PathLike[str]) -> Run:
        """Handle of a run that exists, live or over.

        Parameters
        ----------
        id_or_path : str or path
            Its folder, or its id in `NBFINETUNE_HOME`.

        Raises
        ------
        NoSuchRun
            If there is none; the message offers the closest ids.
        StoreError
            If its store can't be read.
        """
        run = cls(layout.find_run(id_or_path))
        _ = run.config
        return run

    @property
    def id(self) -> str:
        """Name of the run's folder; ids sort by time."""
        return self.path.name

    @property
    def status(self) -> Status:
        """What the run is doing now, in one word."""
        with self._store() as store:
            return store.status()

    @cached_property
    def config(self) -> FineTuneConfig:
        """What the run was started with."""
        with self._store() as store:
            return store.config

    def metrics(self, split: Literal["epoch", "step"] = "epoch") -> pd.DataFrame:
        """Everything measured so far, one row per epoch or per step.

        Parameters
        ----------
        split : {"epoch", "step"}
            `step`: loss, lr, images_per_s, data_wait_s (seconds), memory_mb. `epoch`: train_loss,
            val_loss, accuracy, top5, precision, recall, macro_f1, roc_auc, seconds, images_per_s.
        """
        with self._store() as store:
            return frames.metrics(store, split)

    def events(self, after: int = 0) -> list[Event]:
        """What happened, as typed events in their order, from `seq` greater than `after` on."""
        with self._store() as store:
            return store.events(after)

    def track(self, tracker: str, **where: Any) -> Mirror:
        """Mirror the run to a tracker as it trains, or all of it where it has ended.

        A process of its own does that; whatever becomes of it, the run goes on.

        Parameters
        ----------
        tracker : {"tensorboard", "mlflow", "wandb"}
        **where
            ``folder`` of TensorBoard; ``uri`` and ``experiment`` of MLflow; ``project``, ``entity``
            and ``mode`` of Weights & Biases.

        Raises
        ------
        ConfigError
            If there is no such tracker, or it is not installed.
        StoreError
            If the run's folder can't be written.
        """
        from nbfinetune.runner import trackers

        return trackers.track(self.path, tracker, where)

    def wait(self, *, progress: bool = True, timeout_s: float | None = None) -> Run:
        """Return when the run has ended; interrupting the wait leaves the run training.

        Parameters
        ----------
        progress : bool
            Draw a progress bar.
        timeout_s : float, optional
            Seconds to wait at most.

        Raises
        ------
        RunFailedError
            With the worker's sentence; `.details` is its traceback.
        RunInterrupted, RunTimeout
            If the worker is gone without a last word; if the run has not ended in time.
        """
        with self._store() as store:
            watch(store, progress=progress, timeout_s=timeout_s)
        return self

    def pause(self) -> CommandApplied:
        """Hold after the step in hand; returns once the run holds.

        Raises
        ------
        CommandRefused
            If there is nothing to hold.
        RunInterrupted
            If the worker dies meanwhile.
        """
        with self._store() as store:
            answer = answers.ask(store, Pause())
            answers.await_event(store, answer.seq, RunPaused)
        return answer

    def resume(self) -> CommandApplied | None:
        """Go on: after a pause with the same worker, after an end with a new one.

        Returns
        -------
        CommandApplied or None
            None where a new worker was started, by us or by somebody else just before.

        Raises
        ------
        CommandRefused
            If the run is running, or has finished.
        RunFailedError, RunInterrupted
            If the new worker fails before it has begun.
        """
        with self._store() as store:
            if store.status() in (*RESUMABLE, "starting"):
                answers.restart(store)
                from nbfinetune.runner import trackers  # 8 ms, which few calls need

                for mirror in trackers.mirrors(self.path):
                    mirror.go_on()
                return None
            answer = answers.ask(store, Resume())
            answers.await_event(store, answer.seq, RunResumed)
        return answer

    def stop(self) -> CommandApplied:
        """End the run with a usable model; returns when it has ended.

        Raises
        ------
        CommandRefused
            If it has ended already.
        RunFailedError, RunInterrupted
            If it ends badly instead.
        """
        with self._store() as store:
            answer = answers.ask(store, Stop())
            answers.await_event(store, answer.seq)
        return answer

    def save_checkpoint(self) -> CommandApplied:
        """Write the state of the training to the disk now; returns when it lies there."""
        with self._store() as store:
            return answers.ask(store, SaveCheckpoint())

    def set_schedule(self, schedule: Schedule, epochs: int | None = None) -> CommandApplied:
        """Train on along another curve, such as ``nbfinetune.schedules.Cosine(lr=1e-3)``.

        Parameters
        ----------
        schedule : Schedule
            Over the whole run, of which the part that is left is followed.
        epochs : int, optional
            New length of the run; at least the epochs that have begun.

        Raises
        ------
        ScheduleError
            If the curve makes no sense.
        CommandRefused, RunInterrupted
            As for `pause`.
        """
        from nbfinetune.schedules import check

        command = checked(SetSchedule(schedule=check(schedule), epochs=epochs))
        with self._store() as store:
            return answers.ask(store, command)

    def set_optimizer(self, **values: float) -> CommandApplied:
        """Change `weight_decay`, `momentum`, `l1`, `clip_norm` or `clip_weights` of the optimizer.

        Raises
        ------
        ConfigError
            If a value has another name, or can't work.
        CommandRefused, RunInterrupted
            As for `pause`.
        """
        known = SetOptimizer.__struct_fields__
        if not values or (unknown := [name for name in values if name not in known]):
            got = f"unknown: {', '.join(unknown)}" if values else "nothing was given"
            raise ConfigError(f"an optimizer's {', '.join(known)} can be changed; {got}")
        command = checked(SetOptimizer(**values))
        with self._store() as store:
            return answers.ask(store, command)

    def unfreeze(self) -> CommandApplied:
        """Train every layer from now on."""
        with self._store() as store:
            return answers.ask(store, Unfreeze())

    @overload
    def prune(
        self, amount: float, *, method: Literal["structured", "depth"], **wishes: Any
    ) -> Run: ...

    @overload
    def prune(
        self, amount: float | None = None, *, live: Literal[True], **wishes: Any
    ) -> CommandApplied: ...

    @overload
    def prune(self, amount: float | None = None, **wishes: Any) -> CommandApplied | Run: ...

    def prune(
        self,
        amount: float | None = None,
        *,
        method: str = "unstructured",
        live: bool | None = None,
        **wishes: Any,
    ) -> CommandApplied | Run:
        """Make the model smaller, as a new run or while this one trains.

        Parameters
        ----------
        amount : float in [0, 1)
            With `"structured"` and `"depth"`, the part of `target` that is taken out for good:
            channels, or whole blocks first. With `"unstructured"`, the part of the weights of
            convolutions and linear layers but the head's that becomes zero and stays so; 0 lets
            them learn again. The model keeps its size and its speed then.
        method : {"unstructured", "structured", "depth"}
        live : bool, optional
            Prune this run between two steps, rather than its best model as a new run. Default:
            only where single weights go and the run is live.
        **wishes
            Fields of `nbfinetune.records.PruningConfig` (`target`, `criterion`, `protect`,
            `gradual_epochs`, ...) or of `Prune` (`scope`, `below`, `pattern`); of a new run also
            `recover_epochs` (default 2) and settings of `fine_tune`, such as `lr`.

        Returns
        -------
        CommandApplied or Run
            The answer of this run, or the new run.

        Raises
        ------
        ConfigError
            If a value can't be.
        CommandRefused, RunInterrupted
            As for `pause`; a new run needs no worker of this one.
        RunError
            If there is no best model yet.
        """
        from nbfinetune.runner import pruned_run

        def ask(command: Command) -> CommandApplied:
            with self._store() as store:
                return answers.ask(store, command)

        best = partial(self._trained, "best")
        return pruned_run.prune(self, amount, method, wishes, live=live, ask=ask, best_folder=best)

    def _store(self) -> RunStore:
        return RunStore.open(self.path)

    def __repr__(self) -> str:
        try:
            with self._store() as store:
                return summary.line(self.id, summary.facts(store))
        except NbFinetuneError:
            # A handle whose folder is gone can still be looked at.
            return summary.line(self.id, {"at": str(self.path)})

    def _repr_html_(self) -> str:
        from nbfinetune.runner import trackers

        with self._store() as store:
            told = summary.facts(store) | summary.speed(store)
            told |= trackers.mirrored_to(self.path)
            return summary.table(self.id, told, str(self.path))


def runs(home: str | os.PathLike[str] | None = None) -> list[Run]:
    """Every run in a folder, newest last; folders that hold no run are passed over.

    Parameters
    ----------
    home : path, optional
        Default: `NBFINETUNE_HOME`, else `nbfinetune-runs` where we are.
    """
    place = layout.home() if home is None else Path(home).expanduser().absolute()
    return [Run(folder) for folder in layout.run_folders(place)]
