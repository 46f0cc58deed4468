"""Starting a run's worker: a process of its own that outlives whoever launched it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from nbfinetune.errors import CommandRefused, RunError
from nbfinetune.records import RunFailed
from nbfinetune.runner import standby
from nbfinetune.runner.spawning import spawn
from nbfinetune.store import RunStore
from nbfinetune.store.layout import worker_log

WORKER = "nbfinetune.runner.worker"


def launch(folder: Path, devices: int = 1, module: str = WORKER) -> int:
    """Spawn the worker of a run, detached; returns in a few milliseconds.

    The worker runs in the caller's working directory, imports what the caller can import, and
    writes whatever it prints to the run's `worker.log`.

    Parameters
    ----------
    folder : Path
        The run's folder.
    devices : int
        Processes, one a device, under torch's elastic launcher if there are more than one.
    module : str
        What to run, as ``python -m module folder``.

    Returns
    -------
    int
        Number of the spawned process.

    Raises
    ------
    CommandRefused
        If the run has a worker, is being launched by someone else, or has finished.
    RunError
        If the system can't spawn it; the run is then failed.
    """
    with RunStore.open(folder) as store:
        if not store.reserve():
            raise CommandRefused(f"run {folder.name} is {store.status()}; it needs no new worker")
        try:
            pid = _start(folder, devices, module)
        except OSError as error:
            message = f"can't start a worker for run {folder.name}: {error}"
            name = type(error).__name__
            store.append([RunFailed(time=time.time(), error=name, message=message, details="")])
            raise RunError(message) from error
        store.launched(pid)
    return pid


def _start(folder: Path, devices: int, module: str) -> int:
    """Number of the worker's process: the standby's where there is one, else a new one's."""
    log = worker_log(folder)
    if devices == 1 and module == WORKER and (pid := standby.take(folder, log)) is not None:
        return pid
    with log.open("ab") as output:
        process = spawn(
            _command(folder, devices, module),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return process.pid


def _command(folder: Path, devices: int, module: str) -> list[str]:
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
        if devices > 1
        else []
    )
    return [sys.executable, *launcher, "-m", module, str(folder)]
