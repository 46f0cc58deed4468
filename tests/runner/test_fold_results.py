"""The folds of a cross-validation, read together."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace as changed
from pathlib import Path

import numpy as np
import pytest
from fold_runs import CLASSES, CONFIG, IMAGES, LABELS, fold_run, index_of, logits_of
from msgspec.structs import replace

from nbfinetune.errors import DataError, RunError
from nbfinetune.evaluation.label_errors import ranked
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.records import Folder, RunFailed
from nbfinetune.runner.cross_validation import CrossValidation
from nbfinetune.store import RunStore, layout

EVERYTHING = np.arange(IMAGES)


def folds(home: Path) -> CrossValidation:
    return CrossValidation(tuple(fold_run(home, fold) for fold in range(3)), 3)


def test_every_image_is_judged_by_the_fold_that_held_it_out(home: Path):
    cv = folds(home)
    found = cv.evaluate()
    assert found.ids.tolist() == EVERYTHING.tolist()
    assert np.array_equal(found.logits, logits_of(EVERYTHING))
    assert found.names[4] == str(Path("/photos/rose/4.jpg"))
    assert found.notes == ()
    for image, fold in zip(found.ids, found.folds, strict=True):
        assert image in index_of(int(fold)).val
        assert cv.fold_run(int(fold)).config.data.fold == fold
    whole = Evaluation.from_logits(logits_of(EVERYTHING), LABELS, CLASSES)
    assert found.measures == whole.measures
    assert len(found.images_of("rose", "tulip")) == found.confusion.loc["rose", "tulip"]


def test_the_order_of_the_runs_is_of_no_account(home: Path):
    cv = folds(home)
    turned = CrossValidation(cv.runs[::-1], 3).evaluate()
    assert np.array_equal(turned.logits, cv.evaluate().logits)
    assert np.array_equal(turned.folds, cv.evaluate().folds)


def test_doubtful_labels_come_from_models_that_never_saw_them(home: Path):
    frame = folds(home).label_errors()
    said = Evaluation.from_logits(logits_of(EVERYTHING), LABELS, CLASSES).probabilities
    expected = ranked(said, LABELS, CLASSES)
    assert frame.index.tolist() == expected.index.tolist()
    assert frame.index.name == "image"
    assert np.array_equal(frame["score"], expected["score"])
    assert frame["label"].iloc[0] == CLASSES[LABELS[frame.index[0]]]


def test_folds_without_a_last_word_are_named_and_the_others_counted(home: Path):
    boom = RunFailed(error="RuntimeError", message="the disk is full", details="")
    whole, failed, going = fold_run(home, 0), fold_run(home, 1, boom), fold_run(home, 2, None)
    found = CrossValidation((whole, failed, going), 4).evaluate
    with pytest.raises(DataError, match=r"is not one of the 4 folds: it has folds=3"):
        found()
    found = CrossValidation((whole, failed, going), 3).evaluate()
    assert found.ids.tolist() == index_of(0).val.tolist()
    assert found.left_out == (
        f"Fold 2 of 3 is not counted: run {failed.id} failed (the disk is full).",
        f"Fold 3 of 3 is not counted: run {going.id} is {going.status}.",
    )
    assert found.notes[-2:] == found.left_out
    begun = CrossValidation((whole,), 3).evaluate()
    assert begun.left_out[1] == "Fold 3 of 3 is not counted: it has not begun."
    with pytest.raises(RunError, match=r"no fold can be measured yet. Fold 1 of 3 .* not begun"):
        CrossValidation((), 3).evaluate()
    with pytest.raises(RunError, match="fold 3 of 3 has no run"):
        CrossValidation((whole,), 3).fold_run(2)


def test_a_fold_whose_worker_is_gone_is_said_to_be_interrupted(home: Path):
    runs = (fold_run(home, 0), fold_run(home, 1), fold_run(home, 2, None))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with RunStore.open(runs[2].path) as store:
        assert store.reserve()
        store.launched(gone.pid)
    (told,) = CrossValidation(runs, 3).evaluate().left_out
    assert told.endswith(f"run {runs[2].id} was interrupted before its end; resume it.")


def test_predictions_that_are_gone_or_damaged_are_said_of_their_fold(home: Path):
    cv = folds(home)
    layout.predictions(cv.runs[0].path).unlink()
    layout.predictions(cv.runs[1].path).write_bytes(b"PK nonsense")
    found = cv.evaluate()
    assert "Fold 1 of 3 is not counted" in found.notes[0]
    assert "has stored no predictions" in found.notes[0]
    assert "holds no readable predictions" in found.notes[1]
    assert set(found.folds.tolist()) == {2}


def test_an_image_that_was_moved_to_validation_counts_once(home: Path):
    indices = [index_of(fold) for fold in range(3)]
    moved = int(indices[1].val[0])
    for index in indices:
        index.split[moved] = 1
    runs = tuple(fold_run(home, fold, index=index) for fold, index in enumerate(indices))
    found = CrossValidation(runs, 3).evaluate()
    assert found.ids.tolist() == EVERYTHING.tolist()
    assert found.folds[moved] == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"classes": ("daisy", "rose", "lily")}, r"classes differ by 'lily', 'tulip'"),
        ({"items": tuple(map(str, range(IMAGES)))}, r"60 images and 60; '0' is in one of them"),
        ({"labels": (LABELS + (EVERYTHING == 7)) % 3}, r"'rose/7.jpg' is 'rose' here and 'tulip'"),
    ],
)
def test_folds_of_other_images_are_refused(home: Path, change: dict[str, object], told: str):
    odd = fold_run(home, 1, index=changed(index_of(1), **change))
    with pytest.raises(DataError, match=rf"fold 1 of 3 .*fold 2 of 3 .*{told}.*cross-validate"):
        CrossValidation((fold_run(home, 0), odd), 3).evaluate()


def test_runs_that_are_no_folds_of_one_split_are_refused(home: Path):
    first = fold_run(home, 0)
    seeded = fold_run(home, 1, config=replace(CONFIG, seed=5))
    other = replace(CONFIG, data=replace(CONFIG.data, source=Folder(path="elsewhere")))
    with pytest.raises(DataError, match="seed=5"):
        CrossValidation((first, seeded), 3).evaluate()
    with pytest.raises(DataError, match="elsewhere"):
        CrossValidation((first, fold_run(home, 1, config=other)), 3).evaluate()
    with pytest.raises(DataError, match=f"is there twice, as runs {first.id} and"):
        CrossValidation((first, fold_run(home, 0)), 3).evaluate()


def test_folds_are_evaluated_without_torch(home: Path):
    cv = folds(home)
    script = (
        "import sys\nfrom nbfinetune.runner.cross_validation import CrossValidation\n"
        "from nbfinetune.runner.run import Run\n"
        "cv = CrossValidation(tuple(map(Run.open, sys.argv[1:])), 3)\n"
        "cv.evaluate(), cv.label_errors()\n"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, *(str(run.path) for run in cv.runs)], check=True)
