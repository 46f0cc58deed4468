"""A run store on a real disk, and events to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbfinetune.records import DataConfig, FineTuneConfig, Named
from nbfinetune.store import RunStore
from nbfinetune.store.layout import new_run_folder


@pytest.fixture
def config() -> FineTuneConfig:
    return FineTuneConfig(data=DataConfig(source=Named(name="digits")))


@pytest.fixture
def folder(home: Path) -> Path:
    return new_run_folder(home, "resnet18")


@pytest.fixture
def store(folder: Path, config: FineTuneConfig) -> Iterator[RunStore]:
    with RunStore.create(folder, config) as made:
        yield made
