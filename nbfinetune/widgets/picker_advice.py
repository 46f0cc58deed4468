"""Three models to try, as the picker asks for them: what is looked for, found and taken."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import FineTuneConfig
from nbfinetune.widgets.draft import Draft

if TYPE_CHECKING:
    from nbfinetune.runner.recommendations import Recommendation
    from nbfinetune.runner.speed_measure import SpeedMeasure


class Advice:
    """Looks for models that suit the data of a draft, one search at a time.

    Parameters
    ----------
    draft : Draft
    folder : callable () -> Path or None
        Where arrays and lists of files of the data lie.
    tell : callable ()
        Called, from whatever thread, when `drawn` has changed.
    """

    def __init__(
        self, draft: Draft, folder: Callable[[], Path | None], tell: Callable[[], None]
    ) -> None:
        self._draft, self._folder, self._tell = draft, folder, tell
        self._found: dict[str, Recommendation] = {}
        self._measure: SpeedMeasure | None = None
        self._busy, self._closed = False, False
        self._said = ""

    def recommend(self, budget: Any) -> None:
        """Look for three models within so many seconds of training; returns at once.

        Parameters
        ----------
        budget : float, optional
            None for no limit.

        Raises
        ------
        ConfigError
            If that is no time, there are no data yet, or a search goes on.
        """
        if budget is not None and not _is_time(budget):
            raise ConfigError(f"{budget!r} is no time for training; seconds are meant")
        if self._draft.accepted is None:
            raise ConfigError("models are recommended for data: name a folder or a data set first")
        if self._busy:
            raise ConfigError("models are being looked for already")
        self._busy, self._said, self._found = True, "", {}
        work = (self._draft.config, self._folder(), budget)
        threading.Thread(target=self._look, args=work, name="recommend", daemon=True).start()
        self._tell()

    def settings_of(self, role: Any) -> dict[str, Any]:
        """Keywords of `fine_tune` that a recommendation stands for.

        Raises
        ------
        ConfigError
            If there is none of that role.
        """
        found = self._found.get(role) if isinstance(role, str) else None
        if found is None:
            raise ConfigError(f"no model was recommended as {role!r}")
        return found.settings

    def close(self) -> None:
        """Look no further."""
        self._closed = True
        if (measure := self._measure) is not None:
            measure.cancel()

    def drawn(self) -> dict[str, Any]:
        """What the page is told."""
        found = [
            {"role": one.role, "name": one.name, "why": one.why} for one in self._found.values()
        ]
        return {"recommended": found, "recommending": self._busy, "said": self._said}

    def _look(self, config: FineTuneConfig, folder: Path | None, budget: float | None) -> None:
        from nbfinetune.runner.recommend import Search, recommended

        try:
            found = recommended(config, folder, Search(budget_s=budget, watch=self._watch))
            self._found, self._said = {one.role: one for one in found}, found.said
        except NbFinetuneError as error:
            self._said = str(error)
        except Exception as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._said = f"nothing could be recommended: {type(error).__name__}: {error}"
        finally:
            self._busy = False
        self._tell()

    def _watch(self, measure: SpeedMeasure) -> None:
        """Let the first models be measured on a device where none ever was."""
        self._measure = measure
        measure.on_change(lambda: self._say_measuring(measure))
        try:
            if not self._closed:
                measure.start()
                measure.wait()
        finally:
            measure.cancel()
            self._measure = None

    def _say_measuring(self, measure: SpeedMeasure) -> None:
        done, count = measure.progress
        if measure.status == "running":
            self._said = (
                f"Nothing was measured on this device yet, so {count} small models are: "
                f"{min(done + 1, count)} of {count}, {measure.now}"
            )
            self._tell()


def _is_time(budget: Any) -> bool:
    number = isinstance(budget, (int, float)) and not isinstance(budget, bool)
    return number and math.isfinite(budget) and budget > 0
