"""The page's side of the model picker: what it is told, what it asks, and what comes of that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import traitlets

from nbfinetune.errors import ConfigError
from nbfinetune.models.training_choice import choice_settings
from nbfinetune.runner.epoch_times import EpochTimes, by_pace
from nbfinetune.widgets.draft import Draft
from nbfinetune.widgets.fields import MODEL
from nbfinetune.widgets.foresight import Foresight
from nbfinetune.widgets.panel import Act, PagePanel, bundle
from nbfinetune.widgets.picker_advice import Advice
from nbfinetune.widgets.picker_card import Subject, card
from nbfinetune.widgets.picker_choices import choices
from nbfinetune.widgets.picker_folder import listing
from nbfinetune.widgets.picker_stock import Stock
from nbfinetune.widgets.picker_timing import Timing


@dataclass(frozen=True)
class PickerSurroundings:
    """The surface that a picker lies on.

    Parameters
    ----------
    draft : Draft
        Holds the model, for the surface and the picker alike.
    guard : RLock
        Held while it is changed.
    foresight : Foresight
        What is known of the draft.
    turn : callable (name, value) -> str
        Takes a setting, or does what a button of the panel says.
    changed : callable ()
        Told when the picker has changed several settings at once.
    """

    draft: Draft
    guard: threading.RLock
    foresight: Foresight
    turn: Act
    changed: Callable[[], None]


class PickerPage(PagePanel):
    """Shows the model of a draft, and lets a page choose another.

    Parameters
    ----------
    around : PickerSurroundings
    compact : bool
        The picker is one panel of many: the comparison opens in a dialog.

    Attributes
    ----------
    fields : list of dict
        `Field` records of the model's settings.
    state : dict
        ``values``, ``errors``, ``notes``, ``hidden``, ``live``, ``buttons`` as in `SettingsForm`.
    card : dict
        What the chosen model is and costs, in words.
    choices : dict
        How much of it may be trained.
    outlook : dict
        The network, the device, measured speeds, recommendations.
    model_json : str
        The model's settings as JSON, to be observed.
    """

    bundle_name = "model_picker"

    title = traitlets.Unicode(MODEL.title).tag(sync=True)
    region = traitlets.Unicode(MODEL.region).tag(sync=True)
    compact = traitlets.Bool().tag(sync=True)
    fields: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    card = traitlets.Dict().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)
    outlook = traitlets.Dict().tag(sync=True)
    model_json = traitlets.Unicode()

    def __init__(self, around: PickerSurroundings, *, compact: bool) -> None:
        self._around, self._draft = around, around.draft
        self._stock = Stock()
        foresight = around.foresight
        self._timing = timing = Timing(around.draft, foresight.of_the_data, self.redraw)
        self._advice = Advice(around.draft, lambda: foresight.folder, self._advised)
        self._acts: dict[str, Callable[[Any], object]] = {
            "catalogue": lambda _: self._send_catalogue(),
            "train": self._train,
            "measure": timing.measure,
            "cancel_measure": lambda _: self._cancel_timing(),
            "recommend": self._advice.recommend,
            "take": self._take_recommended,
            "browse": self._browse,
            "plotly": lambda _: self._send_plotly(),
        }
        drawn = self._drawn()
        super().__init__(
            self._do_asked, around.guard, fields=MODEL.spec(), compact=compact, **drawn
        )

    def redraw(self) -> None:
        """Show what the draft says now."""
        self._redraw()

    def look(self) -> None:
        """Read the catalogue and the speeds that are known; never before the first paint."""
        self._stock.look()
        self._timing.look()

    def times(self) -> EpochTimes | None:
        """How long the draft's epochs will take: as an earlier run's, else by measured speeds."""
        foresight, config = self._around.foresight, self._draft.config
        if (known := foresight.current) is not None and known.times is not None:
            return known.times
        facts = self._stock.find(config.model.name)
        images: int = foresight.of_the_data().get("images", 0)
        pace = self._timing.pace(facts) if facts is not None and images else None
        return by_pace(pace, images, config.data.val_split) if pace is not None else None

    def close(self) -> None:
        """Let go of the page, and stop what is measured for it."""
        # One whose constructor raised is closed too, when it is collected.
        if (advice := vars(self).get("_advice")) is not None:
            advice.close()
            self._timing.cancel()
        super().close()

    # What the page asks.

    def _do_asked(self, name: str, value: Any) -> str:
        if name == "choose":
            name = "model"
        if name not in self._acts:
            return self._around.turn(name, value)
        self._acts[name](value)
        return ""

    def _send_catalogue(self) -> None:
        self.send({"catalogue": {"columns": self._stock.columns()}})
        self.redraw()
        threading.Thread(target=self._survey, name="look for the hub", daemon=True).start()

    def _survey(self) -> None:
        self._stock.ask_network()
        self._timing.look()
        self.redraw()

    def _send_plotly(self) -> None:
        # As for the preview: the charts' bundle carries the one Plotly build.
        self.send({"plotly": True}, [bundle("live_charts.js").read_bytes()])

    def _train(self, value: Any) -> None:
        if not isinstance(value, str):
            raise ConfigError(f"the page sent {value!r} as what to train; nothing was changed")
        self._draft.take(choice_settings(value))
        self._around.changed()

    def _cancel_timing(self) -> None:
        self._timing.cancel()
        self.redraw()

    def _advised(self) -> None:
        # The search may have measured models on a device where none were.
        self._timing.look()
        self.redraw()

    def _take_recommended(self, value: Any) -> None:
        published = {"pretrained": True, "checkpoint": None}
        self._draft.take({**self._advice.settings_of(value), **published})
        self._around.changed()

    def _browse(self, value: Any) -> None:
        if not isinstance(value, str):
            raise ConfigError(f"the page sent {value!r} as a folder; nothing was opened")
        self.send({"folder": listing(value)})

    # What is drawn.

    def _drawn(self) -> dict[str, Any]:
        subject = self._subject()
        model = self._draft.config.model
        return {
            "card": card(subject),
            "choices": choices(model, self._around.foresight.of_the_model()),
            "outlook": {
                "network": self._stock.network,
                "device": subject.told.get("device", ""),
                **self._timing.drawn(),
                **self._advice.drawn(),
            },
            "model_json": msgspec.json.encode(model).decode(),
        }

    def _subject(self) -> Subject:
        config, foresight = self._draft.config, self._around.foresight
        facts = self._stock.find(config.model.name)
        return Subject(
            config,
            facts,
            {**foresight.of_the_data(), **foresight.facts},
            looked=self._stock.looked,
            cached=facts is not None and facts.name in self._stock.cached,
            network=self._stock.network,
            times=self.times(),
        )
