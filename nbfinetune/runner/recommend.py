"""Which models to try first on some data, on this device, in so much time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from nbfinetune.errors import ConfigError, DataError, ModelError, RunError
from nbfinetune.models.catalogue import catalogue, known
from nbfinetune.models.choosing import BytesOf, Situation, candidates, choose
from nbfinetune.models.estimate import facts_need
from nbfinetune.models.head_epochs import feature_views
from nbfinetune.models.hub_cache import cached_names, network
from nbfinetune.models.model_facts import ModelFacts
from nbfinetune.models.speed import Paces, Task
from nbfinetune.records import FineTuneConfig, ModelConfig
from nbfinetune.runner import standby
from nbfinetune.runner.durations import seconds_of, span
from nbfinetune.runner.recommendations import Recommendations, epochs, reasons
from nbfinetune.runner.settings import accept_data, configure
from nbfinetune.runner.speed_book import paces
from nbfinetune.runner.speed_measure import Measuring, SpeedMeasure
from nbfinetune.runner.speed_table import watch

__all__ = ["REFERENCES", "Search", "recommend", "recommended", "recommended_for"]

REFERENCES = ("mobilenetv3_large_100", "resnet18", "vit_tiny_patch16_224")
"""Measured where nothing was: depthwise convolutions, full ones, and attention."""

REFERENCE_S = 2.0
ON_THE_CPU = "the CPU"
"""How `nbfinetune.runner.standing_by.describe` calls it."""

License: TypeAlias = Literal["permissive"] | None
Watch: TypeAlias = Callable[[SpeedMeasure], None]


@dataclass(frozen=True, kw_only=True)
class Search:
    """How models are looked for.

    Parameters
    ----------
    budget_s : float, optional
        Seconds for all epochs.
    license : "permissive" or None
        None lets weights through whose licence restricts their use or is unknown.
    references : sequence of str
        What is measured first where fewer models than these were measured on the device.
    reference_s : float
        Seconds for each.
    watch : callable (SpeedMeasure), optional
        Starts that measurement and returns when it is over; default with a progress bar.
    """

    budget_s: float | None = None
    license: License = "permissive"
    references: Sequence[str] = REFERENCES
    reference_s: float = REFERENCE_S
    watch: Watch | None = None

    def __post_init__(self) -> None:
        if self.license not in ("permissive", None):
            raise ConfigError(
                f"license is {self.license!r}; 'permissive' or None (any licence) is meant"
            )


def recommend(
    data: Any,
    device: str = "auto",
    budget: str | float | None = None,
    *,
    epochs: int = 5,
    license: License = "permissive",  # noqa: A002 - what people call it
    **settings: Any,
) -> Recommendations:
    """Recommend three models for some data: a fast one, a balanced one, and the best in the time.

    Where nothing was measured on the device yet, three small models are measured first, for a few
    seconds each.

    Parameters
    ----------
    data
        As for `fine_tune`.
    device : str
        As `fine_tune(device=)`.
    budget : str or float, optional
        Time for all epochs: ``"10 min"``, ``"2 h"``, or seconds. Without one, a few minutes, ten
        and an hour are meant.
    epochs : int
        That will be trained.
    license : "permissive" or None
        None lets weights through whose licence restricts their use or is unknown.
    **settings
        Others of `fine_tune` that matter here: `labels`, `groups`, `root`, `val_split`, `threads`.

    Returns
    -------
    Recommendations
        Each with `role`, `name`, `why` and `settings`, keywords for `fine_tune`.

    Raises
    ------
    ConfigError, DataError
        If a value can't be, or the data can't be read.
    RunError
        If nothing can be measured.
    """
    search = Search(budget_s=seconds_of(budget), license=license)
    accepted, rest = accept_data(data, {**settings, "device": device, "epochs": epochs})
    config = configure(accepted.source, rest)
    with TemporaryDirectory(prefix="nbfinetune-") as folder:
        accepted.place(Path(folder))
        return recommended(config, Path(folder), search)


def recommended(
    config: FineTuneConfig, folder: Path | None = None, search: Search | None = None
) -> Recommendations:
    """Recommend models for a run whose data were accepted already.

    Parameters
    ----------
    config : FineTuneConfig
        Of the run; what it says of the model does not matter.
    folder : Path, optional
        Where arrays and lists of files of the data were placed.
    search : Search, optional

    Raises
    ------
    DataError
        If nothing is known of the images.
    ModelError
        If no model fits.
    RunError
        If nothing can be measured.
    """
    config = replace(config, model=ModelConfig())
    told = standby.prepare().describe(config, folder)
    if not told:
        raise RunError("the process that looks at the data went away; recommend again")
    return recommended_for(config, told, search or Search())


def recommended_for(
    config: FineTuneConfig, told: Mapping[str, Any], search: Search
) -> Recommendations:
    """The same where the data were looked at: `told` is of `nbfinetune.runner.standing_by`."""
    situation = _situation(config, told, search)
    pace_of, bytes_of = _paces(config, told, search).of, _bytes_of(config, told["device"])
    chosen = choose(candidates(catalogue(), situation, pace_of, bytes_of), situation)
    if not chosen:
        raise ModelError(_why_none(search))
    return Recommendations(reasons(chosen, situation), _said(situation, told, search))


def _situation(config: FineTuneConfig, told: Mapping[str, Any], search: Search) -> Situation:
    if "data_error" in told:
        raise DataError(told["data_error"])
    if not told.get("images"):
        raise DataError(
            f"how many images {config.data.source!r} has is known once they are downloaded; "
            "fine_tune once for an epoch, or pass a folder"
        )
    images: int = told["images"]
    val_images = round(config.data.val_split * images)
    side = told.get("image_size")
    usual = _usual_side(config)
    return Situation(
        images=images - val_images,
        val_images=val_images,
        classes=told["classes"],
        # Only images that are small, or a size that was asked for, make the worker choose another.
        image_size=side if side != usual else None,
        epochs=config.training.epochs,
        head_passes=feature_views(config) or None,
        budget_s=search.budget_s,
        available_bytes=(told.get("memory") or {}).get("available"),
        cached=cached_names(catalogue()),
        offline=network() == "offline",
        any_license=search.license is None,
    )


def _usual_side(config: FineTuneConfig) -> int | None:
    facts = known(config.model.name)
    return facts.image_size if facts else None


def _paces(config: FineTuneConfig, told: Mapping[str, Any], search: Search) -> Paces:
    runner = config.runner
    device = "cpu" if told["device"] == ON_THE_CPU else told["device"]
    place = replace(runner, device=device)
    found = paces(place, config.training)
    missing = [name for name in search.references if name not in found.measured]
    if len(found.measured) >= len(search.references) or not missing:
        return found
    how = Measuring(
        batch_size=config.training.batch_size,
        image_size=config.data.image_size,
        classes=told["classes"],
        device=runner.device,
        threads=runner.threads,
        seconds=search.reference_s,
    )
    measure = SpeedMeasure(missing, how)
    (search.watch or _with_a_bar)(measure)
    found = paces(place, config.training)
    if not found.models:
        why = "; ".join([measure.error, *measure.errors.values()]).strip("; ")
        raise RunError(f"no model could be measured on {told['device']}: {why or measure.status}")
    return found


def _with_a_bar(measure: SpeedMeasure) -> None:
    try:
        measure.start()
        watch(measure)
    finally:
        measure.cancel()


def _why_none(search: Search) -> str:
    said = ["no model of the catalogue fits into the memory that is free"]
    if search.license is not None:
        said.append("license=None lets those with other licences through")
    return "; ".join(said)


def _said(situation: Situation, told: Mapping[str, Any], search: Search) -> str:
    time = "without a time budget" if search.budget_s is None else f"in {span(search.budget_s)}"
    images = situation.images + situation.val_images
    here = "only weights in the cache are named" if situation.cached else "none is in the cache"
    return (
        f"For {images:,} images of {situation.classes} classes on {told['device']}, "
        f"{epochs(situation.epochs)} {time}."
        + f" The hub can't be reached: {here}."
        * situation.offline
    )


def _bytes_of(config: FineTuneConfig, device: str) -> BytesOf:
    on_cpu = device == ON_THE_CPU

    def needed(facts: ModelFacts, task: Task) -> int:
        need = facts_need(
            facts,
            task.image_size,
            task.trained,
            optimizer=config.optimizer.name,
            on_cpu=on_cpu,
            half=not on_cpu and config.training.precision != "fp32",
        )
        return need.at(task.batch_size)

    return needed
