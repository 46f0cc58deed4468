"""Commands between steps: hold, go on, stop, and edits of the run, each answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nbfinetune.engine import edits, heap, lr_finder
from nbfinetune.engine.ports import Commands, Recorder
from nbfinetune.errors import NbFinetuneError, NonFiniteLoss, TrainingError
from nbfinetune.records import (
    AppliedEdit,
    Command,
    CommandApplied,
    CommandDenied,
    FindLearningRate,
    Pause,
    Resume,
    RunPaused,
    RunResumed,
    SaveCheckpoint,
    Stop,
    StopFinding,
    replaces,
)

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training

HOLD_S = 0.02
"""Seconds between two looks at the commands while a run is paused."""


class Control:
    """Attends to the commands of a run.

    Parameters
    ----------
    commands : Commands
        Polled between steps, in rank 0 only.
    edits : sequence of AppliedEdit
        By step: edits of an earlier life of the run that its checkpoint does not have yet. Each is
        in force again from the step at which it was applied, unless someone now asks for
        something else.

    Attributes
    ----------
    stopping : bool
        The run is to end.
    finding : bool
        Rates are being tried on a copy of the run, which holds meanwhile.
    """

    def __init__(
        self, commands: Commands, recorder: Recorder, edits: Sequence[AppliedEdit] = ()
    ) -> None:
        self._commands = commands
        self._recorder = recorder
        self._edits = list(edits)
        self._waiting: list[tuple[int, Command]] = []
        self._paused = False
        self.stopping = False
        self.finding = False

    def attend(self, training: Training, *, measuring: bool = False) -> None:
        """Answer every waiting command; returns when the run may go on or is to stop.

        Parameters
        ----------
        measuring : bool
            The epoch is about to be measured, or is being measured: what would make another model
            of it waits until that is done, and a pause lets it be done then.
        """
        if not measuring:
            self._replay(training)
        self._answer(training, measuring=measuring)
        while self._paused and not self.stopping and not (measuring and self._waiting):
            time.sleep(HOLD_S)
            training.clock.skip()
            self._answer(training, measuring=measuring)

    def goes_on_finding(self, training: Training) -> bool:
        """Answer commands between two rates; whether the next is to be tried."""
        self._answer(training, measuring=True)
        return self.finding and not self.stopping

    def _replay(self, training: Training) -> None:
        while self._edits and self._edits[0].step <= training.progress.step:
            entry = self._edits.pop(0)
            silent = entry.step == training.restored_at
            edits.apply(training, entry.command_id, entry.edit, silent=silent)

    def _answer(self, training: Training, *, measuring: bool) -> None:
        polled = self._commands.poll() if training.world.leads else ()
        asked = [*self._waiting, *training.world.share(polled)]
        self._waiting = []
        for number, command in asked:
            if measuring and isinstance(command, edits.RESHAPING):
                self._waiting.append((number, command))
                continue
            step = training.progress.step
            try:
                self._apply(command, number, training)
            except NonFiniteLoss:  # no command's fault: the run fails of it
                raise
            except NbFinetuneError as error:
                self._recorder.emit(
                    CommandDenied(step=step, command_id=number, command=command, reason=str(error))
                )

    def _apply(self, command: Command, number: int, training: Training) -> None:
        applied = CommandApplied(step=training.progress.step, command_id=number, command=command)
        match command:
            case Pause():
                self._pause(applied, training)
            case Resume():
                self._go_on(applied)
            case Stop():
                self.stopping = True
                self._recorder.emit(applied)
            case SaveCheckpoint():
                training.save(wait=True)
                self._recorder.emit(applied)
            case FindLearningRate():
                self._find(applied, training)
            case StopFinding():
                self._stop_finding(applied)
            case _:
                edits.apply(training, number, command)
                self._recorder.emit(applied)
                self._edits = [e for e in self._edits if not replaces(command, e.edit)]

    def _pause(self, applied: CommandApplied, training: Training) -> None:
        if self._paused:
            raise TrainingError("the run is paused already; resume() lets it go on")
        self._paused = True
        training.read_losses()
        self._recorder.emit(applied)
        self._recorder.emit(RunPaused(step=applied.step))
        training.save()
        heap.give_back()

    def _find(self, applied: CommandApplied, training: Training) -> None:
        if self.finding:
            raise TrainingError("rates are being tried already; wait for what is found")
        self._recorder.emit(applied)
        lr_finder.look(training)

    def _stop_finding(self, applied: CommandApplied) -> None:
        if not self.finding:
            raise TrainingError("no rates are being tried; there is no search to stop")
        self.finding = False
        self._recorder.emit(applied)

    def _go_on(self, applied: CommandApplied) -> None:
        if not self._paused:
            raise TrainingError("the run is not paused; there is nothing to resume")
        self._paused = False
        self._recorder.emit(applied)
        self._recorder.emit(RunResumed(step=applied.step))
