"""The settings of the next run as a person types them: each looked at alone, refused in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import fields, replace

from nbfinetune.data.edits import merged
from nbfinetune.data.sources import Accepted, accept
from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.records import (
    Archive,
    Arrays,
    DataEdit,
    Files,
    FineTuneConfig,
    Folder,
    FolderPair,
    Idx,
    Named,
    Schedule,
)
from nbfinetune.runner.settings import AUTO, SECTIONS, SHORT, configure
from nbfinetune.schedules import Knots, check, default_lr
from nbfinetune.widgets.curve_settings import curve_values, with_value
from nbfinetune.widgets.fields import CURVE, FIELDS
from nbfinetune.widgets.typed import in_words, read, written

if TYPE_CHECKING:
    from nbfinetune.data.labelling import Rule

NOWHERE = Named(name="")
"""Stands for the data that nobody has named yet, so that the other settings can be looked at."""

_INSTEAD = {"freeze": ("none", "train_stages", None), "train_stages": (None, "freeze", "none")}
"""Settings that stand for each other: unless the one is so, the other becomes so."""


class Draft:
    """What the next run would be.

    Parameters
    ----------
    data
        As `fine_tune` takes it, or None where it is still to be named.
    settings : mapping
        Keywords of `fine_tune`.
    root, labels, groups : optional
        As `fine_tune` takes them.

    Attributes
    ----------
    accepted : Accepted or None
        The data, once there is some.
    config : FineTuneConfig
        What all accepted settings make; its source is `NOWHERE` while there is no data.
    preset : Schedule
        The newest curve that was not drawn by hand.

    Raises
    ------
    ConfigError, DataError
        As `fine_tune` raises them.
    """

    def __init__(
        self,
        data: Any,
        settings: Mapping[str, Any],
        root: str | None = None,
        *,
        labels: Rule | None = None,
        groups: Rule | None = None,
    ) -> None:
        self._root, self._rules = root, {"labels": labels, "groups": groups}
        self.accepted: Accepted | None = None
        if data is not None:
            self.accepted = accept(data, root=root, **self._rules)
        self.config = configure(self._source(), settings)
        self._wrong: dict[str, str] = {}
        self._found: tuple[FineTuneConfig, dict[str, str]] = (self.config, {})
        self._typed: dict[str, str] = {}
        self._values = flat(self.config)
        self.preset = self.config.schedule
        self._given_edits = self.config.data.edits
        self._own_rate = settings.get("lr") is not None or isinstance(
            settings.get("schedule"), Schedule
        )

    @classmethod
    def of(cls, config: FineTuneConfig, folder: Path) -> Draft:
        """Draft of a run like the one that lies in `folder`."""
        source = config.data.source
        if isinstance(source, (Arrays, Files)):
            # An absolute path stays as it is.
            source = replace(source, path=str(folder / source.path))
        draft = cls(None, {})
        # Taken as it is: the run must be shown even where its images have moved since.
        draft.accepted = Accepted(source, lambda _: None, config.model.name)
        draft._own_rate = True
        draft._settle(flat(config), config.schedule)
        return draft

    def set(self, name: str, raw: Any) -> str:
        """Take one setting as typed.

        Returns
        -------
        str
            What is wrong with it; empty where it was taken.
        """
        if name not in FIELDS:
            return f"there is no setting {name!r}"
        try:
            if name == "data":
                self._take_data(str(raw).strip())
            else:
                self._take(name, read(FIELDS[name], raw))
        except NbFinetuneError as error:
            self._typed[name] = str(raw)
            self._wrong[name] = in_words(str(error))
            return self._wrong[name]
        self._mend((name,))
        return ""

    def take(self, settings: Mapping[str, Any]) -> None:
        """Take several settings that belong together, as they are.

        Raises
        ------
        ConfigError
            If one of them makes no sense; none is taken then.
        """
        self._settle({**self._values, **settings}, self.config.schedule)
        self._mend(settings)

    def edit_images(self, edits: tuple[DataEdit, ...]) -> None:
        """Take what was changed about single images, on top of the edits that came as a keyword."""
        self._values["edits"] = merged(self._given_edits, edits)
        self.config = self._configured(self._values, self.config.schedule)

    def take_curve(self, schedule: Schedule, epochs: int) -> None:
        """Take a curve as it is, and how long it lasts.

        Raises
        ------
        ConfigError
            If they make no sense.
        """
        schedule = check(schedule)
        rated = schedule.lr != self.config.schedule.lr
        values = {**self._values, "epochs": epochs}
        self._settle({**values, "lr_search": "off"} if rated else values, schedule)
        self._own_rate = self._own_rate or rated
        self._mend((*CURVE, "epochs"))

    def refuse(self, config: FineTuneConfig, sentences: Mapping[str, str]) -> None:
        """Say of settings what only the worker's side could find out.

        Parameters
        ----------
        config : FineTuneConfig
            What it looked at: its findings do not outlive a change of that.
        sentences : mapping of str to str
            What is wrong, by setting.
        """
        self._found = (config, dict(sentences))

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by setting: with what was typed, and what the worker found of the rest."""
        config, found = self._found
        return {**(found if _alike(config, self.config) else {}), **self._wrong}

    @property
    def wrong(self) -> bool:
        """Whether something that was typed was refused; what the worker found does not count."""
        return bool(self._wrong)

    def missing(self) -> str:
        """What a run still needs before it can start; empty where nothing does."""
        if errors := self.errors:
            first = next(iter(errors))
            return f"{FIELDS[first].label}: {errors[first]}"
        if self.accepted is None:
            return "name a folder of images or a data set first"
        return ""

    def shown(self) -> dict[str, str | bool]:
        """Every setting as its control shows it; what was refused stands as it was typed."""
        values = {name: written(self._values.get(name)) for name in FIELDS}
        values["data"] = place_of(self.accepted.source) if self.accepted else ""
        if self.config.lr_search == "first":
            values["lr"] = AUTO
        return {**values, **self._typed}

    def hidden(self) -> list[str]:
        """Settings that the chosen curve does not have."""
        kind = self._values["schedule"]
        return [name for name, field in FIELDS.items() if field.curves and kind not in field.curves]

    def _mend(self, names: Iterable[str]) -> None:
        for name in names:
            self._typed.pop(name, None)
            self._wrong.pop(name, None)

    def _source(self) -> Any:
        return self.accepted.source if self.accepted else NOWHERE

    def _take_data(self, text: str) -> None:
        if not text:
            raise ConfigError("a folder or the name of a data set is needed")
        accepted = accept(text, root=self._root, **self._rules)
        before, self.accepted = self.accepted, accepted
        self._given_edits = ()
        try:
            self.config = self._configured(self._values, self.config.schedule)
        except NbFinetuneError:
            self.accepted = before
            raise

    def _take(self, name: str, value: Any) -> None:
        curve, values = self.config.schedule, {**self._values, name: value}
        if name in _INSTEAD and value != _INSTEAD[name][0]:
            values[_INSTEAD[name][1]] = _INSTEAD[name][2]
        if name == "lr":
            values["lr_search"] = "first" if value == AUTO else "off"
        if name in CURVE and value != AUTO:
            curve = with_value(curve, self.preset, name, value)
        if name == "optimizer" and not self._own_rate:
            curve = with_value(curve, self.preset, "lr", default_lr(str(value)))
        self._settle(values, curve)
        self._own_rate = self._own_rate or name == "lr"

    def _settle(self, values: Mapping[str, Any], curve: Schedule) -> None:
        self.config = self._configured(values, curve)
        self._values = flat(self.config)
        if not isinstance(curve, Knots):
            self.preset = curve

    def _configured(self, values: Mapping[str, Any], curve: Schedule) -> FineTuneConfig:
        rest = {name: value for name, value in values.items() if name not in CURVE}
        return configure(self._source(), {**rest, "schedule": curve})


def _alike(one: FineTuneConfig, other: FineTuneConfig) -> bool:
    """Whether the worker would find the same wrong with both; curves are looked at here."""
    return replace(one, schedule=other.schedule) == other


def flat(config: FineTuneConfig) -> dict[str, Any]:
    """Every setting of a config under its keyword, the curve's values among them."""
    values: dict[str, Any] = {"seed": config.seed, "lr_search": config.lr_search}
    for section, record in SECTIONS.items():
        for field in fields(record):
            if field.name != "source":
                key = section if field.name == SHORT.get(section) else field.name
                values[key] = getattr(getattr(config, section), field.name)
    return values | curve_values(config.schedule)


def place_of(source: Any) -> str:
    """Where a source lies, as its control shows it."""
    if isinstance(source, Named):
        return source.name
    if isinstance(source, FolderPair):
        return source.train
    if isinstance(source, (Folder, Idx, Archive)):
        return source.path
    return "files of a list" if isinstance(source, Files) else "arrays of this notebook"
