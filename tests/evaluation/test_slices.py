"""Figures of parts of the images, by whatever is said of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

from nbfinetune.errors import DataError
from nbfinetune.evaluation.intervals import share
from nbfinetune.evaluation.report import Evaluation

NAMES = [f"photos/{number}.jpg" for number in range(60)]
CAMERAS = ["phone", "scanner", "phone"]


@pytest.fixture
def evaluation() -> Evaluation:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    logits = rng.normal(size=(60, 3)) + np.eye(3)[labels]
    return Evaluation.from_logits(logits, labels, ["a", "b", "c"], NAMES)


def camera(name: str) -> str:
    return CAMERAS[int(Path(name).stem) % 3]


def test_a_slice_has_the_figures_of_its_images_alone(evaluation: Evaluation):
    frame = evaluation.slices(camera)
    assert frame.index.tolist() == ["phone", "scanner"]
    assert frame["images"].tolist() == [40, 20]
    own = np.array([camera(name) == "phone" for name in NAMES])
    labels, predicted = evaluation.labels[own], evaluation.predicted[own]
    row = frame.loc["phone"]
    hits = (labels == predicted).sum()
    assert row["accuracy"] == sk.accuracy_score(labels, predicted)
    assert (row["low"], row["high"]) == share(hits, 40)
    assert row["macro_f1"] == sk.f1_score(labels, predicted, average="macro")
    assert row["loss"] == pytest.approx(sk.log_loss(labels, evaluation.probabilities[own]))


def test_a_dict_a_series_and_a_table_say_the_same(evaluation: Evaluation):
    expected = evaluation.slices(camera)
    said = {name: camera(name) for name in NAMES}
    series = pd.Series(said)
    tables = [
        pd.DataFrame({"name": NAMES, "camera": said.values()}),
        pd.DataFrame({"path": [Path(name) for name in NAMES], "camera": said.values()}),
    ]
    for by in (said, series, *tables):
        assert evaluation.slices(by).equals(expected)
    wide = tables[0].assign(size=range(60))
    assert evaluation.slices(wide, "camera").equals(expected)
    with pytest.raises(DataError, match=r"column is None: .*of camera, size"):
        evaluation.slices(wide)
    with pytest.raises(DataError, match=r"column is 'colour': .*of camera, size"):
        evaluation.slices(wide, "colour")


def test_relative_paths_count_from_where_we_are(evaluation: Evaluation, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    absolute = [str(tmp_path / name) for name in NAMES]
    elsewhere = Evaluation.from_logits(
        evaluation.logits, evaluation.labels, evaluation.classes, absolute
    )
    said = {name: camera(name) for name in NAMES}
    assert elsewhere.slices(said).equals(evaluation.slices(said))


def test_images_of_which_nothing_is_said_are_the_last_row(evaluation: Evaluation):
    frame = evaluation.slices({NAMES[0]: "night", NAMES[1]: "day"})
    assert frame["images"].tolist() == [1, 1, 58]
    assert frame.index[:2].tolist() == ["day", "night"]
    assert pd.isna(frame.index[2])


def test_an_image_with_several_tags_counts_for_each(evaluation: Evaluation):
    tags = {NAMES[0]: ["night", "rain"], NAMES[1]: ("rain",), NAMES[2]: []}
    frame = evaluation.slices(lambda name: tags.get(name, ["day"]))
    assert frame["images"].tolist() == [57, 1, 2, 1]
    assert frame.index[:3].tolist() == ["day", "night", "rain"]


def test_numbers_keep_their_order(evaluation: Evaluation):
    frame = evaluation.slices(lambda name: int(Path(name).stem) // 6)
    assert frame.index.tolist() == list(range(10))


def test_what_says_nothing_is_refused(evaluation: Evaluation):
    with pytest.raises(DataError, match=r"any of the 60 images; .*photos/0\.jpg"):
        evaluation.slices({"0.jpg": "night"})
    with pytest.raises(DataError, match="a list does not say"):
        evaluation.slices(["night"] * 60)
    with pytest.raises(DataError, match="columns file, camera: one called path or name"):
        evaluation.slices(pd.DataFrame({"file": NAMES, "camera": "phone"}))
    twice = pd.DataFrame({"name": [NAMES[0], NAMES[0]], "camera": ["a", "b"]})
    with pytest.raises(DataError, match=r"photos/0\.jpg' is there more than once"):
        evaluation.slices(twice)
