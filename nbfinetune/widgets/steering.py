"""What was asked of a run and what became of it, told apart; asked on threads, so nothing waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from nbfinetune.errors import NbFinetuneError


@dataclass(frozen=True)
class Word:
    """Where the newest request stands.

    Parameters
    ----------
    asked : str
        What was requested and is not answered yet.
    applied : str
        The last answer.
    refused : str
        Why the last request was not done; `details` has what a run's worker said to it.
    """

    asked: str = ""
    applied: str = ""
    refused: str = ""
    details: str = ""


class Steering:
    """Sends requests one after the other's heels and keeps the newest word.

    Parameters
    ----------
    tell : callable ()
        Called, from whatever thread, when `word` has changed.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.word = Word()
        self._tell = tell
        self._newest = 0

    def ask(self, asked: str, do: Callable[[], str]) -> None:
        """Do something on a thread of its own; `do` gives a sentence on what became of it."""
        self._newest += 1
        self.word = Word(asked=asked)
        self._tell()
        thread = threading.Thread(
            target=self._carry_out, args=(self._newest, do), name=asked, daemon=True
        )
        thread.start()

    def clear(self) -> None:
        """Forget the last answer."""
        self.word = Word(asked=self.word.asked)

    def _carry_out(self, number: int, do: Callable[[], str]) -> None:
        try:
            word = Word(applied=do())
        except NbFinetuneError as error:
            word = Word(refused=str(error), details=getattr(error, "details", ""))
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            word = Word(refused=f"{type(error).__name__}: {error}")
        if number == self._newest:
            self.word = word
            self._tell()
