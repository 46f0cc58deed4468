"""How many threads this machine gives to images."""

from __future__ import annotations

import os

_MOST = 16


def default_threads() -> int:
    """Threads that decode where nobody chose: the CPUs this process may use, at most 16."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cpus = os.cpu_count() or 1
    return min(cpus, _MOST)
