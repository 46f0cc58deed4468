"""Flat keywords, as people type them, to a `FineTuneConfig`."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import fields, replace

from nbfinetune.data.sources import Accepted, accept
from nbfinetune.errors import ConfigError
from nbfinetune.records import (
    AugmentConfig,
    DataConfig,
    EditRecord,
    FineTuneConfig,
    ModelConfig,
    OptimizerConfig,
    PruningConfig,
    RunnerConfig,
    ScheduleRecord,
    Source,
    TrainingConfig,
    checked,
)

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "data": DataConfig,
    "augment": AugmentConfig,
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "training": TrainingConfig,
    "pruning": PruningConfig,
    "runner": RunnerConfig,
}
SHORT = {"augment": "preset", "model": "name", "optimizer": "name", "pruning": "amount"}
"""Sections whose own keyword may be just this field: ``model="resnet50"``."""

OF_THE_DATA = ("labels", "groups", "root")
"""Keywords that say how the data are to be read."""

WHOLE_CALL = (*OF_THE_DATA, "replay", "trackers")
"""Keywords of `fine_tune` that are no settings of the run."""

OF_THE_CURVE = ("lr", "warmup")
"""Keywords that belong to the learning-rate curve."""

AUTO = "auto"
"""What `lr` may be instead of a number: the worker finds one before the first step."""


def _leaves() -> Iterator[tuple[str, str, msgspec.structs.FieldInfo]]:
    for section, record in SECTIONS.items():
        for field in fields(record):
            if field.name not in ("source", SHORT.get(section)):
                yield field.name, section, field


PLACE = {name: section for name, section, _ in _leaves()}
"""Section of each flat keyword."""


def accept_data(data: Any, settings: Mapping[str, Any]) -> tuple[Accepted, dict[str, Any]]:
    """Take what a user calls data by the keywords that say how to read it; gives the others, too.

    Raises
    ------
    ConfigError, DataError
        As `nbfinetune.data.accept` raises them.
    """
    rules = {name: settings.get(name) for name in OF_THE_DATA}
    rest = {name: value for name, value in settings.items() if name not in OF_THE_DATA}
    return accept(data, **rules), rest


def configure(source: Source, settings: Mapping[str, Any]) -> FineTuneConfig:
    """Config of a run out of flat keywords.

    Parameters
    ----------
    source : Source
        Where the images lie.
    settings : mapping
        Flat keywords (``epochs=3``), short ones (``model="resnet50"``), whole sections
        (``training=TrainingConfig(...)`` or a dict), ``schedule`` as a record or a name.

    Raises
    ------
    ConfigError
        Names the keyword or the value, and the closest that there is.
    """
    from nbfinetune.schedules import check

    flat = dict(settings)
    sections: dict[str, Any] = {}
    search = _search(flat)
    schedule = _schedule(flat)
    seed, planned = flat.pop("seed", 0), tuple(flat.pop("planned", ()))
    if "edits" in flat:
        flat["edits"] = _edits(flat["edits"])
    for section, record in SECTIONS.items():
        start = _section(section, record, flat.pop(section, None), source)
        changes = {name: flat.pop(name) for name in list(flat) if PLACE.get(name) == section}
        sections[section] = replace(start, **changes)
    if flat:
        raise ConfigError(_unknown(next(iter(flat))))
    config = FineTuneConfig(
        **sections, schedule=schedule, lr_search=search, planned=planned, seed=_plain(seed)
    )
    config = checked(_plain_numbers(config))
    check(config.schedule)
    _refuse_contradictions(config)
    return config


def adjusted(config: FineTuneConfig, settings: Mapping[str, Any]) -> FineTuneConfig:
    """`config` with some keywords set otherwise.

    Parameters
    ----------
    config : FineTuneConfig
    settings : mapping
        As for `configure`. A schedule by name keeps the learning rate of the one before.

    Raises
    ------
    ConfigError
        As `configure`.
    """
    flat = dict(settings)
    for section, field in SHORT.items():
        if _is_short(section, flat.get(section)):
            flat[section] = replace(getattr(config, section), **{field: flat[section]})
    if isinstance(flat.get("schedule"), str):
        flat.setdefault("lr", config.schedule.lr)
    kept = {name: getattr(config, name) for name in (*SECTIONS, "schedule", "seed", "planned")}
    if "lr" not in settings:
        kept["lr_search"] = config.lr_search
    return configure(config.data.source, {**kept, **flat})


def _section(
    section: str, record: type[msgspec.Struct], given: Any, source: Source
) -> msgspec.Struct:
    if isinstance(given, record):
        return given
    start = {"source": source} if section == "data" else {}
    if given is None:
        return record(**start)
    if isinstance(given, Mapping):
        try:
            return record(**start, **given)
        except TypeError as error:
            raise ConfigError(f"{section}={given!r}: {error}") from error
    if _is_short(section, given):
        return record(**{SHORT[section]: given})
    raise ConfigError(
        f"{section} is {given!r}; give "
        + (f"its {SHORT[section]}, " if section in SHORT else "")
        + f"a {record.__name__} or a dict of its fields"
    )


def _is_short(section: str, given: Any) -> bool:
    """Whether a section's keyword has just the field that it may be short for."""
    if section not in SHORT:
        return False
    is_text = isinstance(getattr(SECTIONS[section](), SHORT[section]), str)
    return isinstance(given, str if is_text else (int, float))


