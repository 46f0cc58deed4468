"""A run and a preview of its data keep edits in one place, whatever the data are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from photo_sets import photos
from reviewed_runs import array_set, begun_run

from nbfinetune.errors import DataError
from nbfinetune.runner.run_data import edits_place
from nbfinetune.widgets.dataset_preview import DatasetPreview


class Items:
    """A data set of torch's map style that tells no files."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, number: int) -> tuple[np.ndarray, int]:
        if number >= len(self):
            raise IndexError(number)
        return np.full((8 + number % 2, 9, 3), number * 5, np.uint8), number % 2


def folder(place: Path) -> Path:
    return photos(place / "photos", {"cats": 6, "dogs": 6})


def archive(place: Path) -> Path:
    return Path(shutil.make_archive(str(place / "photos"), "zip", folder(place)))


def pair(place: Path) -> tuple[Path, Path]:
    return folder(place / "train"), folder(place / "val")


def table(place: Path) -> Path:
    paths = sorted(folder(place).rglob("*.jpg"))
    frame = pd.DataFrame({"path": paths, "label": [path.parent.name for path in paths]})
    frame.to_csv(place / "list of photos.csv", index=False)
    return place / "list of photos.csv"


DATA = {
    "folder": folder,
    "archive": archive,
    "pair": pair,
    "table": table,
    "named": lambda _: "digits",
    "floats": lambda _: array_set(),
    "bytes": lambda _: (np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8), [1, 2] * 20),
    "rows": lambda _: Items(),
}


@pytest.mark.parametrize("kind", DATA)
def test_a_run_finds_the_edits_of_a_preview_of_its_data(kind, tmp_path) -> None:
    data = DATA[kind](tmp_path)
    preview = DatasetPreview(data)
    try:
        preview._await_images()
        assert edits_place(begun_run(data)) == preview.edits_path.parent
    finally:
        preview.close()


@pytest.mark.parametrize("kind", DATA)
def test_a_preview_finds_the_edits_of_a_run_of_its_data(kind, tmp_path) -> None:
    data = DATA[kind](tmp_path)
    place = edits_place(begun_run(data))
    place.mkdir(parents=True)
    preview = DatasetPreview(data)
    try:
        assert preview.edits_path.parent == place
    finally:
        preview.close()


def test_other_images_have_other_edits(tmp_path) -> None:
    images, labels = array_set()
    assert edits_place(begun_run((images, labels))) != edits_place(begun_run((images / 2, labels)))


def test_a_run_that_has_lost_its_list_of_files_says_which(tmp_path) -> None:
    run = begun_run(table(tmp_path))
    (run.path / "data" / "files.json").unlink()
    with pytest.raises(DataError, match=r"files\.json can't be read"):
        edits_place(run)
