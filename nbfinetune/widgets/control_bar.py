"""The bar that starts, holds and ends a run, and says where it stands."""

from __future__ import annotations

import threading
from typing import Any

import traitlets

from nbfinetune.widgets.panel import Act, PagePanel


class ControlBar(PagePanel):
    """Buttons, the plan in a line, and where the run stands.

    Parameters
    ----------
    act : callable (name, value) -> str
        Does ``start``, ``pause``, ``resume``, ``stop`` or ``attach``, or opens one of
        `nbfinetune.widgets.after_training.WAYS`; gives why it can't.
    guard : RLock, optional
        Held meanwhile.

    Attributes
    ----------
    state : dict
        ``buttons`` (name to whether it can be pressed), ``missing`` (what Start still needs),
        ``plan`` (what will happen), ``offer`` (a live run of the same data), ``asked`` (requested,
        not answered yet), ``applied`` (the last answer), ``error`` with ``details``, ``opened``
        (what of the trained model is on show).
    bearings : dict
        Where the run stands; see `nbfinetune.widgets.bearings.Bearings`.
    """

    bundle_name = "control_bar"

    state = traitlets.Dict().tag(sync=True)
    bearings = traitlets.Dict().tag(sync=True)

    def __init__(self, act: Act, guard: threading.RLock | None = None, **traits: Any) -> None:
        super().__init__(act, guard, **traits)
