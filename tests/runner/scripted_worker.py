"""A worker without a network: claims its run, takes steps and obeys, as the real one does.

The run's model name says how it ends: `fails` raises at step 5, `vanishes` dies before its claim;
any other trains on to the end.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from nbfinetune.records import (
    CommandApplied,
    CommandDenied,
    EpochDone,
    Pause,
    PhaseStarted,
    Resume,
    RunFailed,
    RunFinished,
    RunPaused,
    RunRestored,
    RunResumed,
    RunStarted,
    RunStopped,
    StepDone,
    Stop,
    Unfreeze,
)
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint

STEPS_PER_EPOCH = 10
WORK_S = 0.001


class Worker:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = RunStore.open(folder)
        self.config = self.store.config
        self.step = 0
        self.paused = self.stopping = False

    def run(self) -> int:
        if self.config.model.name == "vanishes":
            sys.exit("ImportError: no module of that name")
        if not self.store.claim(os.getpid()):
            return 3
        threading.Thread(target=self.beat, daemon=True).start()
        self.begin()
        try:
            while self.step < self.config.training.epochs * STEPS_PER_EPOCH and not self.stopping:
                self.obey()
                if not self.paused:
                    self.train()
                time.sleep(WORK_S)
        except ValueError as error:
            message = f"the loss is {error} at step {self.step}"
            self.tell(
                RunFailed(step=self.step, error="NonFiniteLoss", message=message, details="T")
            )
            return 1
        if self.stopping:
            self.tell(RunStopped(step=self.step, best_epoch=None))
        else:
            self.tell(RunFinished(step=self.step, reason="completed", best_epoch=0))
        return 0

    def begin(self) -> None:
        saved = checkpoint(self.folder, "last")
        again = self.store.last_seq() > 0
        self.tell(PhaseStarted(phase="tying shoes"))
        if again:
            self.step = int(saved.read_text()) if saved.exists() else 0
            self.store.rewind(self.step)
            self.tell(RunRestored(step=self.step))
        self.tell(
            RunStarted(
                step=self.step,
                device="cpu",
                device_name="none",
                precision="fp32",
                channels_last=False,
                image_size=8,
                batch_size=1,
                steps_per_epoch=STEPS_PER_EPOCH,
                epochs=self.config.training.epochs,
                train_images=10,
                val_images=2,
                classes=("a", "b"),
                parameters=1,
                trainable_parameters=1,
                weights_from="nowhere",
                versions={},
            )
        )

    def train(self) -> None:
        if self.step == 5 and self.config.model.name == "fails":
            raise ValueError("nan")
        self.step += 1
        self.tell(step_done(self.step))
        if self.step % STEPS_PER_EPOCH == 0:
            self.tell(epoch_done(self.step // STEPS_PER_EPOCH, self.step))
            draft = checkpoint(self.folder, "last").with_suffix(".new")
            draft.write_text(str(self.step))
            draft.replace(checkpoint(self.folder, "last"))

    def obey(self) -> None:
        for number, command in self.store.pending_commands():
            reason = self.refusal(command)
            if reason:
                self.tell(CommandDenied(command_id=number, command=command, reason=reason))
                continue
            self.tell(CommandApplied(step=self.step, command_id=number, command=command))
            if isinstance(command, Stop):
                self.stopping = True
            elif isinstance(command, Pause):
                self.paused = True
                self.tell(RunPaused(step=self.step))
            elif isinstance(command, Resume):
                self.paused = False
                self.tell(RunResumed(step=self.step))

    def refusal(self, command: object) -> str:
        if isinstance(command, Unfreeze):
            return "nothing is frozen"
        if isinstance(command, Resume) and not self.paused:
            return "the run is not paused"
        return ""

    def beat(self) -> None:
        while True:
            self.store.heartbeat()
            time.sleep(1)

    def tell(self, event) -> None:
        self.store.append([event])


def step_done(step: int) -> StepDone:
    return StepDone(
        step=step,
        epoch=(step - 1) // STEPS_PER_EPOCH + 1,
        loss=1 / step,
        lr=0.1,
        images_per_s=1.0,
        data_wait_s=0.0,
        memory_mb=1.0,
    )


def epoch_done(epoch: int, step: int) -> EpochDone:
    return EpochDone(
        step=step,
        epoch=epoch,
        train_loss=1 / step,
        val_loss=1 / step,
        accuracy=1 - 1 / (epoch + 1),
        top5=1.0,
        precision=0.5,
        recall=0.5,
        macro_f1=0.5,
        roc_auc=None,
        seconds=0.1,
        images_per_s=100.0,
    )


if __name__ == "__main__":
    sys.exit(Worker(Path(sys.argv[1])).run())
