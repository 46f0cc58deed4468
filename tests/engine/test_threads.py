"""Who computes with several CPU threads in a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from nbfinetune.engine.threads import compute_here

TEAMS = """
import threading, psutil, torch
from nbfinetune.engine.cutting import cut
from nbfinetune.data.augment import Plan
import numpy as np
from nbfinetune.engine.threads import compute_here

if {held}:
    compute_here(2)
else:
    torch.set_num_threads(2)
pixels = np.zeros((300, 300, 3), np.uint8)
work = lambda: cut(pixels, Plan((0, 0, 300, 300), flip=True), 224, "bilinear")
go, done = threading.Event(), threading.Barrier(3)
def load():
    work()
    done.wait()
    go.wait()
before = psutil.Process().num_threads()
loaders = [threading.Thread(target=load) for _ in range(2)]
for one in loaders: one.start()
done.wait()
print(psutil.Process().num_threads() - before)
go.set()
"""

FIRST = """
import torch
from nbfinetune.engine.threads import compute_here

compute_here(2)
torch.ones(1000, 1000) @ torch.ones(1000, 1000)
print(torch.get_num_threads())
"""


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_one_thread_computes_with_several_and_later_ones_alone(threads):
    compute_here(2)
    assert torch.get_num_threads() == 2
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1


def test_without_a_number_it_keeps_what_it_has(threads):
    torch.set_num_threads(2)
    compute_here()
    assert torch.get_num_threads() == 2


def test_a_worker_that_has_not_computed_before_keeps_its_number():
    assert printed(FIRST) == 2


@pytest.mark.parametrize(("held", "teams"), [(True, 0), (False, 2)])
def test_threads_that_cut_images_have_no_teams_of_their_own(held, teams):
    assert printed(TEAMS.format(held=held)) == 2 + teams


def printed(script):
    """The number that a script of a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    return int(done.stdout)
