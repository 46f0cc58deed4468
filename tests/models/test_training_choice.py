"""Choices of what is trained, as names and as settings."""

from __future__ import annotations

import pytest

from nbfinetune.errors import ConfigError
from nbfinetune.models.training_choice import choice_label, choice_of, choice_settings
from nbfinetune.records import ModelConfig

NAMES = ["all", "gentle", "stages:1", "stages:3", "head"]


@pytest.mark.parametrize("name", NAMES)
def test_a_choice_is_found_again_in_the_settings_that_it_makes(name):
    assert choice_of(ModelConfig(**choice_settings(name))) == name


def test_choices_follow_the_word_train():
    labels = [choice_label(name) for name in NAMES]
    assert labels == [
        "everything",
        "everything, gently",
        "the last stage",
        "the last 3 stages",
        "the head only",
    ]


def test_layers_frozen_by_their_number_are_none_of_the_choices():
    assert choice_of(ModelConfig(freeze=3)) is None
    assert choice_of(ModelConfig(freeze=0)) == "all"


@pytest.mark.parametrize("name", ["", "stages:", "stages:0", "stages:-1", "Stages:1", "heads"])
def test_another_name_is_refused_with_those_that_there_are(name):
    for function in (choice_settings, choice_label):
        with pytest.raises(ConfigError, match="is no choice of what to train; take 'all'"):
            function(name)
