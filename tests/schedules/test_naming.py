from __future__ import annotations

import math

import pytest

from nbfinetune.errors import ScheduleError
from nbfinetune.records import decode, encode
from nbfinetune.schedules import (
    DEFAULT_LR,
    Cosine,
    MultiStep,
    OneCycle,
    Schedule,
    Step,
    check,
    default_lr,
    lr_curve,
    named,
    names,
)


@pytest.mark.parametrize("name", names())
def test_every_name_makes_a_schedule_that_survives_json(name: str):
    schedule = named(name, lr=0.5, warmup=0.1)
    assert schedule.__struct_config__.tag == name
    assert decode(encode(schedule), Schedule) == schedule


@pytest.mark.parametrize("name", ["one_cycle", "One-Cycle", "one cycle", "OneCycle", " onecycle "])
def test_a_name_may_be_spelled_as_people_do(name: str):
    assert named(name, lr=0.5) == OneCycle(lr=0.5)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("cosin", {}, r"'cosin'; did you mean 'cosine'\?"),
        ("warp", {}, "'warp'; there are constant, linear, step"),
        ("step", {"gama": 0.5}, r"'gama'; did you mean 'gamma'\?"),
        ("cosine", {"zz": 1}, "'zz'; there are lr, warmup"),
        ("step", {"gamma": 2.0}, "gamma is 2.0"),
        ("cosine", {"lr": 0.0}, "lr is 0.0"),
        ("cosine", {"lr": math.nan}, "lr is nan"),
        ("cosine", {"lr": math.inf}, "lr is inf"),
        ("cosine", {"lr": "fast"}, "lr is 'fast'"),
        ("cosine", {"warmup": 1.0}, "warmup is 1.0"),
        ("exponential", {"final_factor": 0.0}, "final_factor is 0.0"),
        ("polynomial", {"power": -1.0}, "power is -1.0"),
        ("plateau", {"patience": -1}, "patience is -1"),
        ("plateau", {"metric": "luck"}, "metric is 'luck'"),
        ("multi_step", {"milestones": (0.5, 0.5)}, r"0.5 comes after 0.5; they must ascend"),
        ("multi_step", {"milestones": (0.2, 1.5)}, "1.5"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_value(name: str, values: dict, sentence: str):
    with pytest.raises(ScheduleError, match=sentence):
        named(name, **values)


def test_what_is_no_schedule_is_refused():
    with pytest.raises(ScheduleError, match="'cosine' is no schedule"):
        check("cosine")


def test_a_whole_number_is_taken_for_a_rate():
    assert check(Step(lr=1)) == Step(lr=1.0)


def test_milestones_that_ascend_pass():
    schedule = MultiStep(milestones=(0.1, 0.2, 1.0))
    assert check(schedule) is not None
    assert len(lr_curve(schedule, 10)) == 10


def test_the_default_rate_goes_by_the_optimizer():
    assert default_lr("SGD") == DEFAULT_LR["sgd"] == 1e-2
    assert default_lr("lion") == Cosine().lr == 1e-3
