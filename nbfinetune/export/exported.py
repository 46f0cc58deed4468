"""What an export gives back: the path of the file, which a notebook shows with its parity."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from nbfinetune.export.parity import Parity

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 only the system's own kind can have children

__all__ = ["Exported", "NotCompared"]


class Exported(_Path):
    """Path of a file that was exported.

    Attributes
    ----------
    parity : Parity, optional
        How it compares with the run's model; None where it holds no model or was not compared.
    """

    parity: Parity | None = None

    def _repr_html_(self) -> str:
        said = "" if self.parity is None else f"<br>{html.escape(str(self.parity))}"
        return f"<p><code>{html.escape(str(self))}</code>{said}</p>"


class NotCompared(UserWarning):
    """An exported file was not compared with the model of its run; says why."""
