"""Whole runs on tables, archives and edited data: what is trained on is what was chosen."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nbfinetune.data.edits import save_edits
from nbfinetune.data.image_index import load_index
from nbfinetune.data.splits import LEFT_OUT
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import Exclude, FileSkipped, MoveTo, Relabel


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    """48 photos of two classes side by side, four to a patient."""
    rows = []
    for number in range(48):
        path = tmp_path / "scans" / f"{number // 4:02}-{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 120, (24, 24, 3), dtype=np.uint8)
        pixels[..., number % 2] += 120
        Image.fromarray(pixels).save(path)
        rows.append((str(path), ("ill", "well")[number % 2], f"patient {number // 4}"))
    return pd.DataFrame(rows, columns=["path", "label", "patient"])


def test_a_run_on_a_table_keeps_patients_together_and_trains_on_what_was_not_excluded(
    small, table, tmp_path
):
    edits = (
        Exclude(item="00-00.png"),
        Relabel(item="00-01.png", label="ill"),
        MoveTo(item="00-01.png", part="val"),
    )
    run = small(table, groups="patient", edits=edits, epochs=2).wait(progress=False)
    assert run.config.data.edits == edits
    index = load_index(run.path / "index.json")
    assert index.split[0] == LEFT_OUT
    assert index.labels[1] == index.classes.index("ill")
    sides = table.assign(part=index.split)[4:].groupby("patient")["part"].nunique()
    assert sides.max() == 1
    measured = {Path(name).name for name in run.evaluate().names}
    assert measured == {index.items[i] for i in index.val}
    assert "00-01.png" in measured
    assert "00-00.png" not in measured
    assert len(run.evaluate(table.iloc[8:12])) == 4


def test_a_run_on_an_archive_tells_of_edits_whose_image_is_gone(small, table, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "scans"), "gztar", tmp_path / "scans")
    save_edits(tmp_path / "edits.json", [Exclude(item="00-00.png"), Exclude(item="gone.png")])
    run = small(
        archive,
        labels=lambda path: int(path.stem[-2:]) % 2,
        edits=str(tmp_path / "edits.json"),
        epochs=1,
    ).wait(progress=False)
    told = [event for event in run.events() if isinstance(event, FileSkipped)]
    assert [(event.path, event.reason) for event in told] == [
        ("gone.png", "excluded, but there is no such image any more")
    ]
    index = load_index(run.path / "index.json")
    assert index.classes == ("0", "1")
    assert (index.split == LEFT_OUT).sum() == 1
    assert len(run.metrics()) == 1


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"edits": (Exclude(item="00-0.png"),)}, ConfigError, "no image '00-0.png'; closest: '00-"),
        ({"edits": [Relabel(item="00-00.png", label="x")]}, DataError, "the classes are 'ill', "),
        ({"edits": {"item": "00-00.png"}}, ConfigError, "edits: {.*} is no edit; give Exclude"),
        ({"edits": "nowhere.json"}, DataError, r"the edits in nowhere\.json can't be read"),
        ({"group": "patient"}, ConfigError, "no setting 'group'; closest: groups"),
        ({"groups": "pat"}, ConfigError, "groups='pat' is no column"),
        ({"in_chans": 6}, DataError, "in_chans is 6, but image files give 1"),
    ],
)
def test_data_settings_that_can_t_work_are_said_before_anything_is_spawned(
    settings, error, words, small, table, home
):
    with pytest.raises(error, match=words):
        small(table, **settings)
    assert not home.exists() or not list(home.iterdir())
