"""A model's process without a network: says of every image that it is a dog, or that it is none."""

from __future__ import annotations

import base64
import io
import queue
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image, UnidentifiedImageError

CLASSES = ("cat", "dog")
SAID = (0.25, 0.75)
METHOD, LAYER = "grad_cam", "middle"


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    """A picture as a page sends it."""
    target = io.BytesIO()
    Image.new("RGB", size, (200, 40, 40)).save(target, "PNG")
    return target.getvalue()


class ScriptedModel:
    """Stands in for `nbfinetune.runner.child.Child`; answers at once, unless it is told to hold.

    Attributes
    ----------
    held : bool
        Questions wait until `answer` is called.
    """

    made: list[ScriptedModel]
    """Every one, the newest last; a test sets it anew."""
    held = False

    def __init__(self, module: str, order: Mapping[str, Any], _: Any = None) -> None:
        self.module, self.heard, self.dismissed = module, [order], False
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._waiting: list[Mapping[str, Any]] = []
        self.made.append(self)

    def tell(self, order: Mapping[str, Any]) -> None:
        self.heard.append(order)
        if "question" in order:
            self._waiting.append(order)
        if not self.held:
            self.answer()

    def answer(self) -> None:
        """Answer everything that waits, in its order."""
        while self._waiting:
            order = self._waiting.pop(0)
            answered = {"predict": self._predict, "heat_map": self._map}[order["kind"]](order)
            self._said.put({"question": order["question"], **answered})

    def say(self, **record: Any) -> None:
        """Say something of the newest question."""
        self._said.put({"question": self.heard[-1]["question"], **record})

    def _predict(self, order: Mapping[str, Any]) -> dict[str, Any]:
        rows = [_row(image) for image in order["images"]]
        for first in range(0, len(rows), 2):
            part = {"first": first, "rows": rows[first : first + 2]}
            self._said.put({"question": order["question"], "part": part})
        return {"answer": None}

    def _map(self, order: Mapping[str, Any]) -> dict[str, Any]:
        if _row(order["image"])[2]:
            return {"error": f"{order['image']} can't be read"}
        drawn = base64.b64encode(png()).decode()
        name = order["target"] or "dog"
        facts = {"class_name": name, "probability": SAID[CLASSES.index(name)]}
        return {"answer": {**facts, "picture": drawn, "plain": drawn, "method": METHOD,
                           "layer": LAYER}}  # fmt: skip

    def lines(self) -> Iterator[dict[str, Any]]:
        while (record := self._said.get()) is not None:
            yield record
        self.dismissed = True

    def status(self) -> int | None:
        return -9 if self.dismissed else None

    def dismiss(self) -> None:
        self.dismissed = True
        self._said.put(None)

    def die(self) -> None:
        """End as a process does that the system kills."""
        self.dismiss()


def _row(image: Any) -> tuple[str, list[float], str]:
    try:
        with Image.open(image) as opened:
            opened.load()
    except (OSError, UnidentifiedImageError):
        return "", [], f"{image}: the file is cut off"
    return "dog", list(SAID), ""
