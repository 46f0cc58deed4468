"""The worker process, `python -m nbfinetune.runner.worker RUN`: joins the engine to the store."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from nbfinetune.engine import heap
from nbfinetune.engine.lean_torch import leave_out_compiler
from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import PhaseStarted, RunFailed, RunRestored, StepDone
from nbfinetune.runner.recorder import SilentRecorder, StoreCommands, StoreRecorder
from nbfinetune.store import RunStore

TAKEN = 3
"""Exit status of a worker that found another one at work."""


def main(folder: Path) -> int:
    """Train the run in `folder` to its end, or from where its last worker left it.

    Returns
    -------
    int
        Exit status: 0 done, 1 failed (the run's log says why), `TAKEN` if another worker is at it.
    """
    heap.keep_freed()
    rank = int(os.environ.get("RANK", "0"))
    store = RunStore.open(folder)
    if rank:
        return _follow(store, folder)
    if not store.claim(os.getpid()):
        sys.stderr.write(f"another worker is at {folder}; this one leaves\n")
        return TAKEN
    recorder = StoreRecorder(store)
    commands = StoreCommands(RunStore.open(folder))
    signal.signal(signal.SIGTERM, lambda *_: _terminate(commands))
    try:
        _train(store, folder, recorder, commands)
    except Exception as error:  # noqa: BLE001 - whatever it was, the run's log must tell
        recorder.emit(_failure(error, store))
        traceback.print_exc()
        return 1
    finally:
        recorder.close()
        store.close()
    return 0


def _terminate(commands: StoreCommands, *_: int | FrameType | None) -> None:
    commands.terminated = True


def _train(store: RunStore, folder: Path, recorder: StoreRecorder, commands: StoreCommands) -> None:
    again = store.last_seq() > 0
    recorder.emit(PhaseStarted(phase="starting torch"))
    leave_out_compiler()
    from nbfinetune.engine.train import last_checkpoint, train
    from nbfinetune.engine.world import join

    state = last_checkpoint(folder)
    step = int(state.facts["step"]) if state else 0
    if again:
        recorder.flush()
        store.rewind(step)
        recorder.emit(RunRestored(step=step))
    world = join(_device_type(store))
    try:
        train(
            store.config,
            folder,
            recorder,
            commands,
            state=state,
            edits=store.edits(),
            told=store.events(steps=False),
            world=world,
        )
    finally:
        world.close()


def _follow(store: RunStore, folder: Path) -> int:
    """Train beside rank 0, which speaks for the run."""
    leave_out_compiler()
    from nbfinetune.engine.ports import NoCommands
    from nbfinetune.engine.train import last_checkpoint, train
    from nbfinetune.engine.world import join

    world = join(_device_type(store))
    state, edits, config = last_checkpoint(folder), store.edits(), store.config
    store.close()
    try:
        train(config, folder, SilentRecorder(), NoCommands(), state=state, edits=edits, world=world)
    finally:
        world.close()
    return 0


def _device_type(store: RunStore) -> str:
    from nbfinetune.engine.device import wanted_device

    return wanted_device(store.config.runner.device).type


def _failure(error: Exception, store: RunStore) -> RunFailed:
    last = store.last(StepDone)
    return RunFailed(
        step=last.step if last else 0,
        error=type(error).__name__,
        message=_sentence(error),
        details=traceback.format_exc(),
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, NbFinetuneError):
        return str(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        reason = (str(error) or "MemoryError").splitlines()[0]
        return (
            "this machine has no memory left for the run; lower batch_size or image_size, "
            f"or choose a smaller model ({reason})"
        )
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
