"""CPU threads of a worker: one of its threads computes with several, all others alone."""

from __future__ import annotations

import threading

import torch


def compute_here(count: int | None = None) -> None:
    """Compute with several threads in the calling thread only, in each of the others with one.

    A thread that computes with several has a team of OpenMP's of its own, and once the teams
    outnumber the CPUs, none of them waits awake for the next operation any more: loaders that cut
    images with teams of their own made a step of MobileNetV3 take 1.6 times as long.

    Parameters
    ----------
    count : int, optional
        Threads of this one; default as many as it has.

    Notes
    -----
    Threads that have computed before keep what they have.
    """
    # Torch sets a thread's number anew when it is first asked in it, to what any thread set last.
    own = torch.get_num_threads()
    torch.set_num_threads(count or own)
    # What is set last, in whichever thread, is what a new thread begins with.
    other = threading.Thread(target=torch.set_num_threads, args=(1,), name="set threads")
    other.start()
    other.join()
