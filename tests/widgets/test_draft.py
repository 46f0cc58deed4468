"""What a person types becomes a configuration, or a sentence beside the control."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import Arrays, Constant, MultiStep, Named, OneCycle
from nbfinetune.runner.settings import configure
from nbfinetune.widgets.draft import Draft, flat
from nbfinetune.widgets.fields import FIELDS


@pytest.fixture
def draft() -> Draft:
    return Draft("digits", {})


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("lr", "abc", "'abc' is not a number; write it like 0.001 or 1e-3"),
        ("lr", "-1", "-1 is out of range: it must be more than 0"),
        ("lr", "", "learning rate is needed"),
        ("epochs", "0", "0 is out of range: it must be at least 1"),
        ("epochs", "2.5", "'2.5' is not a whole number"),
        ("batch_size", "100000", "100000 is out of range: it must be at most 65536"),
        ("dropout", "1", "1 is out of range: it must be less than 1"),
        ("weight_decay", "inf", "inf"),
        ("milestones", "0.7, 0.3", "they must ascend"),
        ("freeze", "everything", "'everything' is not among the choices"),
        ("checkpoint", "nowhere.safetensors", "there is no file 'nowhere.safetensors'"),
        ("accumulate", "64", "raise batch_size"),
        ("data", "digit", "closest: digits"),
        ("data", "no/such/folder", "there is no folder"),
        ("data", " ", "a folder or the name of a data set is needed"),
        ("pretrained", "perhaps", "neither on nor off"),
        ("precision", "fp8", "'fp8' is not among the choices"),
        ("channels_last", "sideways", "'sideways' is not among the choices"),
        ("threads", "0", "0 is out of range: it must be at least 1"),
        ("feature_views", "-1", "-1 is out of range: it must be at least 0"),
        ("feature_views", "257", "257 is out of range: it must be at most 256"),
        ("compile", "fast", "neither on nor off"),
        ("colour", "red", "there is no setting 'colour'"),
    ],
)
def test_what_can_not_be_is_refused_in_words_and_changes_nothing(
    draft: Draft, name: str, typed: str, said: str
) -> None:
    if name == "milestones":
        draft.set("schedule", "multi_step")
    before = draft.config
    assert said in draft.set(name, typed)
    assert draft.config == before
    if name in FIELDS:
        assert draft.shown()[name] == typed
        assert draft.errors[name] in draft.missing()


def test_a_value_that_is_mended_is_taken(draft: Draft) -> None:
    draft.set("epochs", "none")
    assert draft.missing() == "Epochs: 'none' is not a whole number"
    assert draft.set("epochs", " 7 ") == ""
    assert (draft.config.training.epochs, draft.missing()) == (7, "")


def test_an_empty_control_means_the_default_where_there_is_one(draft: Draft) -> None:
    draft.set("early_stopping", "3")
    assert draft.config.training.early_stopping == 3
    draft.set("early_stopping", "")
    assert draft.config.training.early_stopping is None


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("precision", "bf16", "bf16"),
        ("channels_last", "false", False),
        ("channels_last", "true", True),
        ("compile", True, True),
        ("feature_views", "0", 0),
    ],
)
def test_what_the_self_test_would_choose_can_be_overruled(
    draft: Draft, name: str, typed: str | bool, kept: object
) -> None:
    assert draft.set(name, typed) == ""
    assert getattr(draft.config.training, name) == kept
    assert str(draft.shown()[name]).lower() == str(typed).lower()
    assert draft.set("threads", "2") == ""
    assert draft.config.runner.threads == 2
    for emptied in ("channels_last", "feature_views", "threads"):
        assert draft.set(emptied, "") == ""
        assert flat(draft.config)[emptied] is None


def test_every_field_shows_a_value_that_it_takes_itself(draft: Draft) -> None:
    for kind in ("cosine", "step", "multi_step", "polynomial", "plateau", "one_cycle"):
        assert draft.set("schedule", kind) == ""
        hidden = draft.hidden()
        for name, value in draft.shown().items():
            if name not in hidden:
                assert draft.set(name, value) == "", name


def test_the_rate_follows_the_optimizer_until_it_is_set(draft: Draft) -> None:
    draft.set("optimizer", "sgd")
    assert (
        draft.config.schedule.lr
        == configure(Named(name="digits"), {"optimizer": "sgd"}).schedule.lr
    )
    draft.set("lr", "0.5")
    draft.set("optimizer", "adamw")
    assert draft.config.schedule.lr == 0.5


def test_a_rate_that_is_to_be_found_stays_so_until_one_is_given() -> None:
    draft = Draft("digits", {"lr": "auto"})
    assert (draft.shown()["lr"], draft.config.lr_search) == ("auto", "first")
    draft.set("epochs", "3")
    draft.set("schedule", "linear")
    assert draft.config.lr_search == "first"
    draft.set("lr", "0.02")
    assert (draft.config.lr_search, draft.config.schedule.lr) == ("off", 0.02)
    assert draft.set("lr", " Auto ") == ""
    assert draft.config.lr_search == "first"
    draft.take_curve(Constant(lr=0.3), 3)
    assert (draft.shown()["lr"], draft.config.lr_search) == ("0.3", "off")


def test_a_new_curve_keeps_the_rate_and_brings_its_own_values(draft: Draft) -> None:
    draft.set("lr", "0.02")
    draft.set("schedule", "multi_step")
    assert draft.config.schedule == MultiStep(lr=0.02, warmup=0.1)
    assert {"milestones", "gamma"}.isdisjoint(draft.hidden())
    assert {"final_factor", "patience"} <= set(draft.hidden())
    draft.set("schedule", "one_cycle")
    assert draft.config.schedule == OneCycle(lr=0.02)


def test_keywords_are_what_the_surface_shows() -> None:
    draft = Draft("digits", {"epochs": 3, "lr": 0.25, "schedule": "constant", "freeze": 2})
    shown = draft.shown()
    assert (shown["epochs"], shown["lr"], shown["schedule"]) == ("3", "0.25", "constant")
    assert (shown["freeze"], shown["data"]) == ("2", "digits")
    assert draft.config.schedule == Constant(lr=0.25)


def test_wrong_keywords_are_errors_at_once() -> None:
    with pytest.raises(ConfigError, match="closest: epochs"):
        Draft("digits", {"epoch": 3})
    with pytest.raises(DataError, match="there is no folder"):
        Draft("no/such/folder", {})


def test_without_data_everything_else_can_be_set_and_start_says_what_is_missing() -> None:
    draft = Draft(None, {})
    assert draft.missing() == "name a folder of images or a data set first"
    assert draft.set("epochs", "2") == ""
    assert draft.set("data", "digits") == ""
    assert draft.missing() == ""
    assert draft.config.data.source == Named(name="digits")


def test_a_draft_of_a_run_is_that_run_again(tmp_path: Path) -> None:
    source = Arrays(path="data", classes=("a", "b"))
    config = configure(source, {"epochs": 3, "lr": 0.3, "schedule": "step", "seed": 5})
    draft = Draft.of(config, tmp_path)
    assert draft.config.data.source == Arrays(path=str(tmp_path / "data"), classes=("a", "b"))
    assert flat(draft.config) == flat(config)
    assert draft.missing() == ""
