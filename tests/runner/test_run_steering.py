"""Steering a live run: real processes on both sides."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from nbfinetune.errors import (
    CommandRefused,
    ConfigError,
    RunFailedError,
    RunInterrupted,
    ScheduleError,
)
from nbfinetune.records import (
    CommandApplied,
    CommandDenied,
    Constant,
    Linear,
    Pause,
    Resume,
    RunPaused,
    RunRestored,
    RunResumed,
    RunStopped,
    SetOptimizer,
    SetSchedule,
    StepDone,
    Stop,
)
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore

ROOT = Path(__file__).parents[2]
FROM_OUTSIDE = """
import sys
from contextlib import suppress
from functools import partial
from nbfinetune.errors import CommandRefused
from nbfinetune.runner import answers
from nbfinetune.runner.launch import launch
from nbfinetune.runner.run import Run
answers.launch = partial(launch, module="scripted_worker")
run = Run.open(sys.argv[1])
input()
{what}
print(run.status, *[name for name in ("torch", "timm", "pandas", "IPython") if name in sys.modules])
"""


def outside(run, what):
    """Another process that does something with the run as soon as it is told to."""
    script = FROM_OUTSIDE.format(what=what)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}
    return subprocess.Popen(
        [sys.executable, "-c", script, run.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


def last_step(run):
    with RunStore.open(run.path) as store:
        return store.last(StepDone).step


def test_a_pause_holds_the_run_and_resume_lets_it_go_on(training, until):
    answer = training.pause()
    assert (type(answer), answer.command) == (CommandApplied, Pause())
    assert training.status == "paused"
    held = last_step(training)
    training.save_checkpoint()  # the worker has been through its loop again
    assert last_step(training) == held
    training.resume()
    assert training.status == "running"
    until(lambda: last_step(training) > held)


def test_a_stop_returns_when_the_run_has_ended(training):
    training.stop()
    assert training.status == "stopped"


@pytest.mark.parametrize(
    ("method", "command", "effect"),
    [
        ("stop", Stop(), RunStopped(best_epoch=None)),
        ("pause", Pause(), RunPaused()),
        ("resume", Resume(), RunResumed()),
    ],
)
def test_an_answer_is_given_back_only_when_it_has_come_true(
    new_run, until, method, command, effect
):
    run = new_run()
    with RunStore.open(run.path) as worker:
        worker.claim(os.getpid())
        worker.append([RunRestored(), RunPaused()])
        asking = threading.Thread(target=getattr(run, method))
        asking.start()
        until(worker.pending_commands)
        worker.append([CommandApplied(command_id=1, command=command)])
        asking.join(timeout=0.2)
        assert asking.is_alive()
        worker.append([effect])
        asking.join()


def test_who_resumes_a_run_that_is_being_launched_waits_for_that_worker(new_run):
    run = new_run()
    with RunStore.open(run.path) as other:
        assert other.reserve()
        resuming = threading.Thread(target=run.resume)
        resuming.start()
        resuming.join(timeout=0.2)
        assert resuming.is_alive()
        other.claim(os.getpid())
        resuming.join()
        assert other.worker().pid == os.getpid()


def test_an_edit_is_answered_with_the_step_from_which_it_holds(training):
    answer = training.set_schedule(Constant(lr=0.5))
    assert answer.command == SetSchedule(schedule=Constant(lr=0.5))
    assert answer.step > 0
    assert training.set_optimizer(weight_decay=0.5).command == SetOptimizer(weight_decay=0.5)


def test_what_makes_no_sense_is_refused_before_it_is_sent(training):
    with pytest.raises(ScheduleError, match="lr"):
        training.set_schedule(Linear(lr=-1.0))
    with pytest.raises(ConfigError, match=r"unknown: speed"):
        training.set_optimizer(speed=2.0)
    with pytest.raises(ConfigError, match="nothing was given"):
        training.set_optimizer()
    with pytest.raises(ConfigError, match=r"weight_decay is -1\.0"):
        training.set_optimizer(weight_decay=-1.0)
    assert not [e for e in training.events() if isinstance(e, CommandApplied | CommandDenied)]


def test_the_workers_refusal_is_raised_with_its_reason(training):
    with pytest.raises(CommandRefused, match="nothing is frozen"):
        training.unfreeze()
    with pytest.raises(CommandRefused, match="not paused"):
        training.resume()


def test_a_finished_run_refuses_every_command(scripted, until):
    run = scripted(epochs=1)
    run.wait(progress=False)
    for command in (run.pause, run.stop, run.unfreeze, run.save_checkpoint, run.resume):
        with pytest.raises(CommandRefused, match="finished"):
            command()


def test_a_killed_worker_leaves_an_interrupted_run_that_says_what_to_do(training, kill, until):
    kill(training)
    until(lambda: training.status == "interrupted")
    with pytest.raises(RunInterrupted, match=r"resume\(\) goes on from the last checkpoint"):
        training.wait(progress=False)
    with pytest.raises(CommandRefused, match=r"is interrupted .* resume\(\) starts one"):
        training.pause()


def silence(store, until):
    """Stop the worker, alive, though not in the middle of a write, when no one else could ask."""
    worker = psutil.Process(store.worker().pid)
    store._connection.execute("BEGIN IMMEDIATE")
    worker.suspend()
    until(lambda: worker.status() == psutil.STATUS_STOPPED)
    store._connection.execute("ROLLBACK")


def test_whoever_waits_for_an_answer_learns_that_the_worker_died(training, kill, until):
    with RunStore.open(training.path) as store:
        silence(store, until)
        raised = []

        def ask():
            with pytest.raises(RunInterrupted) as caught:
                training.stop()
            raised.append(caught.value)

        asking = threading.Thread(target=ask)
        asking.start()
        until(store.pending_commands)
        kill(training)
        asking.join()
    assert "worker is gone" in str(raised[0])


def test_a_killed_run_goes_on_where_its_checkpoint_stands_with_nothing_lost_or_doubled(
    scripted, kill, until
):
    run = scripted()
    for life in range(3):
        until(lambda life=life: len(run.metrics()) > 3 * life + 1)
        kill(run)
        until(lambda: run.status == "interrupted")
        assert run.resume() is None
    until(lambda: len(run.metrics()) > 12)
    run.stop()
    taken = last_step(run)
    assert run.metrics("step").index.tolist() == list(range(1, taken + 1))
    assert run.metrics().index.tolist() == list(range(1, taken // 10 + 1))
    seqs = [event.seq for event in run.events()]
    assert seqs == sorted(set(seqs))


def test_a_stopped_run_can_be_resumed(training, until):
    training.stop()
    stopped_at = last_step(training)
    training.resume()
    until(lambda: training.status == "running" and last_step(training) > stopped_at)


def test_a_failed_run_says_why_and_can_be_resumed(scripted, until):
    run = scripted("fails")
    with pytest.raises(RunFailedError, match="the loss is nan at step 5") as caught:
        run.wait(progress=False)
    assert (caught.value.error, caught.value.details) == ("NonFiniteLoss", "T")
    assert run.status == "failed"
    with suppress(RunFailedError):  # the new worker may fail before resume() has seen it begin
        run.resume()
    until(lambda: run.status == "failed" and any(type(e) is RunRestored for e in run.events()))


def test_a_worker_that_never_begins_is_reported_with_the_end_of_its_log(scripted, until):
    run = scripted("vanishes")
    with pytest.raises(RunInterrupted, match="ImportError: no module of that name"):
        run.wait(progress=False)
    with pytest.raises(RunInterrupted, match="ImportError: no module of that name"):
        run.resume()


def test_two_processes_that_resume_one_run_start_one_worker(training, kill, until):
    kill(training)
    until(lambda: training.status == "interrupted")
    # Whoever comes late finds the run running already, and is told so.
    people = [outside(training, "with suppress(CommandRefused): run.resume()") for _ in range(2)]
    for person in people:
        person.stdin.write("\n")
        person.stdin.flush()
    said = [person.communicate()[0].split()[0] for person in people]
    assert set(said) <= {"starting", "running"}
    until(lambda: any(type(e) is RunRestored for e in training.events()))
    assert sum(type(e) is RunRestored for e in training.events()) == 1
    training.stop()
    assert sum(type(e) is RunRestored for e in training.events()) == 1


def test_two_processes_that_steer_one_run_each_get_their_own_answers(training):
    what = "seen = [run.set_optimizer(l1=i / 100).command.l1 for i in range({}, {})]; print(seen)"
    people = [outside(training, what.format(start, start + 20)) for start in (0, 20)]
    said = [person.communicate("\n")[0].splitlines()[0] for person in people]
    assert said == [str([i / 100 for i in range(start, start + 20)]) for start in (0, 20)]
    with RunStore.open(training.path) as store:
        assert len(store.edits()) == 40


def test_after_a_kernel_restart_the_history_is_there_and_the_run_obeys(training):
    what = "print(len(run.events()) > 10, run.events()[0].phase); run.stop()"
    said = outside(training, what).communicate("\n")[0].splitlines()
    assert said == ["True tying shoes", "stopped"]  # and neither torch nor pandas came along
    assert Run.open(training.id).status == "stopped"
