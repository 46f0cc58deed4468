"""The panel that exports: each form by a press, one after the other, nothing overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slider_parts import until
from tiny_run import tiny_run

from nbfinetune.errors import ConfigError
from nbfinetune.export import _MODELS, _PAPERS
from nbfinetune.widgets.export_panel import FORMS, ExportPanel

PATIENCE_S = 120.0
"""Each file is written by a process that has torch to import."""


@pytest.fixture
def panel(home: Path, tmp_path: Path) -> Iterator[ExportPanel]:
    run = tiny_run()
    panel = ExportPanel(run, name=str(tmp_path / "out" / "mine"))
    yield panel
    panel.close()


def form(panel: ExportPanel, suffix: str) -> dict[str, Any]:
    return next(one for one in panel.forms if one["suffix"] == suffix)


def press(panel: ExportPanel, name: str, value: Any) -> str:
    return panel._do({"id": 1, "do": "act", "name": name, "value": value})


def test_every_form_that_the_package_writes_has_its_row(panel: ExportPanel):
    assert list(FORMS) == [*_MODELS, *_PAPERS]
    assert [one["suffix"] for one in panel.forms] == list(FORMS)
    assert {one["state"] for one in panel.forms} == {"none"}


@pytest.mark.slow
def test_files_are_written_one_after_the_other_and_say_what_came_of_them(
    panel: ExportPanel, tmp_path: Path
):
    assert press(panel, "export", ".md") == ""
    assert press(panel, "export", ".py") == ""
    assert form(panel, ".md")["state"] == "running"
    assert form(panel, ".py")["state"] == "waiting"
    assert "being written already" in press(panel, "export", ".py")
    until(lambda: form(panel, ".py")["state"] == "done", PATIENCE_S)
    assert form(panel, ".md")["words"] == "mine.md"
    assert (tmp_path / "out" / "mine.md").is_file()
    # What was written from here is written again without a question.
    assert press(panel, "export", ".md") == ""
    until(lambda: form(panel, ".md")["state"] == "done", PATIENCE_S)


def test_a_file_of_somebody_else_is_replaced_only_when_asked_twice(
    panel: ExportPanel, tmp_path: Path
):
    foreign = tmp_path / "out" / "mine.md"
    foreign.parent.mkdir()
    foreign.write_text("years of work")
    with pytest.raises(ConfigError, match=r"mine\.md is there already"):
        panel.export(".md")
    assert press(panel, "export", ".md") == ""
    assert form(panel, ".md") == {
        "suffix": ".md",
        "what": FORMS[".md"],
        "state": "exists",
        "words": "mine.md is there already",
    }
    assert foreign.read_text() == "years of work"
    assert press(panel, "export", ".md") == ""
    until(lambda: form(panel, ".md")["state"] == "done", PATIENCE_S)
    assert foreign.read_text("utf-8") != "years of work"


def test_what_makes_no_sense_is_refused_in_words_and_changes_nothing(panel: ExportPanel):
    before = (panel.forms, panel.target)
    assert "there is no export to '.xyz'" in press(panel, "export", ".xyz")
    assert "makes no sense" in press(panel, "pixels", "yes")
    assert "makes no sense" in press(panel, "dance", None)
    assert (panel.forms, panel.target) == before
    assert press(panel, "name", "  ") == "a name is needed"
    assert press(panel, "export", ".md") == "the files need a name"


def test_an_export_that_waits_or_runs_is_let_go(panel: ExportPanel, tmp_path: Path):
    press(panel, "export", ".md")
    press(panel, "export", ".py")
    press(panel, "cancel", ".py")
    press(panel, "cancel", ".md")
    until(lambda: form(panel, ".md")["state"] == "none", PATIENCE_S)
    assert form(panel, ".py")["state"] == "none"
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
