"""What this machine gives: threads for images and a folder for what can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_MOST = 16


def default_threads() -> int:
    """Threads that decode where nobody chose: the CPUs this process may use, at most 16."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cpus = os.cpu_count() or 1
    return min(cpus, _MOST)


def cache_home() -> Path:
    """`NBFINETUNE_CACHE`, else `nbfinetune` in the platform's cache folder."""
    if chosen := os.environ.get("NBFINETUNE_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nbfinetune"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "nbfinetune"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nbfinetune"
