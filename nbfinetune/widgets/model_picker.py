"""`ModelPicker`: which model to start from, searched, compared and chosen."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from nbfinetune.data.sources import Accepted
from nbfinetune.models.model_checks import check_name
from nbfinetune.records import ModelConfig
from nbfinetune.runner.settings import configure
from nbfinetune.widgets.draft import Draft, flat
from nbfinetune.widgets.fields import MODEL
from nbfinetune.widgets.foresight import Foresight
from nbfinetune.widgets.looker import Outlook
from nbfinetune.widgets.picker_page import PickerPage, PickerSurroundings
from nbfinetune.widgets.saved_face import SavedPanel, call

CHOSEN = (*(field.name for field in MODEL.fields), "image_size", "batch_size")
"""Settings that a choice of a model is made of."""


class ModelPicker(SavedPanel, PickerPage):
    """Search, compare and choose a model, and how much of it is trained.

    Parameters
    ----------
    data : optional
        As `fine_tune` takes it; time, memory and recommendations are for these images.
    model : str
        What is chosen to begin with.
    labels, groups, root : optional
        As `fine_tune` takes them.
    surface : PickerSurroundings, optional
        Where the picker is part of one; the other arguments are left out then.
    **settings
        Keywords of `fine_tune`: `batch_size`, `image_size`, `pretrained`, …

    Attributes
    ----------
    model_json : str
        The model's settings as JSON, to be observed.

    Raises
    ------
    UnknownModel
        With the three closest names.
    ConfigError, DataError
        As `fine_tune` raises them.

    Examples
    --------
    >>> picker = ModelPicker("photos/", batch_size=64)  # doctest: +SKIP
    >>> run = nbfinetune.fine_tune("photos/", **picker.settings)  # doctest: +SKIP
    """

    _folder: Path | None = None

    def __init__(
        self,
        data: Any = None,
        *,
        model: str = ModelConfig().name,
        labels: Any = None,
        groups: Any = None,
        root: str | None = None,
        surface: PickerSurroundings | None = None,
        **settings: Any,
    ) -> None:
        if surface is not None:
            super().__init__(surface, compact=True)
            return
        rules = {"labels": labels, "groups": groups, "root": root}
        super().__init__(
            self._surroundings(data, {"model": model, **settings}, **rules), compact=False
        )
        self._changed()

    @property
    def model(self) -> str:
        """Name of the chosen model; what is set here is chosen.

        Raises
        ------
        UnknownModel
            With the three closest names.
        """
        return self._draft.config.model.name

    @model.setter
    def model(self, name: str) -> None:
        check_name(name)
        with self._guard:
            self._around.turn("model", name)

    @property
    def config(self) -> ModelConfig:
        """The model's settings as a record."""
        return self._draft.config.model

    @property
    def settings(self) -> dict[str, Any]:
        """Keywords of `fine_tune` for what was chosen: the model, and what is not as usual."""
        config = self._draft.config
        usual = flat(configure(config.data.source, {}))
        return {
            name: value
            for name, value in flat(config).items()
            if name in CHOSEN and (name == "model" or value != usual[name])
        }

    def _saved_words(self) -> str:
        return f"Model picked: {self.model}. {call(self, **self.settings)} shows it again."

    def __repr__(self) -> str:
        return f"ModelPicker({self.model!r})"

    # Standing alone.

    def _surroundings(
        self, data: Any, settings: dict[str, Any], **rules: Any
    ) -> PickerSurroundings:
        check_name(settings["model"])
        draft = Draft(data, settings, **rules)
        if draft.accepted is not None:
            self._folder = _placed(draft.accepted)
        foresight = Foresight(draft, self._foresee)
        return PickerSurroundings(draft, threading.RLock(), foresight, self._turn, self._changed)

    def _turn(self, name: str, value: Any) -> str:
        error = self._draft.set(name, value)
        self._changed()
        return error

    def _changed(self) -> None:
        self.redraw()
        self._around.foresight.look(self._folder, without_data=True)

    def _foresee(self, _: Outlook) -> None:
        self.look()
        self.redraw()

    def _drawn(self) -> dict[str, Any]:
        drawn = super()._drawn()
        return drawn if self._around.turn != self._turn else {**drawn, **self._alone(drawn["card"])}

    def _alone(self, card: dict[str, Any]) -> dict[str, Any]:
        """What else is drawn where no surface does it: values, and errors of settings not here."""
        names, shown = [field.name for field in MODEL.fields], self._draft.shown()
        errors = self._draft.errors
        others = [errors[name] for name in errors if name not in (*names, "batch_size")]
        state = {
            "values": {name: shown[name] for name in names},
            "errors": {name: errors[name] for name in names if name in errors},
            "notes": {},
            "hidden": [],
            "live": False,
            "buttons": [],
        }
        return {"card": {**card, "warnings": [*card.get("warnings", ()), *others]}, "state": state}


def _placed(accepted: Accepted) -> Path:
    """Folder in which the worker's side finds what of the data lies in the notebook."""
    # Both bring image libraries along, which a surface's first paint can do without.
    from nbfinetune.runner.run_data import data_place
    from nbfinetune.widgets.listing_ahead import place_once

    folder = data_place(accepted)
    place_once(accepted, folder)
    return folder
