"""What a widget that is shown by itself leaves in its notebook for readers without a kernel."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from html import escape
from typing import Any
from uuid import uuid4

from nbfinetune.errors import NbFinetuneError
from nbfinetune.widgets.panel import PagePanel
from nbfinetune.widgets.saved_output import SavedOutput

MOST_NAMES = 20


class SavedFace:
    """A widget with a sentence and HTML below it, which its page hides as long as it lives.

    Nothing of that is made before the widget is displayed, or where it is part of a surface.
    """

    _saved: SavedOutput | None = None

    @abstractmethod
    def _saved_words(self) -> str:
        """How it stands in a sentence or two, and the call that opens it again."""

    def _saved_html(self) -> str:
        """The same as HTML, with what else can be read without a kernel."""
        return paragraph(self._saved_words())

    @abstractmethod
    def _hiding(self) -> PagePanel:
        """Whose page hides it."""

    def _ipython_display_(self, **_: object) -> None:
        from IPython.display import display

        data, metadata = _view_of(self)
        data["text/plain"] = _or_why_not(self._saved_words)()
        if self._saved is None and not under_voila():
            name = f"nbft-saved-{uuid4().hex[:12]}"
            self._hiding().saved_id = name
            draw, tell = _or_why_not(self._saved_html), _or_why_not(self._saved_words)
            self._saved = SavedOutput(name, draw, tell)
        display(data, raw=True, metadata=metadata)
        if self._saved is not None:
            self._saved.show()


class SavedPanel(SavedFace, PagePanel):
    """A panel whose saved face keeps up with what it draws."""

    def _hiding(self) -> PagePanel:
        return self

    def _redraw(self) -> None:
        super()._redraw()
        if self._saved is not None:
            self._saved.renew_soon()


def paragraph(words: str) -> str:
    """A sentence as HTML."""
    return f"<p>{escape(words)}</p>"


def listed(names: Sequence[str]) -> str:
    """Names in words, of many the first."""
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES:,} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def call(widget: object, *given: object, **named: object) -> str:
    """A line of Python that makes a widget of this kind."""
    told = [*map(repr, given), *(f"{name}={value!r}" for name, value in named.items())]
    return f"nbfinetune.{type(widget).__name__}({', '.join(told)})"


def under_voila() -> bool:
    """Whether Voila shows the notebook as a page, which nobody saves."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def _or_why_not(tell: Callable[[], str]) -> Callable[[], str]:
    """What is told, or the reason that it can't be, such as a run that was deleted meanwhile."""

    def told() -> str:
        try:
            return tell()
        except NbFinetuneError as error:
            return paragraph(str(error))

    return told


def _view_of(widget: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Jupyter makes a view of; a panel's comes with metadata, a box's without."""
    made = widget._repr_mimebundle_() or {}
    return made if isinstance(made, tuple) else (made, {})
