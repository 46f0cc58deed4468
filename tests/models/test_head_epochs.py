"""Which epochs train the head alone, and which of them need no image any more."""

from __future__ import annotations

from typing import Any

import pytest

from nbfinetune.engine.frozen_features import views_asked
from nbfinetune.models.head_epochs import epochs_on_kept_features, feature_views, head_epochs
from nbfinetune.records import Named
from nbfinetune.runner.settings import configure


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 0),
        ({"freeze": "backbone"}, 10),
        ({"freeze": "backbone", "freeze_epochs": 3}, 3),
        ({"freeze_epochs": 3}, 3),
        ({"freeze_epochs": 30}, 10),
        ({"freeze": 1, "freeze_epochs": 3}, 0),
        ({"train_stages": 1}, 0),
    ],
)
def test_the_head_is_alone_until_the_rest_is_thawed(settings: dict[str, Any], count: int) -> None:
    assert head_epochs(configure(Named(name="digits"), {"epochs": 10, **settings})) == count


@pytest.mark.parametrize(
    ("settings", "views"),
    [
        ({}, 4),
        ({"augment": "none"}, 1),
        ({"augment": "none", "feature_views": 3}, 3),
        ({"feature_views": 0}, 0),
        ({"mixup": 0.2}, 0),
        ({"cutmix": 1.0, "feature_views": 4}, 0),
        ({"clip_weights": 0.5}, 0),
        ({"devices": 2}, 0),
        ({"pruning": {"amount": 0.5}}, 4),
        ({"pruning": {"amount": 0.5, "gradual_epochs": 2}}, 0),
        ({"pruning": {"amount": 0.5, "method": "unstructured"}}, 0),
    ],
)
def test_features_are_kept_where_an_image_gives_the_same_ones_again(
    settings: dict[str, Any], views: int
) -> None:
    assert feature_views(configure(Named(name="digits"), settings)) == views


@pytest.mark.parametrize("settings", [{}, {"augment": "none"}, {"feature_views": 3}])
def test_a_run_keeps_as_many_views_as_are_foretold(settings: dict[str, Any]) -> None:
    config = configure(Named(name="digits"), settings)
    assert feature_views(config) == views_asked(config)


def test_epochs_gain_once_every_view_was_seen() -> None:
    settings = {"freeze": "backbone", "epochs": 10}
    gained = [
        epochs_on_kept_features(configure(Named(name="digits"), {**settings, **more}))
        for more in ({}, {"epochs": 4}, {"feature_views": 0}, {"freeze_epochs": 6})
    ]
    assert [kept for _, kept in gained] == [6, 0, 0, 2]
