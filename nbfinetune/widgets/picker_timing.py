"""How fast models are on this machine, as the picker measures it and finds it in the book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import ConfigError
from nbfinetune.models.catalogue import catalogue
from nbfinetune.models.head_epochs import epochs_on_kept_features
from nbfinetune.models.training_choice import choice_of
from nbfinetune.widgets.draft import Draft

if TYPE_CHECKING:
    from nbfinetune.models.model_facts import ModelFacts
    from nbfinetune.models.speed import Pace, Paces, Task
    from nbfinetune.runner.speed_measure import SpeedMeasure

MOST = 20
"""Models that are measured at a time; each takes some seconds."""

USUAL_CLASSES = 10
"""Of a head whose data are not known yet."""


class Timing:
    """Measures models for the run that a draft would be, and estimates by what was measured.

    Parameters
    ----------
    draft : Draft
    told : callable () -> mapping
        What is known of its data, as `nbfinetune.runner.standing_by.describe` says it.
    tell : callable ()
        Called, from whatever thread, when `drawn` has changed.
    """

    def __init__(
        self, draft: Draft, told: Callable[[], Mapping[str, Any]], tell: Callable[[], None]
    ) -> None:
        self._draft, self._told, self._tell = draft, told, tell
        self._paces: Paces | None = None
        self._measure: SpeedMeasure | None = None

    def look(self) -> None:
        """Read what was measured on the draft's device before."""
        from nbfinetune.runner.speed_book import paces

        config = self._draft.config
        self._paces = paces(config.runner, config.training)

    def measure(self, names: Any) -> None:
        """Time models on the draft's device, at its batch and image size; returns at once.

        Raises
        ------
        ConfigError
            If there are no names or too many, or models are being measured.
        """
        from nbfinetune.runner.speed_measure import Measuring, SpeedMeasure

        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"the page sent {names!r} to be measured; a list of names is needed")
        if not 1 <= len(names) <= MOST:
            raise ConfigError(f"{len(names)} models are chosen; 1 to {MOST} are measured at a time")
        if self._measure is not None and self._measure.status == "running":
            raise ConfigError("models are being measured; cancel that first")
        config = self._draft.config
        how = Measuring(
            batch_size=config.training.batch_size,
            image_size=self._image_size(),
            classes=self._told().get("classes") or USUAL_CLASSES,
            device=config.runner.device,
            threads=config.runner.threads,
            trained=self._trained(),
        )
        self._measure = SpeedMeasure(names, how)
        self._measure.on_change(self._hear)
        self._measure.start()
        self._tell()

    def cancel(self) -> None:
        """Measure no more; what was measured is kept."""
        measure, self._measure = self._measure, None
        if measure is not None:
            measure.cancel()

    def pace(self, facts: ModelFacts) -> Pace | None:
        """How long a model takes for an image; None where nothing was measured on the device."""
        paces = self._paces
        return None if paces is None else paces.of(facts, self._task(facts.image_size))

    def drawn(self) -> dict[str, Any]:
        """What the page is told."""
        return {"speeds": self._measured(), "measuring": self._measuring()}

    def _measured(self) -> dict[str, float]:
        """Training images a second, at the task in hand, of what was measured in some task."""
        known = self._paces.measured if self._paces is not None else ()
        rows = catalogue() if known else ()
        paces = {row.name: self.pace(row) for row in rows if row.architecture in known}
        return {
            name: round(found.images_per_s, 1) for name, found in paces.items() if found is not None
        }

    def _measuring(self) -> dict[str, Any]:
        measure = self._measure
        if measure is None:
            return {}
        over = measure.status != "running"
        wrong = [f"{name}: {why}" for name, why in measure.errors.items() if over]
        return {
            "names": list(measure.names),
            "done": measure.progress[0],
            "now": measure.now,
            "error": measure.error or "; ".join(wrong),
        }

    def _hear(self) -> None:
        measure = self._measure
        if measure is not None and measure.results:
            self.look()
        self._tell()

    def _image_size(self) -> int | None:
        size: int | None = self._told().get("image_size") or self._draft.config.data.image_size
        return size

    def _task(self, own_size: int) -> Task:
        from nbfinetune.models.speed import Task

        config = self._draft.config
        size = self._image_size() or own_size
        return Task(size, config.training.batch_size, self._trained())

    def _trained(self) -> str:
        config = self._draft.config
        _, kept = epochs_on_kept_features(config)
        # Before it is thawed, too.
        return "head" if kept else choice_of(config.model) or "all"
