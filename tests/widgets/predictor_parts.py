"""A predictor, what its page says to it by hand, and what the page hears."""

from __future__ import annotations

from typing import Any

import pytest
from slider_parts import until

from nbfinetune.widgets.predictor import Predictor


class Page:
    """A predictor, what its page says, and what it hears."""

    def __init__(self, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.predictor = predictor
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(predictor, "send", self._hear)
        predictor._sender._send = self._hear

    def _hear(self, content: dict[str, Any], buffers: Any = ()) -> None:
        self.heard.append((content, [bytes(one) for one in buffers]))

    def ask(self, name: Any, value: Any = None, *buffers: bytes) -> str:
        """The sentence that answers; empty where it was done."""
        asked = {"id": 1, "do": "act", "name": name, "value": value}
        self.predictor._handle_custom_msg(asked, [memoryview(one) for one in buffers])
        return next(c["error"] for c, _ in reversed(self.heard) if "error" in c)

    def add(self, data: bytes, name: str = "photo.png", note: str = "") -> str:
        return self.ask("add", {"name": name, "note": note}, data)

    def sent(self, kind: str, least: int = 1) -> list[tuple[dict[str, Any], list[bytes]]]:
        """Messages of a kind, once there are so many."""

        def come() -> Any:
            found = [one for one in self.heard if one[0].get("kind") == kind]
            return found if len(found) >= least else None

        until(come)
        return come()

    def answered(self, state: str = "answered") -> dict[str, Any]:
        """The newest picture, once the model has said something of it."""
        until(lambda: self.predictor.pictures and self.predictor.pictures[0]["state"] == state)
        return self.predictor.pictures[0]
