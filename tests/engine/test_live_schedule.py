"""The learning rate is the curve's at every step, whatever is changed while it trains."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.engine.stepper import Stepper
from nbfinetune.records import (
    CommandDenied,
    EpochDone,
    PlannedEdit,
    Prune,
    RunFinished,
    RunStarted,
    ScheduleChanged,
    SetOptimizer,
    SetSchedule,
    StepDone,
    Stop,
)
from nbfinetune.schedules import (
    Constant,
    Cosine,
    OneCycle,
    lr_at,
    momentum_at,
    through,
)

STEPS = 8  # of an epoch


@pytest.fixture
def group_values(monkeypatch):
    """What the optimizer's groups held at each step: rate, factor, momentum."""
    seen = []
    take_step = Stepper.step

    def step(self, *inputs):
        seen.append(
            [
                (g["lr"], g["lr_factor"], g.get("momentum", g.get("betas", (None,))[0]))
                for g in self.optimizer.param_groups
            ]
        )
        return take_step(self, *inputs)

    monkeypatch.setattr(Stepper, "step", step)
    return seen


def test_every_group_follows_the_curve_in_force_through_three_edits(engine, group_values):
    knots = through([(0, 1e-4), (0.5, 3e-2, "pchip"), (0.75, 1e-2, "cosine"), (1, 1e-5)])
    longer = Cosine(lr=2e-2, cycles=2, final_factor=0.1)
    script = {
        5: [SetSchedule(schedule=knots)],
        11: [SetSchedule(schedule=longer, epochs=5)],
        29: [SetSchedule(schedule=Constant(lr=7e-3))],
    }
    start = Cosine(lr=1e-2, warmup=0.2)
    outcome = engine(script, schedule=start, epochs=3, layer_decay=0.5)
    in_force = [(0, start, 3), (5, knots, 3), (11, longer, 5), (29, Constant(lr=7e-3), 5)]
    steps = outcome.log.of(StepDone)
    assert len(steps) == len(group_values) == 5 * STEPS
    for number, (done, groups) in enumerate(zip(steps, group_values, strict=True)):
        _, curve, epochs = next(entry for entry in reversed(in_force) if entry[0] <= number)
        wanted = lr_at(curve, number / (epochs * STEPS))
        assert done.lr == pytest.approx(wanted, rel=1e-12)
        assert len({factor for _, factor, _ in groups}) > 2
        for lr, factor, _ in groups:
            assert lr == pytest.approx(wanted * factor, rel=1e-12)
    assert [e.epochs for e in outcome.log.of(ScheduleChanged)] == [3, 5, 5]


def test_a_run_can_be_shortened_to_the_epoch_in_hand_but_not_further(engine):
    curve = Constant(lr=1e-3)
    outcome = engine(
        {10: [SetSchedule(schedule=curve, epochs=1), SetSchedule(schedule=curve, epochs=2)]},
        epochs=9,
    )
    (refused,) = outcome.log.of(CommandDenied)
    assert "epochs is 1, but epoch 2 has begun (step 10); give at least 2" in refused.reason
    assert len(outcome.log.of(EpochDone)) == 2
    assert outcome.log.of(RunFinished)[0].step == 2 * STEPS


def test_a_longer_run_is_as_long_after_a_resume(engine):
    curve = Cosine(lr=1e-2)
    edit = SetSchedule(schedule=curve, epochs=4)
    whole = engine({3: [edit]}, epochs=2)
    stopped = engine({3: [edit], 20: [Stop()]}, epochs=2)
    rest = engine(folder=stopped.folder, epochs=2)
    assert rest.log.of(RunStarted)[0].epochs == 4
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_momentum_follows_the_curve_and_comes_back_after_it(engine, group_values, optimizer):
    curve = OneCycle(lr=1e-2, base_momentum=0.7, max_momentum=0.95)
    engine(
        {10: [SetSchedule(schedule=Constant(lr=1e-3))]},
        schedule=curve,
        optimizer=optimizer,
        momentum=0.85,
    )
    found = [groups[0][2] for groups in group_values]
    wanted = [momentum_at(curve, step / (2 * STEPS)) for step in range(10)]
    np.testing.assert_allclose(found, wanted + [0.85] * 6)


def test_a_curve_with_momentum_is_refused_by_an_optimizer_without(engine):
    curve = OneCycle(base_momentum=0.8)
    outcome = engine({2: [SetSchedule(schedule=curve)]}, optimizer="adagrad", epochs=1)
    (refused,) = outcome.log.of(CommandDenied)
    assert "no momentum" in refused.reason
    assert not outcome.log.of(ScheduleChanged)


def test_planned_edits_give_the_weights_of_the_run_that_was_edited_by_hand(engine):
    made = {
        3: [SetSchedule(schedule=through([(0, 1e-3), (1, 1e-2)]), epochs=3)],
        9: [SetOptimizer(weight_decay=0.3), Prune(amount=0.4)],
        14: [SetSchedule(schedule=Constant(lr=5e-3))],
    }
    by_hand = engine(made, epochs=2)
    planned = tuple(
        PlannedEdit(step=step, edit=edit) for step, edits in made.items() for edit in edits
    )
    again = engine(epochs=2, planned=planned)
    assert again.log.losses() == by_hand.log.losses()
    for name, weights in by_hand.weights().items():
        assert np.array_equal(again.weights()[name], weights), name
    stopped = engine({11: [Stop()]}, epochs=2, planned=planned)
    rest = engine(folder=stopped.folder, epochs=2, planned=planned)
    assert stopped.log.losses() + rest.log.losses() == by_hand.log.losses()
