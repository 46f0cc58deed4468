"""The page of an evaluation, its messages sent by hand."""

from __future__ import annotations

from typing import Any

import pytest
from slider_parts import until

from nbfinetune.widgets.evaluation_view import EvaluationView


class Page:
    """A view, what its page says, and what it hears."""

    def __init__(self, view: EvaluationView, monkeypatch: pytest.MonkeyPatch) -> None:
        self.view = view
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(view, "send", self._hear)

    def _hear(self, content: dict[str, Any], buffers: Any = ()) -> None:
        self.heard.append((content, list(buffers)))

    def ask(self, name: Any, value: Any = None) -> str:
        """The sentence that answers; empty where it was done."""
        self.view._handle_custom_msg({"id": 1, "do": "act", "name": name, "value": value}, [])
        return next(c["error"] for c, _ in reversed(self.heard) if "error" in c)

    def rows(self, first: int = 0, last: int = 400) -> list[list[Any]]:
        assert self.ask("look", {"view": "v", "first": first, "last": last, "epochs": 0}) == ""
        return next(c["rows"] for c, _ in reversed(self.heard) if c.get("kind") == "rows")

    def picture(self, key: str) -> tuple[bytes, str]:
        """Picture or reason under a key, once it comes."""

        def come() -> tuple[bytes, str] | None:
            for content, buffers in list(self.heard):
                if key in content.get("keys", ()):
                    place = content["keys"].index(key)
                    return buffers[place], content["reasons"][place]
            return None

        until(come)
        found = come()
        assert found is not None
        return found

    def figure(self, name: str) -> dict[str, Any]:
        return next(figure for figure in self.view.figures if figure["name"] == name)

    def deep(self) -> Page:
        """Once all is measured."""
        until(lambda: self.figure("accuracy")["low"] is not None)
        return self