def _search(flat: dict[str, Any]) -> Any:
    """Whether the rate is to be found; then no `lr` is left in `flat`."""
    lr = flat.get("lr")
    if not isinstance(lr, str):
        return flat.pop("lr_search", "off")
    if lr != AUTO:
        raise ConfigError(
            f"lr is {lr!r}; give a number such as 1e-3; closest: {AUTO!r}, which has one found"
        )
    del flat["lr"]
    return flat.pop("lr_search", "first")


def _schedule(flat: dict[str, Any]) -> Any:
    from nbfinetune.schedules import default_lr, named

    given = flat.pop("schedule", None)
    values = {name: flat.pop(name) for name in OF_THE_CURVE if flat.get(name) is not None}
    for name in OF_THE_CURVE:
        flat.pop(name, None)
    values = {name: _plain(value) for name, value in values.items()}
    if isinstance(given, ScheduleRecord):
        return replace(given, **values)
    if given is not None and not isinstance(given, str):
        raise ConfigError(
            f"schedule is {given!r}; give a name such as 'cosine' or a record such as "
            "nbfinetune.schedules.Cosine(lr=1e-3, warmup=0.1)"
        )
    values.setdefault("lr", default_lr(_optimizer_name(flat.get("optimizer"))))
    if given is None:
        values.setdefault("warmup", 0.1)
    return named(given or "cosine", **values)


def _edits(given: Any) -> tuple[Any, ...]:
    if isinstance(given, (str, os.PathLike)):
        from nbfinetune.data.edits import load_edits

        return load_edits(given)
    edits = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    wrong = next((edit for edit in edits if not isinstance(edit, EditRecord)), None)
    if wrong is not None:
        raise ConfigError(
            f"edits: {wrong!r} is no edit; give Exclude(item=...), Relabel(item=..., label=...) "
            "and MoveTo(item=..., part='val') of nbfinetune.records, or the path of a file of edits"
        )
    return edits


def _optimizer_name(given: Any) -> str:
    if isinstance(given, Mapping):
        return str(given.get("name", OptimizerConfig().name))
    if isinstance(given, OptimizerConfig):
        return given.name
    return str(given or OptimizerConfig().name)


def _unknown(name: str) -> str:
    known = [*PLACE, *SECTIONS, *OF_THE_CURVE, "schedule", "planned", "seed"]
    known += [*OF_THE_DATA, "trackers", "wait"]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"closest: {', '.join(near)}" if near else "see help(nbfinetune.fine_tune)"
    return f"there is no setting {name!r}; {hint}"


def _plain(value: Any) -> Any:
    """Python's own number for numpy's, anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _plain_numbers(config: FineTuneConfig) -> FineTuneConfig:
    for section, record in SECTIONS.items():
        part = getattr(config, section)
        changes = {f.name: _plain(getattr(part, f.name)) for f in fields(record)}
        config = replace(config, **{section: replace(part, **changes)})
    return config


def _refuse_contradictions(config: FineTuneConfig) -> None:
    data, model, training = config.data, config.model, config.training
    if config.pruning.amount:
        from nbfinetune.pruning import asking  # and numpy, which the caller need not wait for

        asking.check(config.pruning, training.epochs)
    if model.train_stages is not None and model.freeze != "none":
        raise ConfigError(
            f"model.train_stages is {model.train_stages} and model.freeze is {model.freeze!r}: "
            "both say what is trained; give one of them"
        )
    if data.folds is not None and data.fold >= data.folds:
        raise ConfigError(
            f"data.fold is {data.fold}; with folds={data.folds} it is 0 to {data.folds - 1}"
        )
    if training.accumulate > training.batch_size:
        raise ConfigError(
            f"training.accumulate is {training.accumulate}, more than the {training.batch_size} "
            "images of a batch; raise batch_size"
        )


def signature() -> inspect.Signature:
    """Signature of `fine_tune` with every keyword and its default, for Shift-Tab and `help`."""
    only = inspect.Parameter.KEYWORD_ONLY
    keywords = [
        inspect.Parameter("model", only, default=ModelConfig().name),
        inspect.Parameter("epochs", only, default=TrainingConfig().epochs),
        inspect.Parameter("lr", only, default=None),
        inspect.Parameter("optimizer", only, default=OptimizerConfig().name),
        inspect.Parameter("schedule", only, default="cosine"),
        inspect.Parameter("warmup", only, default=0.1),
        inspect.Parameter("augment", only, default=AugmentConfig().preset),
        *(
            inspect.Parameter(name, only, default=field.default)
            for name, _, field in _leaves()
            if name != "epochs"
        ),
        inspect.Parameter("seed", only, default=0),
        *(inspect.Parameter(name, only, default=None) for name in WHOLE_CALL),
        inspect.Parameter("wait", only, default=False),
    ]
    data = inspect.Parameter("data", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    return inspect.Signature([data, *keywords])
