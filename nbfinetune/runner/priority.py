"""Work that nobody waits for gives way to the notebook and to training."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

NICENESS = 10
"""Of such a process, where 0 is usual and 19 the least."""

_AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Lower the priority of this process, and of its session where the system counts by sessions.

    Linux may share the CPU out to sessions first (sched(7), "autogroup"), and what `spawn` starts
    has a session of its own, so that its niceness alone would change nothing.
    """
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    process.nice(max(NICENESS, int(process.nice())))
    # Not writable in some containers, and absent where the kernel has no such groups.
    with contextlib.suppress(OSError):
        _AUTOGROUP.write_text(str(NICENESS))
