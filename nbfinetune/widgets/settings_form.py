"""A panel of settings: one widget that draws a list of fields with native controls."""

from __future__ import annotations

import threading
from typing import Any

import traitlets

from nbfinetune.widgets.fields import Panel
from nbfinetune.widgets.panel import Act, PagePanel


class SettingsForm(PagePanel):
    """Settings of one concern, each with its label, help, mark and error in place.

    Parameters
    ----------
    panel : Panel
        Title, accessible name and fields.
    act : callable (name, value) -> str
        Takes one setting as typed, or does what a button says; gives what is wrong.
    guard : RLock, optional
        Held meanwhile.

    Attributes
    ----------
    title, region : str
        What stands above it, and its accessible name.
    fields : list of dict
        `Field` records.
    state : dict
        ``values`` and ``errors`` by setting, ``hidden`` settings, ``notes`` by setting (what a live
        run made of a change), ``live`` (a run is training: settings are marked), ``buttons``
        (``{"name", "label", "help", "enabled"}``), ``note`` (a line below the fields).
    """

    bundle_name = "settings_form"

    title = traitlets.Unicode().tag(sync=True)
    region = traitlets.Unicode().tag(sync=True)
    fields: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        panel: Panel,
        act: Act,
        guard: threading.RLock | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(
            act, guard, title=panel.title, region=panel.region, fields=panel.spec(), **traits
        )


def placeholder(slot: str, title: str, note: str, act: Act) -> SettingsForm:
    """A panel that keeps the place of something that is to come, and says what."""
    return SettingsForm(Panel(slot, title, title, ()), act, state={"note": note})
