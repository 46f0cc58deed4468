"""Pruning sliders on runs on record, whose studies have scripted processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_study import ScriptedChild
from slider_parts import Shelf, until

from nbfinetune.runner import pruning_study
from nbfinetune.widgets.pruning_slider import PruningSlider


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedChild]:
    """The processes of studies; none of them is real."""
    made: list[ScriptedChild] = []
    monkeypatch.setattr(ScriptedChild, "made", made, raising=False)
    monkeypatch.setattr(pruning_study, "Child", ScriptedChild)
    return made


@pytest.fixture
def shelf(home: Path) -> Iterator[Shelf]:
    shelf = Shelf(home)
    yield shelf
    for store in shelf.stores:
        store.close()


@pytest.fixture
def made(children: list[ScriptedChild]) -> Iterator[Callable[..., PruningSlider]]:
    """Makes sliders, and closes them."""
    sliders: list[PruningSlider] = []

    def make(*args: Any, **keys: Any) -> PruningSlider:
        sliders.append(PruningSlider(*args, **keys))
        return sliders[-1]

    yield make
    for slider in sliders:
        slider.close()


@pytest.fixture
def shown(made, shelf: Shelf, children: list[ScriptedChild]) -> PruningSlider:
    """A slider whose model has been looked at."""
    slider = made(shelf.run("whole"))
    children[-1].introduce()
    until(lambda: slider.board)
    return slider
