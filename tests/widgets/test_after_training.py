"""What follows a training on a surface: what a press opens, and whose model it is about."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from slider_parts import until

from nbfinetune.errors import CommandRefused
from nbfinetune.widgets import after_training
from nbfinetune.widgets.after_training import AfterTraining
from nbfinetune.widgets.surface import Surface
from nbfinetune.widgets.watch import Watch


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was opened, as (way, run); the views themselves are plain labels."""
    made: list[tuple[str, str]] = []

    def way(name: str) -> Callable[..., ipywidgets.Label]:
        def make(run: Any, before: Any, _: Any) -> ipywidgets.Label:
            made.append((name, run.id))
            after = "" if before is None else f" after {before.id}"
            return ipywidgets.Label(f"{name} of {run.id}{after}")

        return make

    monkeypatch.setattr(after_training, "WAYS", {name: way(name) for name in after_training.WAYS})
    return made


class Table:
    """A surface with one run after the other."""

    def __init__(self, shelf: Any) -> None:
        self.runs = [shelf.run("first"), shelf.run("second")]
        self.surface = Surface({name: ipywidgets.Label(name) for name in ("bar", "charts")})
        self.watch = Watch(lambda now, changed: None)
        self.after = AfterTraining(self.surface, self.watch, lambda run: None)

    def turn_to(self, number: int, status: str) -> None:
        self.watch.take(self.runs[number])
        self.watch.status = status
        self.after.hear()

    def shown(self) -> list[str]:
        shelf = self.surface.slot("after")
        return [view.value for view in shelf.children]


@pytest.fixture
def table(shelf: Any, opened: list[Any]) -> Table:
    table = Table(shelf)
    table.turn_to(0, "finished")
    return table


def test_a_press_opens_a_view_and_another_press_folds_it(table: Table, opened: list[Any]):
    first = table.runs[0].id
    assert not table.surface.has("after")
    assert table.after.press("evaluation") == table.after.press("export") == ""
    assert (table.after.chosen, table.shown()) == ("export", [f"export of {first}"])
    table.after.press("export")
    assert (table.after.chosen, table.shown()) == ("", [])
    # What was open is as it was, and not made again.
    table.after.press("evaluation")
    assert opened == [("evaluation", first), ("export", first)]


def test_what_is_open_stays_while_another_run_trains_and_turns_to_it_at_its_end(table: Table):
    first, second = (run.id for run in table.runs)
    table.after.press("evaluation")
    (before,) = table.surface.slot("after").children
    table.turn_to(1, "running")
    assert table.shown() == [f"evaluation of {first}"]
    table.turn_to(1, "finished")
    until(lambda: table.shown() == [f"evaluation of {second} after {first}"])
    assert before.comm is None


def test_what_was_folded_is_about_the_new_run_when_it_is_opened_again(table: Table):
    table.after.press("export")
    table.after.press("export")
    table.turn_to(1, "running")
    table.after.press("export")
    first, second = (run.id for run in table.runs)
    assert table.shown() == [f"export of {second} after {first}"]


def test_whoever_tells_of_a_run_waits_for_no_view(table: Table, opened: list[Any]):
    """The thread that tells holds a lock that views ask for while they are made."""
    table.after.press("evaluation")
    with table.after._guard:
        teller = threading.Thread(target=table.turn_to, args=(1, "finished"))
        teller.start()
        teller.join(60)
        assert not teller.is_alive()
    until(lambda: ("evaluation", table.runs[1].id) in opened)


def test_without_a_run_there_is_nothing_to_open(shelf: Any, opened: list[Any]):
    table = Table(shelf)
    with pytest.raises(CommandRefused, match="there is no run yet"):
        table.after.press("evaluation")
    assert opened == []


def test_a_surface_that_closes_takes_all_its_views_along(table: Table):
    table.after.press("evaluation")
    table.after.press("export")
    views = list(table.surface.slot("after").views.values())
    table.surface.close()
    assert [view.comm for view in views] == [None, None]
