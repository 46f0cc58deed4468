"""Starting a run's worker: a process of its own that outlives whoever launched it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import Any

from nbfinetune.errors import CommandRefused, RunError
from nbfinetune.records import RunFailed
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
            process = _spawn(_command(folder, devices, module), worker_log(folder))
        except OSError as error:
            message = f"can't start a worker for run {folder.name}: {error}"
            name = type(error).__name__
            store.append([RunFailed(time=time.time(), error=name, message=message, details="")])
            raise RunError(message) from error
        store.launched(process.pid)
    # Someone has to collect the exit status, or a dead worker stays in the process table.
    threading.Thread(target=process.wait, name=f"reaper of {folder.name}", daemon=True).start()
    return process.pid


def _command(folder: Path, devices: int, module: str) -> list[str]:
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(devices)]
        if devices > 1
        else []
    )
    return [sys.executable, *launcher, "-m", module, str(folder)]


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(_search_path()),
        # A worker that crashes in native code leaves its stack in the log.
        "PYTHONFAULTHANDLER": "1",
    }
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            **_detached(),
        )


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def _search_path() -> list[str]:
    """Where the caller imports from, without the places that any Python looks at by itself."""
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    own.add(sysconfig.get_config_var("DESTSHARED"))
    places = dict.fromkeys(str(Path(place).absolute()) for place in sys.path)
    return [place for place in places if place not in own]
