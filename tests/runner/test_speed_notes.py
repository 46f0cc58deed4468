"""What a worker chose for the sake of speed is said in a line, with how to overrule it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbfinetune.errors import RunTimeout
from nbfinetune.records import (
    CacheUnused,
    CompileSkipped,
    DataConfig,
    FeaturesKept,
    FeaturesUnused,
    FineTuneConfig,
    LayersUnfrozen,
    Named,
    PhaseStarted,
    StepTuned,
)
from nbfinetune.runner.progress import watch
from nbfinetune.runner.run import Run
from nbfinetune.runner.speed_notes import speed_notes
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder

WAYS = {"fp32, channels last": 193.0, "fp32, channels first": 240.0, "bf16, channels last": 98.4}

USUAL_WINS = {**WAYS, "bf16, channels last": 191.0}


@pytest.fixture
def store(home: Path) -> Iterator[RunStore]:
    config = FineTuneConfig(data=DataConfig(source=Named(name="digits")))
    with RunStore.create(new_run_folder(home, "x"), config) as store:
        yield store


def texts(store: RunStore) -> list[str]:
    return [note.text for note in speed_notes(store)]


def test_a_run_that_chose_nothing_says_nothing(store: RunStore) -> None:
    assert speed_notes(store) == ()
    assert "speed" not in Run(store.path)._repr_html_()


def test_the_choice_is_told_with_its_gain_and_the_way_to_overrule_it(store: RunStore) -> None:
    store.append([StepTuned(precision="bf16", channels_last=True, ms_per_image=WAYS, threads=2)])
    [note] = speed_notes(store)
    assert note.text == (
        "bf16, channels last, 2 threads: 98.4 ms an image instead of 193; self-test"
    )
    assert "bf16, channels last: 98.4 ms; fp32, channels last: 193 ms" in note.help
    assert "precision, channels_last and threads" in note.help
    assert note.tone == ""
    assert note.text in Run(store.path)._repr_html_()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            StepTuned(precision="fp32", channels_last=True, ms_per_image=USUAL_WINS, threads=1),
            "fp32, channels last, 1 thread: 193 ms an image, nothing is faster; self-test",
        ),
        (
            StepTuned(precision="bf16", channels_last=True, ms_per_image=WAYS, remembered=True),
            "bf16, channels last: 98.4 ms an image instead of 193; an earlier run’s self-test",
        ),
        (
            StepTuned(precision="fp32", channels_last=True, ms_per_image=WAYS),
            "fp32, channels last: 193 ms an image, kept as others used the CPU; self-test",
        ),
        (
            StepTuned(precision="fp32", channels_last=True, ms_per_image={}, threads=2),
            "fp32, channels last, 2 threads: the usual way, as the self-test ran out of time",
        ),
    ],
)
def test_what_is_known_of_the_choice_is_said(store: RunStore, told: StepTuned, said: str) -> None:
    store.append([told])
    assert texts(store) == [said]


def test_features_are_told_of_until_the_frozen_layers_are_thawed(store: RunStore) -> None:
    store.append([FeaturesKept(views=4, megabytes=61.2)])
    assert texts(store) == ["head only: features of 4 views kept, 61.2 MB"]
    store.append([LayersUnfrozen(step=9, trainable_parameters=10)])
    assert texts(store) == []
    store.append([FeaturesKept(step=12, views=1, megabytes=0.3)])
    assert texts(store) == ["head only: features of 1 view kept, 300 kB"]


def test_what_could_not_be_done_is_a_warning(store: RunStore) -> None:
    store.append([FeaturesUnused(reason="they take 9 GB and 2 GB are free")])
    store.append([CompileSkipped(reason="there is no C++ compiler")])
    store.append([CacheUnused(reason="decoded images are not kept for later epochs: disk full")])
    assert texts(store) == [
        "features are not kept: they take 9 GB and 2 GB are free",
        "not compiled: there is no C++ compiler",
        "decoded images are not kept for later epochs: disk full",
    ]
    assert {note.tone for note in speed_notes(store)} == {"warn"}


def test_who_waits_for_a_run_reads_each_note_once(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.claim(os.getpid())
    store.append([FeaturesKept(views=4, megabytes=61.2)])
    with pytest.raises(RunTimeout):
        watch(store, timeout_s=0.3)
    assert capsys.readouterr().out == "head only: features of 4 views kept, 61.2 MB\n"
    with pytest.raises(RunTimeout):
        watch(store, timeout_s=0.0, progress=False)
    assert capsys.readouterr().out == ""


def test_steps_that_are_compiled_after_all_are_no_longer_warned_of(store: RunStore) -> None:
    store.append([PhaseStarted(phase="compiling resnet18")])
    store.append([CompileSkipped(reason="the head alone is trained, on kept features")])
    assert texts(store) == ["not compiled: the head alone is trained, on kept features"]
    store.append([PhaseStarted(step=9, phase="reading the images")])
    assert len(texts(store)) == 1
    store.append([PhaseStarted(step=9, phase="compiling resnet18")])
    assert texts(store) == []
