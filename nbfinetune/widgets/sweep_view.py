"""`SweepView`: the runs of a sweep over each other, and a click that trains the best in full."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import TrainingConfig, checked
from nbfinetune.runner.run import Run
from nbfinetune.runner.sweep import Sweep
from nbfinetune.widgets.fields import Field, Panel
from nbfinetune.widgets.live_charts import LiveCharts
from nbfinetune.widgets.saved_face import paragraph
from nbfinetune.widgets.series_view import SeriesView
from nbfinetune.widgets.settings_form import SettingsForm
from nbfinetune.widgets.typed import in_words, read, written

if TYPE_CHECKING:
    import pandas as pd

FULL = Field("epochs", "Epochs of the full run", "integer", "Length of the run that Train starts")
PANEL = Panel("sweep", "Sweep", "Sweep", (FULL,))


class SweepView(SeriesView):
    """A sweep as it comes: where it stands, its runs over each other, and the best one's way on.

    Parameters
    ----------
    sweep : Sweep
        Running or over.

    Attributes
    ----------
    run : Run or None
        The full run that was started from here.
    """

    run: Run | None = None

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._epochs = TrainingConfig().epochs
        self._shown: list[str] = []
        self._error = ""
        self._guard = threading.RLock()
        self._form = SettingsForm(PANEL, self._do, self._guard)
        super().__init__(self._form)
        self._look_on()
        self._begin_looking()

    def promote(self) -> Run:
        """Train the best run's settings in full, and show it here.

        Raises
        ------
        RunError
            If no run has come to its end yet.
        """
        from nbfinetune.widgets.fine_tune_widget import FineTuneWidget

        with self._guard:
            self.run = self._sweep.promote(self._epochs)
            self.children = (*self._parts()[:2], FineTuneWidget(run=self.run))
        return self.run

    def _do(self, name: str, value: Any) -> str:
        if name == "promote":
            self.promote()
        elif name == "stop":
            threading.Thread(target=self._sweep.stop, daemon=True).start()
        elif name == "resume":
            self._sweep.resume()
            self._begin_looking()
        elif name == FULL.name:
            return self._take_epochs(value)
        else:
            return f"there is no setting {name!r}"
        self._look_on()
        return ""

    def _take_epochs(self, value: Any) -> str:
        try:
            self._epochs = checked(TrainingConfig(epochs=read(FULL, value))).epochs
            self._error = ""
        except ConfigError as error:
            self._error = in_words(str(error))
        self._look_on()
        return self._error

    def _look_on(self) -> bool:
        """Draw where the sweep stands; whether it is still at it."""
        # Read once for all that is drawn: each look opens every run.
        # The table last: it then has a row for every run, also for one that began meanwhile.
        status, runs, table = self._sweep.status, self._sweep.runs, self._sweep.to_frame()
        labels = self._labels(table, len(runs))
        with self._guard:
            if [run.id for run in runs] != self._shown and runs:
                self._overlay(runs, labels)
            self._form.state = {
                "values": {FULL.name: written(self._epochs)},
                "errors": {FULL.name: self._error} if self._error else {},
                "buttons": _buttons(status, any_done="finished" in set(table["state"])),
                "note": self._standing(dict(zip((run.id for run in runs), labels, strict=True))),
            }
        return status == "running"

    def _overlay(self, runs: list[Run], labels: list[str]) -> None:
        charts = LiveCharts(runs)
        charts.labels = labels
        shown = self._parts()
        before = shown[1] if len(shown) > 1 else None
        self.children = (self._form, charts, *shown[2:])
        self._shown = [run.id for run in runs]
        if before is not None:
            before.close()

    def _saved_words(self) -> str:
        again = f"nbfinetune.SweepView(nbfinetune.Sweep.open({self._sweep.id!r}))"
        return f"{self._sweep!r}. {again} opens it again."

    def _saved_html(self) -> str:
        table = self._sweep.to_frame().to_html(float_format="{:.4g}".format, na_rep="")
        pictures = [part.snapshot_html() for part in self._parts() if isinstance(part, LiveCharts)]
        return "".join([paragraph(self._saved_words()), table, *pictures])

    def _parts(self) -> list[Any]:
        return list(getattr(self, "children", ()))

    def _labels(self, table: pd.DataFrame, count: int) -> list[str]:
        names = list(self._sweep.plan.space)
        return [
            ", ".join(f"{name} {_short(row[name])}" for name in names)
            for _, row in table.head(count).iterrows()
        ]

    def _standing(self, labels: Mapping[str, str]) -> str:
        said = repr(self._sweep).removeprefix("Sweep(").removesuffix(")")
        try:
            best = self._sweep.best
        except NbFinetuneError:
            return said
        return f"{said} · best so far: {labels.get(best.id, best.id)}"


def _buttons(status: str, *, any_done: bool) -> list[dict[str, Any]]:
    ways = [
        ("promote", "Train the best in full", "With its images, its split and its seed", any_done)
    ]
    if status == "running":
        ways.append(("stop", "Stop the sweep", "End the run in hand, begin no other", True))
    elif status == "stopped":
        ways.append(("resume", "Go on", "With the runs that wait", True))
    return [dict(zip(("name", "label", "help", "enabled"), way, strict=True)) for way in ways]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:40]
