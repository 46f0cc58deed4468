"""Whether a process still runs, told apart from a later one that got its number."""

from __future__ import annotations

import functools
import socket
import sys
from pathlib import Path


def started_at(pid: int) -> float | None:
    """Mark of a running process that no other process with this `pid` has; None where none runs.

    To be compared only: seconds since boot on Linux (so that a corrected clock changes nothing),
    since 1970 elsewhere. A zombie does not run any more.
    """
    return _from_proc(pid) if sys.platform == "linux" else _from_psutil(pid)


def alive(pid: int, started: float | None) -> bool:
    """Whether the process that `started_at(pid)` marked is still running."""
    return started is not None and started_at(pid) == started


@functools.cache
def here() -> str:
    """Name of the place where pids mean what they mean to us: machine, boot and pid namespace."""
    parts = [socket.gethostname()]
    if sys.platform == "linux":
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _from_proc(pid: int) -> float | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name of the program stands in brackets and may hold anything, brackets too.
    fields = stat.rpartition(")")[2].split()
    state, start = fields[0], fields[19]
    return None if state in "ZXx" else float(start)


def _from_psutil(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None
