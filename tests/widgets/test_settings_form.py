"""A panel answers every message of its page, nonsense included, and keeps Python's word."""

from __future__ import annotations

from typing import Any

import pytest

from nbfinetune.errors import ConfigError
from nbfinetune.widgets.fields import TRAINING, Panel, every_field
from nbfinetune.widgets.settings_form import SettingsForm


class Page:
    """What a page sends to a panel, and what it gets."""

    def __init__(self, panel: SettingsForm, monkeypatch: pytest.MonkeyPatch) -> None:
        self.panel, self.got = panel, []
        monkeypatch.setattr(panel, "send", self.got.append)

    def say(self, content: Any) -> dict[str, Any]:
        self.panel._handle_custom_msg(content, [])
        return self.got[-1]


def act(name: str, value: Any) -> str:
    if name == "broken":
        raise ZeroDivisionError("division by zero")
    if name == "refused":
        raise ConfigError("that can't be")
    return f"{name} is not {value!r}"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(SettingsForm(TRAINING, act, state={"values": {"epochs": "5"}}), monkeypatch)


def test_an_answer_carries_the_number_of_its_question(page: Page) -> None:
    answer = page.say({"id": 7, "do": "act", "name": "epochs", "value": "0"})
    assert answer == {"id": 7, "error": "epochs is not '0'"}


@pytest.mark.parametrize("content", [None, 3, "start", [], {}, {"id": 1}, {"id": 1, "name": 5}])
def test_nonsense_is_answered_and_changes_nothing(page: Page, content: Any) -> None:
    before = dict(page.panel.state)
    assert "makes no sense; nothing was changed" in page.say(content)["error"]
    assert page.panel.state == before


def test_errors_become_sentences(page: Page) -> None:
    assert page.say({"id": 1, "name": "refused"})["error"] == "that can't be"
    assert page.say({"id": 2, "name": "broken"})["error"] == "ZeroDivisionError: division by zero"


def test_the_page_can_not_write_what_python_holds(page: Page) -> None:
    page.panel.set_state({"state": {"values": {"epochs": "999"}}, "title": "<b>mine</b>"})
    assert page.panel.state == {"values": {"epochs": "5"}}
    assert page.panel.title == "Training"


def test_a_form_is_drawn_from_its_panel() -> None:
    form = SettingsForm(Panel("data", "Data", "Dataset preview", TRAINING.fields[:2]), act)
    assert (form.title, form.region) == ("Data", "Dataset preview")
    assert [field["name"] for field in form.fields] == ["epochs", "batch_size"]
    assert form._esm.strip()
    assert ".nbft-panel" in form._css


def test_every_field_says_what_it_does() -> None:
    fields = list(every_field())
    assert len({field.name for field in fields}) == len(fields)
    assert [field.name for field in fields if not field.label or not field.help] == []
