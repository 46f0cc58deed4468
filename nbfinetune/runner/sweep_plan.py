"""What a sweep compares: a record that outlives the kernel, and its words for Optuna."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import Struct

from nbfinetune.errors import ConfigError
from nbfinetune.records import FineTuneConfig, Schedule, ScheduleRecord
from nbfinetune.runner.settings import adjusted

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

TRIALS = 10
"""Runs of a sweep over a space, where nobody says how many."""

LOG_FROM = 10.0
"""A range whose ends differ by this factor is searched by orders of magnitude."""


class Choices(Struct, frozen=True, forbid_unknown_fields=True, tag="choices"):
    """Any of some values: numbers, words, or curves."""

    values: tuple[Any, ...]

    def distribution(self) -> BaseDistribution:
        """The same for Optuna, which knows numbers and words."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.label(n) for n in range(len(self.values))])

    def label(self, number: int) -> Any:
        """A value, or what stands for it where it is more than a number or a word."""
        value = self.values[number]
        return f"{number}: {value['kind']}" if isinstance(value, dict) else value

    def value(self, label: Any) -> Any:
        """The setting that a label stands for."""
        value = next(v for n, v in enumerate(self.values) if self.label(n) == label)
        return msgspec.convert(value, Schedule) if isinstance(value, dict) else value

    def samples(self) -> Iterator[Any]:
        """What must work for all to work."""
        return (self.value(self.label(number)) for number in range(len(self.values)))


class Range(Struct, frozen=True, forbid_unknown_fields=True, tag="range"):
    """Anything from `low` to `high`, both included."""

    low: float
    high: float
    log: bool
    whole: bool

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, number: Any) -> Any:
        """The setting itself."""
        return number

    def samples(self) -> Iterator[Any]:
        """What must work for all to work."""
        ends = (self.low, self.high)
        return (int(end) if self.whole else end for end in ends)


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """A sweep.

    Parameters
    ----------
    config : FineTuneConfig
        What all its runs have in common.
    space : dict of str to Choices or Range
        By keyword of `fine_tune`.
    trials : int
        Runs.
    each : bool
        Every choice of the one keyword gets its run, in their order; else Optuna draws.
    """

    config: FineTuneConfig
    space: dict[str, Choices | Range]
    trials: int
    each: bool

    def config_of(self, params: Mapping[str, Any]) -> FineTuneConfig:
        """Config of the run with these values, as Optuna gives them."""
        values = {name: self.space[name].value(value) for name, value in params.items()}
        return adjusted(self.config, values)

    def first_params(self) -> list[dict[str, Any]]:
        """What is tried before Optuna draws: every choice, where there is but one keyword."""
        if not self.each:
            return []
        ((name, choices),) = self.space.items()
        assert isinstance(choices, Choices)  # noqa: S101 - `plan_of` made it so
        return [{name: choices.label(number)} for number in range(len(choices.values))]


Dimension: TypeAlias = "Choices | Range"


def plan_of(
    config: FineTuneConfig,
    lrs: Sequence[Any] | None,
    schedules: Sequence[Any] | None,
    space: Mapping[str, Any] | None,
    trials: int | None,
) -> Plan:
    """Plan out of what a person typed, after a look at every value in it.

    Raises
    ------
    ConfigError
        Names the keyword and the value.
    """
    given = {"lrs": lrs, "schedules": schedules, "space": space}
    named = [name for name, values in given.items() if values is not None]
    if len(named) != 1:
        got = " and ".join(named) or "none of them"
        raise ConfigError(f"a sweep compares lrs=, schedules= or space=; {got} was given")
    if space is not None:
        return _drawn(config, space, trials)
    if trials is not None:
        raise ConfigError(f"trials={trials!r} goes with space=; every one of {named[0]} is run")
    name, values = ("lr", lrs) if lrs is not None else ("schedule", schedules)
    choices = _choices(name, values or ())
    _check(config, name, choices)
    return Plan(config, {name: choices}, len(choices.values), each=True)


def _drawn(config: FineTuneConfig, space: Mapping[str, Any], trials: int | None) -> Plan:
    if not space:
        raise ConfigError("space is empty; give something like {'lr': (1e-4, 1e-1)}")
    if trials is not None and trials < 1:
        raise ConfigError(f"trials is {trials!r}; at least 1 is needed")
    dimensions = {name: _dimension(name, given) for name, given in space.items()}
    for name, dimension in dimensions.items():
        _check(config, name, dimension)
    return Plan(config, dimensions, TRIALS if trials is None else trials, each=False)


def _dimension(name: str, given: Any) -> Dimension:
    if isinstance(given, tuple) and len(given) == 2 and all(map(_is_number, given)):
        low, high = given
        if not low < high:
            raise ConfigError(f"space[{name!r}] is {given!r}; the first end must be the lower one")
        whole = isinstance(low, int) and isinstance(high, int)
        return Range(float(low), float(high), log=low > 0 and high / low >= LOG_FROM, whole=whole)
    if isinstance(given, list):
        return _choices(f"space[{name!r}]", given)
    raise ConfigError(
        f"space[{name!r}] is {given!r}; give a range as a tuple (1e-4, 1e-1) or choices as a list"
    )


def _choices(name: str, values: Sequence[Any]) -> Choices:
    plain = [v.item() if hasattr(v, "item") else v for v in values]
    records = tuple(msgspec.to_builtins(v) if isinstance(v, ScheduleRecord) else v for v in plain)
    if not records:
        raise ConfigError(f"{name} is empty; give at least one value to try")
    for value in records:
        if not isinstance(value, (dict, str, int, float, bool, type(None))):
            raise ConfigError(f"{name} has {value!r}; give numbers, words or schedules")
    if len({str(value) for value in records}) < len(records):
        raise ConfigError(f"{name} has a value twice: {list(values)!r}")
    return Choices(records)


def _check(config: FineTuneConfig, name: str, dimension: Dimension) -> None:
    for value in dimension.samples():
        adjusted(config, {name: value})


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
