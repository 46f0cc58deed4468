"""The line above Start says what will be trained, and how much of it."""

from __future__ import annotations

from typing import Any

import pytest

from nbfinetune.records import Named
from nbfinetune.runner.settings import configure
from nbfinetune.widgets.plan import sentence


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "published weights"),
        ({"freeze": "backbone"}, "published weights, the head only trained"),
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
    assert sentence(config, "digits", facts, 81.0) == (
        f"digits: 1,797 images of 10 classes · resnet18 (11.2 M parameters) from {said} · "
        "5 epochs of about 81 s · on the CPU"
    )
