"""What is known of the run that a draft would be: looked up again whenever the draft changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbfinetune.records import DataConfig, FineTuneConfig, ModelConfig
from nbfinetune.runner import standby
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.fields import FIELDS
from nbfinetune.widgets.looker import Looker, Outlook

ON_THE_CPU = "the CPU"
"""How `nbfinetune.runner.standing_by.describe` calls it."""

_OF_THE_DATA = ("images", "classes", "image_size", "device")


class Foresight:
    """Looks ahead, and says of the draft what stands against it.

    Parameters
    ----------
    draft : Draft
    told : callable (Outlook)
        Called from another thread with whatever was found out.

    Attributes
    ----------
    outlook : Outlook or None
        The newest.
    folder : Path or None
        Where arrays and lists of files of the data lie, as `look` was told last.
    """

    def __init__(self, draft: Draft, told: Callable[[Outlook], None]) -> None:
        self._draft, self._told = draft, told
        self._looker = Looker(self._hear)
        self.outlook: Outlook | None = None
        self.folder: Path | None = None
        self._described: Outlook | None = None
        self._of_the_data: tuple[DataConfig, dict[str, Any]] = (draft.config.data, {})

    @property
    def current(self) -> Outlook | None:
        """The newest, if it is of the draft as it stands."""
        outlook = self.outlook
        return outlook if outlook is not None and outlook.config == self._draft.config else None

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was found out of the draft as it stands; empty while it is being looked at."""
        last = self._described
        return last.facts if last is not None and last.config == self._draft.config else {}

    def of_the_data(self) -> Mapping[str, Any]:
        """What outlives a change of the model: images, classes, their size, the device."""
        data, facts = self._of_the_data
        return facts if data == self._draft.config.data else {}

    def of_the_model(self) -> Mapping[str, Any]:
        """What was found out last, if that was of the same model, however it is trained."""
        last, model = self._described, self._draft.config.model
        same = last is not None and _built(last.config.model) == _built(model)
        return last.facts if last is not None and same else {}

    def look(self, folder: Path | None = None, *, without_data: bool = False) -> None:
        """Find out about the draft as it stands; returns at once.

        Parameters
        ----------
        folder : Path, optional
            Where arrays and lists of files of the data lie.
        without_data : bool
            Look even where no data are named: the model alone can be told of, too.
        """
        draft, self.folder = self._draft, folder
        if not draft.wrong and (without_data or draft.accepted is not None):
            self._looker.look(draft.config, folder)
        else:
            standby.prepare()

    def _hear(self, outlook: Outlook) -> None:
        self.outlook = outlook
        if outlook.facts:
            self._described = outlook
            self._keep(outlook)
            named = self._draft.accepted is not None
            self._draft.refuse(outlook.config, against(outlook.config, outlook.facts, named=named))
        self._told(outlook)

    def _keep(self, outlook: Outlook) -> None:
        """Remember of the data what a look at a model that can't be would not tell again."""
        data, (of, before) = outlook.config.data, self._of_the_data
        found = {name: outlook.facts[name] for name in _OF_THE_DATA if name in outlook.facts}
        self._of_the_data = (data, {**before, **found} if of == data else found)


def against(config: FineTuneConfig, facts: Mapping[str, Any], *, named: bool) -> dict[str, str]:
    """What stands against a run, by setting.

    Parameters
    ----------
    facts : mapping
        Of `nbfinetune.runner.standing_by.describe`.
    named : bool
        Whether there are data: without, nothing is said of them.
    """
    wrong = {}
    for about in ("data", "model") if named else ("model",):
        if sentence := facts.get(f"{about}_error"):
            wrong[_setting_in(sentence) or about] = sentence
    if facts.get("device") == ON_THE_CPU and config.training.precision == "fp16":
        wrong["precision"] = "fp16 trains on no CPU; take auto or bf16"
    memory = facts.get("memory") or {}
    available, batch = memory.get("available"), config.training.batch_size
    # An accelerator's batch is halved by itself; the machine's own memory takes all down with it.
    if facts.get("device") == ON_THE_CPU and available and memory["needed"] > available:
        largest = config.training.accumulate * (memory.get("largest_batch") or 0)
        wrong["batch_size"] = (
            f"{batch} images don’t fit into memory with this model; {largest} do"
            if largest
            else "not even one image fits into memory with this model; choose a smaller one"
        )
    return wrong


def _setting_in(sentence: str) -> str | None:
    """Setting that a sentence speaks of, as in "image_size is 64, but …"."""
    return next((name for name in re.findall(r"\b(\w+) is ", sentence) if name in FIELDS), None)


def _built(model: ModelConfig) -> tuple[Any, ...]:
    return (model.name, model.drop_stages)
