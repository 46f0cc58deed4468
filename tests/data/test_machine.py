"""What the data floor takes of the machine: threads and a place for its cache."""

from __future__ import annotations

from pathlib import Path

from nbfinetune.data import machine


def test_the_cache_lies_in_the_users_cache_folder_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path))
    assert machine.cache_home() == tmp_path
    monkeypatch.delenv("NBFINETUNE_CACHE")
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert machine.cache_home() == tmp_path / "xdg" / "nbfinetune"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert machine.cache_home() == Path.home() / ".cache" / "nbfinetune"
