"""Fixtures that every test may use."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Threads that spin for each other while several processes share two cores make every step ten
# times slower; the worker processes of the tests inherit this.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(
    os.environ.get("NBFINETUNE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Real photos and weights by name, where they are at hand.

    ``shared_data("tf_flowers_mini.zip")`` unpacks the archive once a session and gives the folder;
    any other name gives the path as it lies. Skips the test where the data is absent.
    """
    unpacked: dict[str, Path] = {}

    def find(name: str) -> Path:
        source = SHARED / name
        if not source.exists():
            pytest.skip(f"{name} is not at hand (NBFINETUNE_SHARED_DATA names its folder)")
        if source.suffix != ".zip":
            return source
        if name not in unpacked:
            target = tmp_path_factory.mktemp("shared")
            with zipfile.ZipFile(source) as archive:
                archive.extractall(target)
            unpacked[name] = target / source.stem
        return unpacked[name]

    return find


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a run folder and a cache of its own."""
    folder = tmp_path / "nbfinetune-runs"
    monkeypatch.setenv("NBFINETUNE_HOME", str(folder))
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "cache"))
    return folder
