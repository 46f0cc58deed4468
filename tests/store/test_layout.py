"""Where runs lie, and how they are found again."""

from __future__ import annotations

import re
import stat

import pytest

from nbfinetune.errors import NoSuchRun, StoreError
from nbfinetune.store import RunStore, layout


def test_runs_lie_beside_the_notebook_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("NBFINETUNE_HOME", str(tmp_path / "elsewhere"))
    assert layout.home() == tmp_path / "elsewhere"
    monkeypatch.delenv("NBFINETUNE_HOME")
    monkeypatch.chdir(tmp_path)
    assert layout.home() == tmp_path / "nbfinetune-runs"


def test_a_run_folder_is_private_and_its_name_sorts_by_time(home):
    folder = layout.new_run_folder(home, "ResNet 18/../x")
    assert re.fullmatch(r"\d{8}-\d{6}-resnet-18-x-[a-z0-9]{4}", folder.name)
    assert folder.parent == home
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("hint", ["", "../..", "日本語", "x" * 500])
def test_any_hint_makes_a_name(home, hint):
    assert layout.new_run_folder(home, hint).parent == home


def test_runs_of_the_same_second_have_folders_of_their_own(home):
    assert len({layout.new_run_folder(home, "m") for _ in range(50)}) == 50


def test_a_home_that_can_not_be_written_says_what_to_set(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"can't make a run folder in .*file.*NBFINETUNE_HOME"):
        layout.new_run_folder(tmp_path / "file" / "runs", "m")


def test_a_run_is_found_by_its_id_and_by_its_path(home, folder, store, monkeypatch):
    assert layout.find_run(folder.name) == folder
    assert layout.find_run(folder) == folder
    monkeypatch.chdir(home)
    assert layout.find_run(f"./{folder.name}") == folder


def test_an_unknown_run_offers_the_closest(folder, store):
    wrong = folder.name[:-1] + "0"
    with pytest.raises(NoSuchRun, match=f"no run '{wrong}' .*closest: {folder.name}"):
        layout.find_run(wrong)


def test_without_any_run_the_offer_is_honest(home):
    with pytest.raises(NoSuchRun, match="there are no runs yet"):
        layout.find_run("x")


def test_folders_that_hold_no_run_are_passed_over(home, folder, store, config):
    (home / "notes").mkdir()
    (home / "file.txt").touch()
    later = layout.new_run_folder(home, "zz")
    RunStore.create(later, config).close()
    assert layout.run_folders(home) == sorted([folder, later])
    assert layout.run_folders(home / "absent") == []
