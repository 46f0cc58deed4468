"""What the surface shows at a moment: from what is known to the states of its panels, purely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbfinetune.records import LIVE, RESUMABLE
from nbfinetune.runner.epoch_times import EpochTimes
from nbfinetune.runner.run import Run
from nbfinetune.widgets import plan
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.looker import Outlook
from nbfinetune.widgets.steering import Word


@dataclass(frozen=True)
class Scene:
    """All that is known on the kernel's side.

    Parameters
    ----------
    draft : Draft
        The next run.
    word : Word
        The newest request.
    run : Run, optional
        The run on the surface, and its `status`.
    trouble, details : str
        Why the run ended badly.
    outlook : Outlook, optional
        What the standby worker found out about the next run.
    notes : dict of str to str
        What became of live changes.
    thawed : bool
        The run's frozen layers were thawed.
    times : EpochTimes, optional
        How long the next run's epochs will take, where that is known.
    opened : str
        What of the trained model is on show; see `nbfinetune.widgets.after_training.WAYS`.
    """

    draft: Draft
    word: Word
    run: Run | None
    status: str | None
    trouble: str
    details: str
    outlook: Outlook | None
    notes: dict[str, str]
    thawed: bool
    times: EpochTimes | None = None
    opened: str = ""

    @property
    def live(self) -> bool:
        """Whether the run has a worker that can be asked."""
        return self.status in LIVE

    def bar(self) -> dict[str, Any]:
        """State of the control bar."""
        return {
            "buttons": {
                "start": not self.live,
                "pause": self.status == "running",
                "resume": self.status == "paused" or self.status in RESUMABLE,
                "stop": self.live,
            },
            "missing": self.draft.missing(),
            "plan": self._plan(),
            "opened": self.opened,
            "offer": self._offer(),
            "asked": self.word.asked and f"{self.word.asked} …",
            "applied": self.word.applied,
            "error": self.word.refused or self.trouble,
            "details": self.word.details or ("" if self.word.refused else self.details),
        }

    def form(self, names: list[str]) -> dict[str, Any]:
        """State of a panel with these settings."""
        shown = self.draft.shown()
        return {
            "values": {name: shown[name] for name in names},
            "errors": _only(self.draft.errors, names),
            "notes": _only(self.notes, names),
            "hidden": [name for name in self.draft.hidden() if name in names],
            "live": self.live,
            "buttons": self._buttons(names) if self.live else [],
        }

    def _plan(self) -> str:
        if self.run is not None and self.live:
            return self.run.id
        if missing := self.draft.missing():
            return f"Start needs: {missing}"
        outlook = (
            self.outlook if self.outlook and self.outlook.config == self.draft.config else None
        )
        hint = self.draft.accepted.hint if self.draft.accepted else ""
        facts = outlook.facts if outlook else {}
        return "Start: " + plan.sentence(self.draft.config, hint, facts, self.times)

    def _offer(self) -> str:
        live = self.outlook.live if self.outlook else None
        if live is None or self.run is not None:
            return ""
        return f"A run of this data is training: {live.id}."

    def _buttons(self, names: list[str]) -> list[dict[str, Any]]:
        model = self.run.config.model if self.run else None
        frozen = model is not None and (model.freeze != "none" or model.freeze_epochs > 0)
        if "freeze" in names and frozen and not self.thawed:
            return [_button("unfreeze", "Unfreeze now", "Train every layer from the next step on")]
        return []


def _button(name: str, label: str, told: str) -> dict[str, Any]:
    return {"name": name, "label": label, "help": told, "enabled": True}


def _only(values: dict[str, str], names: list[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in names}
