"""The line above Start says what will be trained, and how much of it."""

from __future__ import annotations

from typing import Any

import pytest

from nbfinetune.records import Named
from nbfinetune.runner.epoch_times import EpochTimes
from nbfinetune.runner.settings import configure
from nbfinetune.widgets.plan import sentence


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "published weights"),
        ({"freeze": "backbone", "feature_views": 0}, "published weights, the head only trained"),
        ({"train_stages": 1}, "published weights, the last stage trained"),
        ({"train_stages": 2}, "published weights, the last 2 stages trained"),
        ({"layer_decay": 0.75}, "published weights, trained gently"),
        ({"freeze": 2}, "published weights, first 2 layer groups frozen"),
        (
            {"freeze_epochs": 3, "pretrained": False},
            "random weights, the head only trained, thawed after 3 epochs",
        ),
        (
            {"drop_stages": 1, "in_chans": 1},
            "published weights, without its last stage, on 1 channel",
        ),
        ({"checkpoint": "mine.pth"}, "weights of mine.pth"),
    ],
)
def test_the_plan_says_what_is_trained(settings: dict[str, Any], said: str) -> None:
    config = configure(Named(name="digits"), settings)
    facts = {"parameters": 11_181_642, "images": 1797, "classes": 10, "device": "the CPU"}
    assert sentence(config, "digits", facts, EpochTimes(81.0)) == (
        f"digits: 1,797 images of 10 classes · resnet18 (11.2 M parameters) from {said} · "
        "5 epochs of about 81 s · on the CPU"
    )


@pytest.mark.parametrize(
    ("settings", "times", "said"),
    [
        (
            {"augment": "none"},
            EpochTimes(14.2, 0.21),
            "10 epochs: the first of about 14 s, the others on kept features, about 0.2 s each",
        ),
        (
            {},
            EpochTimes(14.2),
            "10 epochs: the first 4 of about 14 s, the others on kept features, a fraction of that",
        ),
        ({}, None, "10 epochs: the first 4 with the whole model, the others on kept features"),
        (
            {"freeze": "none", "freeze_epochs": 6},
            None,
            "10 epochs: the first 4 with the whole model, the next 2 on kept features",
        ),
        ({"feature_views": 10}, EpochTimes(14.2), "10 epochs of about 14 s"),
        ({"mixup": 0.2}, EpochTimes(14.2), "10 epochs of about 14 s"),
    ],
)
def test_the_plan_says_which_epochs_train_the_head_on_kept_features(
    settings: dict[str, Any], times: EpochTimes | None, said: str
) -> None:
    config = configure(Named(name="digits"), {"freeze": "backbone", "epochs": 10, **settings})
    assert sentence(config, "digits", {}, times).endswith(f" · {said}")
