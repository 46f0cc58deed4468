"""What the engine asks of its surroundings: somebody who writes down, somebody who commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nbfinetune.records import Command, Event


class Recorder(Protocol):
    """Takes the facts of a run; safe to call from several threads."""

    def emit(self, event: Event) -> None:
        """Take one event; it may be written a little later."""

    def flush(self) -> None:
        """Return once everything emitted so far is on the disk."""


class Commands(Protocol):
    """Where commands come from."""

    def poll(self) -> Sequence[tuple[int, Command]]:
        """Commands that nobody has answered yet, oldest first, each with its number."""


class NoCommands:
    """Nobody commands: the engine used on its own."""

    def poll(self) -> Sequence[tuple[int, Command]]:
        """No command."""
        return ()
