"""How long models take, out of what was measured: the same, in proportion, or unknown."""

from __future__ import annotations

import pytest
from model_rows import row

from nbfinetune.models.speed import Paces, Speed, Task, work


def speed(name: str, **changed: object) -> Speed:
    usual = {
        "device": "AMD EPYC",
        "device_type": "cpu",
        "threads": 2,
        "torch": "2.15.0",
        "timm": "1.0.31",
        "image_size": 224,
        "batch_size": 32,
        "trained": "all",
        "images": 32,
        "forward_ms": 320.0,
        "train_ms": 960.0,
    }
    return Speed(name=name, **(usual | changed))


TASK = Task(224, 32)
SMALL = row("small", macs=10**9, activations=0)
LARGE = row("large.a1", macs=4 * 10**9, activations=0)


def test_a_model_that_was_measured_takes_what_was_measured() -> None:
    paces = Paces([speed("small")], [SMALL, LARGE])
    pace = paces.of(SMALL, TASK)
    assert pace is not None
    assert (pace.forward_ms, pace.train_ms, pace.source) == (10, 30, "measured")
    assert pace.words == "measured here"
    assert pace.images_per_s == pytest.approx(1000 / 30)
    assert pace.epoch_seconds(100, 50) == pytest.approx(3.5)


def test_other_weights_of_an_architecture_take_as_long() -> None:
    pace = Paces([speed("large.b2")], []).of(LARGE, TASK)
    assert pace is not None
    assert pace.source == "measured"


def test_where_nothing_was_measured_nothing_is_known() -> None:
    assert Paces([], [SMALL]).of(SMALL, TASK) is None
    assert Paces([speed("own:model")], [SMALL]).of(SMALL, TASK) is None


def test_another_model_takes_in_proportion_to_what_it_computes() -> None:
    pace = Paces([speed("small")], [SMALL, LARGE]).of(LARGE, TASK)
    assert pace is not None
    assert pace.forward_ms == pytest.approx(40)
    assert pace.train_ms == pytest.approx(120)
    assert pace.words == "estimated from 1 measured model"


def test_several_measured_models_are_averaged() -> None:
    middle = row("middle", macs=2 * 10**9, activations=0)
    slow = speed("middle", forward_ms=1280.0, train_ms=3840.0)
    pace = Paces([speed("small"), slow], [SMALL, middle, LARGE]).of(LARGE, TASK)
    assert pace is not None
    assert pace.forward_ms == pytest.approx(40 * 2**0.5)
    assert pace.words == "estimated from 2 measured models"


def test_what_an_activation_costs_depends_on_the_device() -> None:
    wide = row("wide", macs=0, activations=10**6)
    assert work(wide, 224, "cuda") > 3 * work(wide, 224, "cpu")
    assert work(wide, 112, "cpu") == pytest.approx(work(wide, 224, "cpu") / 4)


def test_half_the_side_takes_a_quarter() -> None:
    pace = Paces([speed("small")], [SMALL]).of(SMALL, Task(112, 32))
    assert pace is not None
    assert pace.forward_ms == pytest.approx(2.5)
    assert pace.words == "estimated from its own speed at 224 pixels, 32 images a batch"


def test_a_frozen_backbone_takes_a_forward_pass() -> None:
    paces = Paces([speed("small")], [SMALL, LARGE])
    for facts, forward_ms in ((SMALL, 10), (LARGE, 40)):
        head = paces.of(facts, Task(224, 32, "head"))
        last = paces.of(facts, Task(224, 32, "stages:1"))
        whole = paces.of(facts, Task(224, 32, "gentle"))
        assert head is not None
        assert last is not None
        assert whole is not None
        assert head.train_ms == pytest.approx(forward_ms)
        assert head.train_ms < last.train_ms < whole.train_ms == pytest.approx(3 * forward_ms)


def test_the_measurement_that_is_most_like_the_task_is_taken() -> None:
    tried = [
        speed("small", batch_size=8, train_ms=9000.0),
        speed("small"),
        speed("small", busy=True, image_size=128, train_ms=9000.0),
        speed("small", trained="head", forward_ms=64.0, train_ms=64.0),
    ]
    paces = Paces(tried, [SMALL])
    whole, head = paces.of(SMALL, TASK), paces.of(SMALL, Task(224, 32, "head"))
    assert whole is not None
    assert head is not None
    assert (whole.train_ms, head.train_ms) == (30, 2)


def test_beside_other_work_is_said() -> None:
    pace = Paces([speed("small", busy=True)], [SMALL]).of(SMALL, TASK)
    assert pace is not None
    assert pace.words == "measured here, beside other work"
