"""A run from its first step to its last."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

from timm.utils.model_ema import ModelEmaV3
from torch import nn

from nbfinetune.engine import edits, live_pruning, lr_finder, snapshot
from nbfinetune.engine.assemble import Parts
from nbfinetune.engine.clock import Clock
from nbfinetune.engine.control import Control
from nbfinetune.engine.feeding import Feeding, Portion
from nbfinetune.engine.holding import Holding
from nbfinetune.engine.keeper import Keeper
from nbfinetune.engine.optimizers import make_optimizer, set_lr, set_values
from nbfinetune.engine.ports import Recorder
from nbfinetune.engine.progress import Progress
from nbfinetune.engine.scoring import monitored, score
from nbfinetune.engine.stepper import Stepper
from nbfinetune.engine.tape import LossTape
from nbfinetune.engine.validation import Outputs, validate
from nbfinetune.errors import NonFiniteLoss, StoreError
from nbfinetune.records import (
    BatchSizeReduced,
    EpochDone,
    RunFinished,
    RunStopped,
    StepDone,
)
from nbfinetune.schedules import lr_at, momentum_at
from nbfinetune.schedules.lr_suggestions import with_peak

Ending = RunFinished | RunStopped


class Training:
    """The state of a run and the loop over it.

    Parameters
    ----------
    parts : Parts
        Model, data and loss.
    folder : Path
        The run's directory.
    recorder : Recorder
        Takes every event.
    control : Control
        Attends to commands between steps.
    lr_found : float, optional
        Highest rate of the curve, where an earlier worker has looked for it.
    """

    def __init__(
        self,
        parts: Parts,
        folder: Path,
        recorder: Recorder,
        control: Control,
        lr_found: float | None = None,
    ) -> None:
        self.parts = parts
        self.config = parts.config
        self.world = parts.world
        self.model = parts.model
        self.recorder = recorder
        self.control = control
        self.lr_found = lr_found
        self.progress = Progress.start(parts.config, parts.whole)
        self.restored_at = -1
        self.clock = Clock()
        self.tape = LossTape(parts.placement)
        start = (
            self.config.schedule if lr_found is None else with_peak(self.config.schedule, lr_found)
        )
        self.optimizer = make_optimizer(
            self.config.optimizer, edits.groups(self), parts.placement.device, lr=start.lr
        )
        self.stepper = Stepper(
            parts,
            self.optimizer,
            clip_norm=self.progress.clip_norm,
            l1=self.progress.l1,
            micro_batch=self.progress.micro_batch,
            on_reduced=self._on_reduced,
        )
        ema = self.config.training.ema
        self.ema = ModelEmaV3(self.model, decay=ema, use_warmup=True) if ema else None
        self.held = Holding(*self.models)
        self.held.clip(self.progress.clip_weights)
        self.keeper = Keeper(folder, recorder, self.config.training.checkpoint_every_s)
        self.feeding = Feeding(self)
        self.stale_mode = True
        self._validation_s = 0.0

    # ---- the loop ----

    def run(self) -> Ending:
        """Train to the end; everything is on the disk when this returns."""
        try:
            return self._run()
        except Exception as error:
            if not isinstance(error, StoreError):
                self.keeper.flush()
            raise
        finally:
            self.keeper.close()

    def _run(self) -> Ending:
        ended = lr_finder.before_first_step(self)
        if ended is not None:
            return ended
        self.clock.skip()
        while self.progress.epoch < self.progress.epochs:
            cut_off = self._train_epoch()
            if cut_off:
                return self._end_early(cut_off)
            self._end_epoch()
            patience = self.config.training.early_stopping
            if patience and self.progress.stale_epochs() >= patience:
                return self._finish("early_stopping")
        return self._finish("completed")

    def _train_epoch(self) -> str | None:
        progress = self.progress
        edits.thaw_in_time(self)
        self.stale_mode = True
        with closing(self.feeding.epoch()) as portions:
            while True:
                self.control.attend(self, measuring=progress.batch >= self.parts.steps_per_epoch)
                ended = self._ended()
                if ended:
                    return ended
                portion = next(portions, None)
                if portion is None:
                    return None
                if portion.position + 1 == self.parts.steps_per_epoch:
                    self.feeding.prepare_validation()
                if len(portion.ids):
                    self._step(portion)
                    live_pruning.after_step(self)
                progress.batch = portion.position + 1
                if self.keeper.due():
                    self.save()

    def _step(self, portion: Portion) -> None:
        progress = self.progress
        lr = self._follow_schedule()
        loss = self.feeding.step(portion)
        progress.step += 1
        self.held.apply()
        if self.ema is not None:
            self.ema.update(self.model, step=progress.step)
        seconds = self.clock.lap()
        progress.epoch_s += seconds
        self.tape.put(
            StepDone(
                step=progress.step,
                epoch=progress.epoch + 1,
                loss=math.nan,
                lr=lr,
                images_per_s=len(portion.ids) * self.world.size / seconds,
                data_wait_s=portion.wait_s,
                memory_mb=self.parts.placement.memory_mb(),
            ),
            loss,
        )
        for done in self.tape.ready():
            self._record(done)

    @property
    def models(self) -> tuple[nn.Module, ...]:
        """The model, and after it its moving average where there is one."""
        return (self.model,) if self.ema is None else (self.model, self.ema.module)

    @property
    def part_done(self) -> float:
        """Optimizer steps taken over steps planned, at most 1."""
        return min(self.progress.step / (self.parts.steps_per_epoch * self.progress.epochs), 1.0)

    def _follow_schedule(self) -> float:
        """Give the optimizer what the curve asks for at this step; returns the learning rate."""
        schedule, part = self.progress.schedule, self.part_done
        lr = lr_at(schedule, part, self.progress.plateau_history())
        set_lr(self.optimizer, lr)
        momentum = momentum_at(schedule, part)
        if momentum is not None:
            set_values(self.optimizer, momentum=momentum)
        return lr

    def _record(self, done: StepDone) -> None:
        if not math.isfinite(done.loss):
            raise NonFiniteLoss(
                f"the loss became {done.loss} at step {done.step} (learning rate {done.lr:g}); "
                "the last good checkpoint is kept. Lower lr, add warmup or clip_norm"
            )
        self.progress.loss_sum += done.loss
        self.progress.losses += 1
        self.recorder.emit(done)

    def read_losses(self) -> None:
        """Record every step taken so far; waits for the device."""
        for done in self.tape.drain():
            self._record(done)

    # ---- ends of epochs and of the run ----

    def _ended(self) -> str | None:
        if self.control.stopping:
            return "stopped"
        budget = self.config.training.time_budget_s
        if budget is None:
            return None
        late = self.clock.elapsed_s + self._expected_validation_s() >= budget
        return "time_budget" if self.world.share(late) else None

    def _expected_validation_s(self) -> float:
        """Seconds that measuring will take: as last time, else a third of training as many."""
        if self._validation_s or not self.progress.batch:
            return self._validation_s
        images = self.progress.batch * self.config.training.batch_size
        return self.progress.epoch_s / images * len(self.parts.val.ids) / 3

    def _end_epoch(self) -> None:
        self.read_losses()
        following = self.progress.epoch + 1
        if following < self.progress.epochs:
            self.feeding.prepare(following)
        done, outputs = self._measure(last=following >= self.progress.epochs)
        self._note_best(done, outputs)
        self.progress.end_epoch(done)
        if self.keeper.due(at_epoch_end=True):
            self.save()

    def _end_early(self, ended: str) -> Ending:
        self.read_losses()
        if ended == "stopped":
            self.save()
        if self.progress.losses or (self.progress.epoch and self.progress.best_epoch is None):
            self._note_best(*self._measure(last=True))
        if ended == "stopped":
            self.keeper.flush()
            return RunStopped(step=self.progress.step, best_epoch=self.progress.best_epoch)
        return self._finish("time_budget")

    def _finish(self, reason: str) -> RunFinished:
        self.save(wait=True)
        return RunFinished(
            step=self.progress.step,
            reason=reason,  # type: ignore[arg-type]
            best_epoch=self.progress.best_epoch,
        )

    def _measure(self, *, last: bool) -> tuple[EpochDone, Outputs | None]:
        model = self.models[-1]
        outputs = validate(
            model,
            self.parts,
            between=lambda: self.control.attend(self, measuring=True),
            measured=self.feeding.validated(model),
        )
        self._validation_s = self.clock.lap()
        self.stale_mode = True
        done = None
        if outputs is not None:
            config, classes = self.config.training, self.parts.classes
            seconds = self._validation_s
            done = score(outputs, self.progress, config, classes, seconds, last=last)
        return self.world.share(done), outputs

    def _note_best(self, done: EpochDone, outputs: Outputs | None) -> None:
        if self.world.leads:
            self.recorder.emit(done)
        if not done.best:
            return
        self.progress.best_value = monitored(done, self.config.training)
        self.progress.best_epoch = done.epoch
        if outputs is not None:
            self.keeper.keep_best(snapshot.best(self, done), outputs, done)

    # ---- checkpoints ----

    def save(self, *, wait: bool = False) -> None:
        """Write `last`, and `best` where it is newer than its file; in rank 0."""
        self.read_losses()
        self.progress.elapsed_s = self.clock.elapsed_s
        if self.world.leads:
            self.keeper.save(snapshot.take(self), self.progress.step, self.progress.epoch)
            if wait:
                self.keeper.wait()

    def _on_reduced(self, micro_batch: int, reason: str) -> None:
        self.progress.micro_batch = micro_batch
        self.recorder.emit(
            BatchSizeReduced(step=self.progress.step, micro_batch=micro_batch, reason=reason)
        )
