"""Processes that outlive whoever started them and import what the starter can import."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from typing import IO, Any


def spawn(
    command: list[str], *, stdin: int, stdout: IO[bytes] | int, stderr: int
) -> subprocess.Popen[bytes]:
    """Start a detached process in the caller's working directory.

    It is collected when it ends, so that it never stays in the process table as a zombie.

    Parameters
    ----------
    command : list of str
        Words, the program first.
    stdin, stdout, stderr
        As `subprocess.Popen` takes them.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(search_path()),
        # A worker that crashes in native code leaves its stack in the log.
        "PYTHONFAULTHANDLER": "1",
    }
    process = subprocess.Popen(
        command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, **_detached()
    )
    reaper = threading.Thread(target=process.wait, name=f"reaper of {process.pid}", daemon=True)
    reaper.start()
    return process


def search_path() -> list[str]:
    """Where the caller imports from, without the places that any Python looks at by itself."""
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    own.add(sysconfig.get_config_var("DESTSHARED"))
    places = dict.fromkeys(str(Path(place).absolute()) for place in sys.path)
    return [place for place in places if place not in own]


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}
