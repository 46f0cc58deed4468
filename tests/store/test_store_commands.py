"""Commands: sent by anybody, answered once, and never lost with a worker."""

from __future__ import annotations

import os

import pytest

from nbfinetune.errors import CommandRefused, StoreError
from nbfinetune.records import (
    AppliedEdit,
    CommandApplied,
    CommandDenied,
    Constant,
    Pause,
    RunFinished,
    RunPaused,
    RunStopped,
    SetOptimizer,
    SetSchedule,
    Stop,
    Unfreeze,
    in_force,
)
from nbfinetune.store import RunStore


@pytest.fixture
def worker(store):
    assert store.claim(os.getpid())
    return store


def applied(number, command, step=0):
    return CommandApplied(command_id=number, command=command, step=step)


def test_a_command_waits_until_it_is_answered(worker, folder):
    with RunStore.open(folder) as person:
        number = person.send(Pause())
        assert person.answer_of(number) is None
        assert worker.pending_commands() == [(number, Pause())]
        worker.append([applied(number, Pause(), step=4), RunPaused(step=4)])
        assert worker.pending_commands() == []
        answer = person.answer_of(number)
    assert isinstance(answer, CommandApplied)
    assert (answer.step, answer.seq) == (4, 1)


def test_commands_are_handed_over_oldest_first(worker):
    sent = [(worker.send(command), command) for command in (Pause(), Unfreeze(), Stop())]
    assert worker.pending_commands() == sent


def test_a_refusal_carries_its_reason(worker):
    number = worker.send(Unfreeze())
    worker.append([CommandDenied(command_id=number, command=Unfreeze(), reason="nothing frozen")])
    assert worker.answer_of(number).reason == "nothing frozen"
    assert worker.edits() == []


def test_a_second_answer_is_an_error(worker):
    number = worker.send(Pause())
    worker.append([applied(number, Pause())])
    with pytest.raises(StoreError, match=f"command {number} was never sent, or was answered"):
        worker.append([applied(number, Pause())])


def test_a_command_of_the_system_needs_no_sender(worker):
    worker.append([applied(0, Stop(), step=9)])
    assert worker.events()[0].command == Stop()


def test_edits_outlive_a_rewind_and_stay_answered(worker):
    curve = SetSchedule(schedule=Constant(lr=0.5))
    decay = SetOptimizer(weight_decay=0.1)
    first, second, third = (worker.send(command) for command in (curve, decay, Pause()))
    worker.append([applied(first, curve, step=3), applied(second, decay, step=8)])
    worker.append([applied(third, Pause(), step=9)])
    worker.rewind(5)
    assert worker.edits() == [AppliedEdit(first, 3, curve), AppliedEdit(second, 8, decay)]
    assert worker.answer_of(second).step == 8
    assert worker.pending_commands() == []


def test_edits_come_in_the_order_of_their_answers(worker):
    curves = [SetSchedule(schedule=Constant(lr=lr)) for lr in (0.1, 0.2, 0.3)]
    numbers = [worker.send(curve) for curve in curves]
    worker.append([applied(numbers[0], curves[0], step=9)])
    worker.append([applied(numbers[2], curves[2], step=4), applied(numbers[1], curves[1], step=4)])
    assert [(e.step, e.edit) for e in worker.edits()] == [
        (9, curves[0]),
        (4, curves[2]),
        (4, curves[1]),
    ]
    assert [e.edit for e in in_force(worker.edits())] == [curves[2], curves[1]]


def test_the_end_of_a_run_refuses_what_nobody_has_read(worker):
    stop, late = worker.send(Stop()), worker.send(Unfreeze())
    worker.append([applied(stop, Stop()), RunStopped(step=5, best_epoch=None)])
    assert isinstance(worker.answer_of(stop), CommandApplied)
    assert worker.answer_of(late).reason.startswith("the run is stopped")
    assert worker.pending_commands() == []


def test_a_run_that_is_over_takes_no_commands(worker):
    worker.append([RunFinished(reason="completed", best_epoch=0)])
    with pytest.raises(CommandRefused, match=r"Pause: run .* has finished"):
        worker.send(Pause())
    assert worker.pending_commands() == []


def test_a_stopped_run_says_that_resume_starts_it(worker):
    worker.append([RunStopped(best_epoch=None)])
    with pytest.raises(
        CommandRefused, match=r"is stopped and has no worker; resume\(\) starts one"
    ):
        worker.send(Pause())
