"""A weights file is chosen by looking through folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbfinetune.errors import ConfigError
from nbfinetune.store.layout import checkpoint, database, new_run_folder
from nbfinetune.widgets.picker_folder import listing


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "here"
    (place / "photos").mkdir(parents=True)
    (place / ".hidden").mkdir()
    for name in ("notes.txt", "b.pth", "A.safetensors"):
        (place / name).write_bytes(b"12345")
    return place


def test_a_folder_shows_its_folders_and_its_weights_files(place: Path) -> None:
    shown = listing(str(place))
    assert (shown["path"], shown["parent"]) == (str(place), str(place.parent))
    assert shown["folders"] == ["photos"]
    assert [(file["name"], file["bytes"]) for file in shown["files"]] == [
        ("A.safetensors", 5),
        ("b.pth", 5),
    ]


def test_the_first_look_offers_the_checkpoints_of_the_runs(
    place: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    run = new_run_folder(home, "resnet18")
    database(run).touch()
    told = {"model": {"name": "resnet18"}, "metrics": {"accuracy": 0.931}}
    header = json.dumps({"__metadata__": {"nbfinetune": json.dumps(told)}}).encode()
    checkpoint(run, "best").write_bytes(len(header).to_bytes(8, "little") + header)
    first, *others = listing("")["files"]
    assert first["name"] == run.name
    assert first["path"] == str(checkpoint(run, "best"))
    assert first["note"] == "resnet18, accuracy 93.1 %"
    assert len(others) == 2
    assert len(listing(str(place))["files"]) == 2


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere' can't be opened: No such file"):
        listing(str(tmp_path / "nowhere"))
