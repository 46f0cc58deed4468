"""What a process frees, it keeps for its next step, until it gives it back."""

import os
import subprocess
import sys

import pytest

from nbfinetune.engine import heap

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not os.confstr("CS_GNU_LIBC_VERSION"),
    reason="the C library is not GNU's",
)

STEPS = """
import ctypes, resource, sys
import psutil
from nbfinetune.engine import heap
kept = heap.keep_freed() if "keep" in sys.argv else False
MB = 2**20
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def step():
    pieces = [libc.malloc(MB * size) for size in (1, 3, 40, 5)]
    for piece, size in zip(pieces, (1, 3, 40, 5)):
        ctypes.memset(piece, 1, MB * size)
    for piece in pieces:
        libc.free(piece)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
before = faults()
for _ in range(10):
    step()
came, full = faults() - before, psutil.Process().memory_info().rss
heap.give_back()
print(kept, came, (full - psutil.Process().memory_info().rss) // MB)
"""
PAGES = 49 * 2**20 // os.sysconf("SC_PAGE_SIZE")
"""Of a step."""


def said(*words: str, **environment: str) -> list[str]:
    """What the script prints, in a process of its own."""
    own = {name: value for name, value in os.environ.items() if name not in heap.OWN_CHOICE}
    command = [sys.executable, "-c", STEPS, *words]
    done = subprocess.run(
        command, env=own | environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.split()


def test_the_next_step_finds_the_memory_of_the_last_one() -> None:
    _, came_anew, _ = said()
    kept, came, given_back = said("keep")
    assert kept == "True"
    assert int(came_anew) > 5 * PAGES, "the system gives and takes as it likes: nothing is shown"
    assert int(came) < PAGES / 10
    assert int(given_back) >= 45


def test_whoever_has_chosen_a_heap_keeps_it() -> None:
    assert said("keep", MALLOC_TRIM_THRESHOLD_="100000000")[0] == "False"
