"""Which models are recommended: by images, time, memory, licence and what is at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from model_rows import row

from nbfinetune.models.choosing import Candidate, Situation, candidates, choose
from nbfinetune.models.model_facts import ModelFacts
from nbfinetune.models.speed import Pace, Task

MANY = Situation(images=20_000, classes=10, budget_s=1000.0, epochs=1)
QUICK = row("quick", macs=10**8, top1=70.0)
MIDDLING = row("middling", macs=10**9, top1=78.0)
THOROUGH = row("thorough", macs=3 * 10**9, top1=84.0)
ENDLESS = row("endless", macs=10**12, top1=90.0)
ROWS = [ENDLESS, MIDDLING, THOROUGH, QUICK]


def pace_of(facts: ModelFacts, task: Task) -> Pace:
    forward = facts.macs / 2e8 * (task.image_size / facts.image_size) ** 2
    train = forward * (1 if task.trained == "head" else 3)
    return Pace(forward, train, "estimated", "estimated from nothing")


def bytes_of(facts: ModelFacts, task: Task) -> int:
    return facts.parameters * 16 + facts.saved_bytes * task.batch_size


def found(situation: Situation, rows: list[ModelFacts] | None = None) -> list[Candidate]:
    return list(candidates(ROWS if rows is None else rows, situation, pace_of, bytes_of))


def names(situation: Situation, rows: list[ModelFacts] | None = None) -> dict[str, str]:
    chosen = choose(found(situation, rows), situation)
    return {role: one.facts.name for role, one in chosen.items()}


def test_three_are_chosen_each_slower_and_better_and_all_in_the_time() -> None:
    chosen = choose(found(MANY), MANY)
    assert list(chosen) == ["fast", "balanced", "best"]
    assert [one.facts.name for one in chosen.values()] == ["quick", "middling", "thorough"]
    seconds = [one.seconds for one in chosen.values()]
    assert seconds == sorted(seconds)
    assert seconds[-1] < 1000
    assert len({one.facts.architecture for one in chosen.values()}) == 3


def test_more_time_is_for_larger_models() -> None:
    assert names(replace(MANY, budget_s=1e7))["best"] == "endless"


def test_where_nothing_is_in_time_the_quickest_are_named() -> None:
    assert names(replace(MANY, budget_s=0.001)) == {
        "fast": "quick",
        "balanced": "middling",
        "best": "thorough",
    }


def test_without_a_budget_an_hour_is_the_most() -> None:
    chosen = choose(found(replace(MANY, budget_s=None)), replace(MANY, budget_s=None))
    assert chosen["best"].facts.name == "thorough"
    assert chosen["fast"].seconds <= 120


def test_fewer_models_than_roles_give_fewer() -> None:
    assert names(MANY, [QUICK]) == {"fast": "quick"}
    assert names(MANY, []) == {}


def test_of_models_that_are_even_the_quicker_is_taken() -> None:
    twin = row("twin", macs=2 * 10**9, top1=83.9)
    assert names(MANY, [QUICK, MIDDLING, THOROUGH, twin])["best"] == "twin"


@pytest.mark.parametrize(
    ("images", "classes", "trained"),
    [
        (100, 2, "head"),
        (1000, 100, "head"),
        (1000, 10, "gentle"),
        (5000, 50, "gentle"),
        (5000, 5, "all"),
    ],
)
def test_few_images_train_less_of_a_model(images: int, classes: int, trained: str) -> None:
    assert Situation(images=images, classes=classes).trained == trained


def test_a_head_on_kept_features_costs_but_its_first_epochs() -> None:
    few = Situation(images=200, classes=10, epochs=20, budget_s=1000.0)
    [whole, *_], [kept, *_] = found(few), found(replace(few, head_passes=4))
    assert (whole.task.trained, kept.task) == ("head", whole.task)
    assert kept.seconds == pytest.approx(whole.seconds * 4 / 20)
    brief = replace(few, epochs=2)
    assert found(replace(brief, head_passes=4))[0].seconds == found(brief)[0].seconds


def test_few_images_are_not_for_huge_models() -> None:
    huge = row("huge", macs=4 * 10**9, top1=88.0, parameters=300_000_000)
    few = replace(MANY, images=500, budget_s=1e9)
    assert "huge" not in names(few, [*ROWS, huge]).values()
    assert names(replace(few, images=50_000), [QUICK, MIDDLING, huge])["best"] == "huge"


def test_small_images_are_for_smaller_models() -> None:
    few = Situation(images=5_000, classes=10)
    assert replace(few, image_size=56).most_parameters == few.most_parameters / 4
    assert replace(few, image_size=512).most_parameters == few.most_parameters
    wide = row("wide", parameters=50_000_000)
    assert found(few, [wide])
    assert found(replace(few, image_size=32), [wide]) == []


def test_memory_lowers_the_batch_and_then_leaves_a_model_out() -> None:
    heavy = row("heavy", saved_bytes=10**8)
    wide = [replace(MANY, available_bytes=int(free)) for free in (8e9, 2e9, 1.1e9, 5e8)]
    batches = [{one.task.batch_size for one in found(each, [heavy])} for each in wide]
    assert batches == [{32}, {16}, {8}, set()]


def test_weights_of_other_licences_are_named_only_when_asked_for() -> None:
    for kind in ("non-commercial", "unknown", "restricted"):
        theirs = row("theirs", top1=89.0, license_kind=kind)
        assert names(MANY, [theirs]) == {}
        assert names(replace(MANY, any_license=True), [theirs]) == {"fast": "theirs"}


def test_what_has_no_weights_or_was_never_tried_is_not_named() -> None:
    assert found(MANY, [row("bare", pretrained=False), row("untried", top1=None)]) == []


def test_without_a_network_only_cached_weights_are_named_if_there_are_any() -> None:
    offline = replace(MANY, offline=True)
    assert names(replace(offline, cached=frozenset({"middling"}))) == {"fast": "middling"}
    assert len(names(offline)) == 3


def test_cached_weights_are_taken_where_all_else_is_nearly_even() -> None:
    twin = row("twin", macs=3 * 10**9, top1=84.2)
    rows = [QUICK, MIDDLING, twin, THOROUGH]
    assert names(MANY, rows)["best"] == "twin"
    assert names(replace(MANY, cached=frozenset({"thorough"})), rows)["best"] == "thorough"


def test_small_images_are_not_enlarged_where_the_network_takes_them() -> None:
    small = replace(MANY, image_size=64)
    attention = row("attention", kind="transformer", top1=79.0)
    fixed = row("fixed", other_sizes=False)
    large = row("large", min_size=96)
    sizes = {
        one.facts.name: one.task.image_size
        for one in found(small, [MIDDLING, attention, fixed, large])
    }
    assert sizes == {"middling": 64, "attention": 224, "fixed": 224, "large": 96}


def test_an_enlarged_image_is_worth_no_more_than_it_shows() -> None:
    attention = row("attention", kind="transformer", top1=80.0)
    plain = row("plain", top1=80.0)
    worth = {one.facts.name: one.worth for one in found(replace(MANY, image_size=64))}
    assert worth["quick"] < QUICK.top1 - 6
    pair = found(replace(MANY, image_size=64), [attention, plain])
    assert len({one.worth for one in pair if one.task.trained == "all"}) == 1


def test_large_images_may_be_made_smaller_to_save_time_at_a_price() -> None:
    tried = {one.task.image_size: one for one in found(MANY, [MIDDLING]) if one.worth > 0}
    assert set(tried) == {224, 160, 128}
    assert tried[128].seconds < tried[224].seconds
