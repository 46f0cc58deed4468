"""Pruning sliders on runs on record, whose studies have scripted processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evaluation_page_by_hand import Page as ReviewPage
from predictor_parts import Page
from scripted_model import ScriptedModel
from scripted_study import ScriptedChild
from slider_parts import Shelf, until

from nbfinetune.runner import asked_model, pruning_study
from nbfinetune.widgets.evaluation_view import EvaluationView
from nbfinetune.widgets.predictor import Predictor
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


@pytest.fixture
def model_processes(monkeypatch: pytest.MonkeyPatch) -> list[ScriptedModel]:
    """The processes in which models are asked; none of them is real."""
    made: list[ScriptedModel] = []
    monkeypatch.setattr(ScriptedModel, "made", made, raising=False)
    monkeypatch.setattr(asked_model, "Child", ScriptedModel)
    return made


@pytest.fixture
def open_predictor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Page]]:
    """Opens predictors, and closes them."""
    opened: list[Predictor] = []

    def open_one(run: Any, **keywords: Any) -> Page:
        opened.append(Predictor(run, **keywords))
        return Page(opened[-1], monkeypatch)

    yield open_one
    for predictor in opened:
        predictor.close()


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ReviewPage]]:
    """Opens evaluations, and closes them."""
    opened: list[EvaluationView] = []

    def open_one(*args: Any, **keys: Any) -> ReviewPage:
        opened.append(EvaluationView(*args, **keys))
        return ReviewPage(opened[-1], monkeypatch)

    yield open_one
    for view in opened:
        view.close()
