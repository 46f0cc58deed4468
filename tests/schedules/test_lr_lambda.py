"""Restarts, momentum and torch's own scheduler beside ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_against_torch_and_timm import assert_same, by_timm, by_torch
from timm.scheduler import CosineLRScheduler
from torch.optim import lr_scheduler as torch_schedules

from nbfinetune.errors import ScheduleError
from nbfinetune.schedules import (
    Cosine,
    OneCycle,
    Plateau,
    lr_curve,
    lr_lambda,
    momentum_at,
    through,
)


@pytest.mark.parametrize(("mul", "first", "cycles"), [(1, 20, 4), (2, 12, 3), (3, 7, 3)])
def test_warm_restarts_are_those_of_torch(mul: int, first: int, cycles: int):
    steps = sum(first * mul**k for k in range(cycles))
    ours = lr_curve(Cosine(lr=0.3, cycles=cycles, cycle_mul=mul, final_factor=0.1), steps)
    theirs = by_torch(
        lambda o: torch_schedules.CosineAnnealingWarmRestarts(
            o, T_0=first, T_mult=mul, eta_min=0.03
        ),
        0.3,
        steps,
    )
    assert_same(ours, theirs, 0.3)


@pytest.mark.parametrize(("mul", "decay", "low"), [(1, 0.5, 0.0), (2, 0.8, 0.05)])
def test_cycles_that_shrink_are_those_of_timm(mul: int, decay: float, low: float):
    steps = sum(10 * mul**k for k in range(3))
    schedule = Cosine(lr=0.3, cycles=3, cycle_mul=mul, cycle_decay=decay, final_factor=low)
    theirs = by_timm(
        lambda o: CosineLRScheduler(
            o, t_initial=10, lr_min=low * 0.3, cycle_mul=mul, cycle_decay=decay, cycle_limit=3,
            t_in_epochs=False,
        ),
        0.3,
        steps,
    )  # fmt: skip
    assert_same(lr_curve(schedule, steps), theirs, 0.3)


def test_momentum_follows_one_cycle_inversely_as_in_torch():
    steps, rise = 60, 0.3
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    scheduler = torch_schedules.OneCycleLR(
        optimizer, 0.1, total_steps=steps, pct_start=rise, base_momentum=0.8, max_momentum=0.95
    )
    theirs = []
    for _ in range(steps):
        theirs.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        scheduler.step()
    ours = OneCycle(warmup=(rise * steps - 1) / (steps - 1), base_momentum=0.8, max_momentum=0.95)
    assert momentum_at(Cosine(), 0.5) is None
    assert momentum_at(OneCycle(), 0.5) is None
    found = [momentum_at(ours, step / (steps - 1)) for step in range(steps)]
    np.testing.assert_allclose(found, theirs, rtol=1e-12)


def test_torchs_own_scheduler_takes_the_curve_and_keeps_the_groups_apart():
    head, body = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = torch.optim.AdamW([{"params": [head]}, {"params": [body], "lr": 1e-4}], lr=1e-3)
    schedule = through([(0, 1e-5), (0.1, 1e-3, "cosine"), (1, 0)])
    scheduler = torch_schedules.LambdaLR(optimizer, lr_lambda(schedule, 40))
    rates = []
    for _ in range(40):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    curve = lr_curve(schedule, 40)
    np.testing.assert_allclose(np.array(rates), np.outer(curve, [1.0, 0.1]), rtol=1e-12)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(curve[-1])  # past the end it stays


def test_a_plateau_is_no_function_of_the_step():
    with pytest.raises(ScheduleError, match="ReduceLROnPlateau"):
        lr_lambda(Plateau(), 10)
