"""The heap of GNU's C library: what a step has freed is kept for the next one."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of mallopt(3): free memory at the heap's end, and the size of a piece, from which on they go back
to the system."""
NEVER = 2**31 - 1
LARGEST_IN_HEAP = 32 * 2**20
"""Bytes; older libraries take no larger threshold than this."""
OWN_CHOICE = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
"""Variables by which users have the heap, or another one, as they want it."""


def keep_freed() -> bool:
    """Have this process keep the memory that it frees; its peak stays what it was.

    Else every activation goes back to the system when a step is done, and the next step's comes in
    anew, page by page: on two cores a step of MobileNetV3-small takes 1.38 times as long, one of
    ResNet-18 in bfloat16 1.26 times (`benchmarks/bench_heap.py`).

    Returns
    -------
    bool
        False where another C library has its own ways, or the user has chosen.
    """
    libc = _gnu()
    if libc is None or any(name in os.environ for name in OWN_CHOICE):
        return False
    kept: int = libc.mallopt(M_TRIM_THRESHOLD, NEVER)
    whole: int = libc.mallopt(M_MMAP_THRESHOLD, NEVER)
    return bool(kept and (whole or libc.mallopt(M_MMAP_THRESHOLD, LARGEST_IN_HEAP)))


def give_back() -> None:
    """Give the system what is free, for others to use while this process needs it no more."""
    if (libc := _gnu()) is not None:
        libc.malloc_trim(0)


def _gnu() -> Any:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
