"""Our curves beside the schedulers that people know, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from timm.scheduler import (
    CosineLRScheduler,
    MultiStepLRScheduler,
    PolyLRScheduler,
    StepLRScheduler,
)
from torch.optim import lr_scheduler as torch_schedules

from nbfinetune.schedules import (
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
    lr_at,
    lr_curve,
)

PEAKS = [1e-3, 0.1, 3.7]
LENGTHS = [7, 30, 250]


def optimizer(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def by_torch(make: Callable[[torch.optim.Optimizer], Any], lr: float, steps: int) -> np.ndarray:
    steered = optimizer(lr)
    scheduler = make(steered)
    rates = []
    for _ in range(steps):
        rates.append(steered.param_groups[0]["lr"])
        steered.step()
        scheduler.step()
    return np.array(rates)


def by_timm(make: Callable[[torch.optim.Optimizer], Any], lr: float, steps: int) -> np.ndarray:
    steered = optimizer(lr)
    scheduler = make(steered)
    rates = []
    for step in range(steps):
        scheduler.step_update(step)
        rates.append(steered.param_groups[0]["lr"])
    return np.array(rates)


def assert_same(ours: np.ndarray, theirs: np.ndarray, peak: float):
    # torch's recursions gather rounding errors that are relative to the peak, not to the rate.
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * peak)


TORCH_TABLE = [
    (
        Step(every=1 / 3, gamma=0.1),
        lambda o, n: torch_schedules.StepLR(o, step_size=-(-n // 3), gamma=0.1),
    ),
    (
        Step(every=0.1, gamma=0.7),
        lambda o, n: torch_schedules.StepLR(o, step_size=-(-n // 10), gamma=0.7),
    ),
    (
        MultiStep(milestones=(0.5, 0.75), gamma=0.2),
        lambda o, n: torch_schedules.MultiStepLR(o, [-(-n // 2), -(-3 * n // 4)], gamma=0.2),
    ),
    (
        Exponential(final_factor=0.01),
        lambda o, n: torch_schedules.ExponentialLR(o, gamma=0.01 ** (1 / n)),
    ),
    (
        Polynomial(power=2.0),
        lambda o, n: torch_schedules.PolynomialLR(o, total_iters=n, power=2.0),
    ),
    (
        Polynomial(power=0.9),
        lambda o, n: torch_schedules.PolynomialLR(o, total_iters=n, power=0.9),
    ),
    (
        Linear(final_factor=0.1),
        lambda o, n: torch_schedules.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=n),
    ),
    (
        Cosine(final_factor=0.0),
        lambda o, n: torch_schedules.CosineAnnealingLR(o, T_max=n),
    ),
    (
        Cosine(final_factor=0.25),
        lambda o, n: torch_schedules.CosineAnnealingLR(
            o, T_max=n, eta_min=0.25 * o.param_groups[0]["lr"]
        ),
    ),
]


@pytest.mark.parametrize("lr", PEAKS)
@pytest.mark.parametrize("steps", [60, 300])
@pytest.mark.parametrize(("schedule", "make"), TORCH_TABLE)
def test_a_curve_is_that_of_torch(
    schedule: Schedule, make: Callable[..., Any], steps: int, lr: float
):
    ours = lr_curve(replace(schedule, lr=lr), steps)
    assert_same(ours, by_torch(lambda o: make(o, steps), lr, steps), lr)


@pytest.mark.parametrize("lr", PEAKS)
@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize(
    ("rise", "div", "final_div"), [(0.3, 25.0, 1e4), (0.5, 10.0, 100.0), (0.9, 3.0, 1.0)]
)
def test_one_cycle_is_that_of_torch(
    rise: float, div: float, final_div: float, steps: int, lr: float
):
    ours = OneCycle(
        lr=lr,
        warmup=(rise * steps - 1) / (steps - 1),
        warmup_start=1 / div,
        final_factor=1 / div / final_div,
    )
    theirs = by_torch(
        lambda o: torch_schedules.OneCycleLR(
            o,
            max_lr=lr,
            total_steps=steps,
            pct_start=rise,
            div_factor=div,
            final_div_factor=final_div,
        ),
        lr,
        steps,
    )
    rates = np.array([lr_at(ours, step / (steps - 1)) for step in range(steps)])
    assert_same(rates, theirs, lr)


@pytest.mark.parametrize("lr", PEAKS)
def test_a_warm_up_and_a_curve_are_torchs_two_schedulers_in_a_row(lr: float):
    steps, warm = 200, 40

    def make(steered: torch.optim.Optimizer) -> Any:
        return torch_schedules.SequentialLR(
            steered,
            [
                torch_schedules.LinearLR(steered, start_factor=0.05, total_iters=warm),
                torch_schedules.CosineAnnealingLR(steered, T_max=steps - warm),
            ],
            milestones=[warm],
        )

    ours = lr_curve(Cosine(lr=lr, warmup=warm / steps, warmup_start=0.05), steps)
    assert_same(ours, by_torch(make, lr, steps), lr)


TIMM_TABLE = [
    (
        lambda c: Cosine(**c, final_factor=0.02),
        lambda o, n, lr, w: CosineLRScheduler(o, t_initial=n, lr_min=0.02 * lr, **w),
    ),
    (
        lambda c: Polynomial(**c, power=0.9, final_factor=0.05),
        lambda o, n, lr, w: PolyLRScheduler(o, t_initial=n, power=0.9, lr_min=0.05 * lr, **w),
    ),
    (
        lambda c: Step(**c, every=0.25, gamma=0.3),
        lambda o, n, lr, w: StepLRScheduler(o, decay_t=n / 4, decay_rate=0.3, **w),
    ),
    (
        lambda c: MultiStep(**c, milestones=(0.5, 0.75), gamma=0.3),
        lambda o, n, lr, w: MultiStepLRScheduler(
            # timm looks one step ahead here, and only here.
            o,
            decay_t=[n // 2 + 1, 3 * n // 4 + 1],
            decay_rate=0.3,
            **w,
        ),
    ),
]


@pytest.mark.parametrize("lr", PEAKS)
@pytest.mark.parametrize("warm", [0, 40])
@pytest.mark.parametrize(("ours", "make"), TIMM_TABLE)
def test_a_curve_with_warm_up_is_that_of_timm(
    ours: Callable[..., Schedule], make: Callable[..., Any], warm: int, lr: float
):
    steps = 200
    values = {"warmup_t": warm, "warmup_lr_init": 0.1 * lr, "warmup_prefix": True}
    theirs = by_timm(
        lambda o: make(o, steps - warm, lr, {**values, "t_in_epochs": False}), lr, steps
    )
    schedule = ours({"lr": lr, "warmup": warm / steps, "warmup_start": 0.1})
    assert_same(lr_curve(schedule, steps), theirs, lr)


HISTORIES = {
    "val_loss": [1.0, 0.8, 0.79, 0.79, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.69, 0.9, 0.9, 0.9, 0.9],
    "accuracy": [0.1, 0.5, 0.5, 0.50001, 0.49, 0.6, 0.6, 0.6, 0.6, 0.6, 0.61, 0.2, 0.2, 0.2, 0.2],
}


@pytest.mark.parametrize("metric", HISTORIES)
@pytest.mark.parametrize("patience", [0, 1, 2, 3])
@pytest.mark.parametrize("factor", [0.1, 0.5])
@pytest.mark.parametrize("threshold", [0.0, 1e-4, 0.02])
def test_a_plateau_is_that_of_torch(metric: str, patience: int, factor: float, threshold: float):
    history, lr = HISTORIES[metric], 0.1
    mode = "min" if metric == "val_loss" else "max"
    values = {"factor": factor, "patience": patience, "threshold": threshold}
    schedule = Plateau(lr=lr, metric=metric, min_factor=0.02, **values)
    steered = optimizer(lr)
    theirs = torch_schedules.ReduceLROnPlateau(
        steered, mode=mode, min_lr=0.02 * lr, eps=0.0, **values
    )
    for epoch, value in enumerate(history):
        theirs.step(value)
        ours = lr_at(schedule, 0.5, history[: epoch + 1])
        assert ours == pytest.approx(steered.param_groups[0]["lr"], rel=1e-12)


def test_a_plateau_does_not_take_nan_for_progress():
    schedule = Plateau(lr=1.0, patience=1)
    assert lr_at(schedule, 0.5, [0.5, float("nan"), float("nan")]) == pytest.approx(0.1)
