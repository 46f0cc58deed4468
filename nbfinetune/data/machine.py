"""What this machine gives: threads for images and a folder for what can be made again."""

from __future__ import annotations

import math
import os
import sys
import tempfile
import threading
from pathlib import Path

from nbfinetune.errors import DataError

NICENESS = 10
"""Of threads that load, where 0 is usual and 19 the least."""

_MOST = 16
_CGROUP = Path("/sys/fs/cgroup")
# Microseconds on a CPU in so many microseconds; the first is of cgroups v2, the others of v1.
_CGROUP_FILES = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))


def default_threads() -> int:
    """Threads that decode where nobody chose: the CPUs this process may use, at most 16.

    A container that gets the time of two CPUs has two, however many it sees.
    """
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cpus = os.cpu_count() or 1
    return min(cpus, _MOST, *_cpus_of_cgroup(_CGROUP))


def give_way_to_training() -> None:
    """Let this thread have the CPU when the threads that train do not want it.

    What trains waits for all of its threads after every operation, so one that loses its CPU to a
    loader holds up the others; while it waits for images, loaders have the machine to themselves.
    """
    # Elsewhere a process has one niceness for all of its threads.
    if sys.platform == "linux":
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, max(NICENESS, os.getpriority(os.PRIO_PROCESS, own)))


def cache_home() -> Path:
    """`NBFINETUNE_CACHE`, else `nbfinetune` in the platform's cache folder."""
    if chosen := os.environ.get("NBFINETUNE_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nbfinetune"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "nbfinetune"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbfinetune"


def scratch_folder(kind: str, prefix: str = "") -> Path:
    """New folder in the cache, for its maker alone.

    Parameters
    ----------
    kind : str
        Folder of `cache_home` in which it is made.
    prefix : str
        Of its name.

    Raises
    ------
    DataError
        If the cache can't be written.
    """
    home = cache_home() / kind
    try:
        home.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=home))
    except OSError as error:
        raise DataError(
            f"{home} can't be written ({error.strerror or error}); "
            "let the environment variable NBFINETUNE_CACHE name a folder that can"
        ) from error


def _cpus_of_cgroup(root: Path) -> list[int]:
    for names in _CGROUP_FILES:
        try:
            told = " ".join((root / name).read_text() for name in names)
            quota, period = map(int, told.split())
        except (OSError, ValueError):
            # No such cgroup, or "max": there is no limit.
            continue
        if quota > 0:
            return [math.ceil(quota / period)]
    return []
