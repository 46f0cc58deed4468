"""Which models fit what somebody wants, and which of them no other beats."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, TypeAlias, get_args

from nbfinetune.errors import ConfigError
from nbfinetune.models.catalogue import closest, plain
from nbfinetune.models.model_facts import Kind, LicenseKind, ModelFacts

__all__ = ["Filters", "pareto", "select", "why_none"]

Figure: TypeAlias = Callable[[ModelFacts], float | None]
_Test: TypeAlias = Callable[[ModelFacts], bool]


@dataclass(frozen=True)
class Filters:
    """What is wanted of a model; None says that anything goes.

    Parameters
    ----------
    pattern : str
        With wildcards, of the whole name (`resnet*`). Without, an architecture or a name, or a
        part of one, however it is spaced: `efficient net b0`.
    kind : {"cnn", "transformer", "hybrid", "mlp"}, optional
    family : str, optional
        As people call it, in any case: `ResNet`.
    license : str or collection of str, optional
        Kinds (`permissive`, `restricted`, `non-commercial`, `unknown`) or licences (`mit`).
    max_params_m : float, optional
        Millions of parameters at most.
    max_gmacs : float, optional
        Billions of multiply-accumulates at most, of an image of the model's own size.
    min_top1 : float, optional
        Percent of ImageNet-1k at least; what was never measured does not pass.
    image_size : int, optional
        Side in pixels that it must take.
    pretrained : bool, optional
        With published weights, or without.
    cached : bool, optional
        With weights in this machine's cache, or without.
    names : collection of str
        Names of what is in the cache, as `hub_cache.cached_names` finds them; for `cached`.

    Raises
    ------
    ConfigError
        If a kind, family or licence is none that the catalogue knows.
    """

    pattern: str = "*"
    kind: Kind | None = None
    family: str | None = None
    license: str | Collection[str] | None = None
    max_params_m: float | None = None
    max_gmacs: float | None = None
    min_top1: float | None = None
    image_size: int | None = None
    pretrained: bool | None = None
    cached: bool | None = None
    names: Collection[str] = frozenset()

    def set_ones(self) -> list[str]:
        """Names of the filters that let not everything through."""
        free = Filters()
        kept = [f.name for f in fields(self) if getattr(self, f.name) != getattr(free, f.name)]
        return [name for name in kept if name != "names"]

    def without(self, name: str) -> Filters:
        """The same filters but for one, which lets everything through."""
        return replace(self, **{name: getattr(Filters(), name)})

    def of(self, rows: Sequence[ModelFacts]) -> list[ModelFacts]:
        """Rows that pass, in their order."""
        tests = [self._test(name, rows) for name in self.set_ones()]
        return [row for row in rows if all(passes(row) for passes in tests)]

    def _test(self, name: str, rows: Sequence[ModelFacts]) -> _Test:
        if name == "pattern":
            return _named(self.pattern, rows)
        if name == "kind":
            _check("kind", str(self.kind), get_args(Kind))
        if name == "family":
            _check("family", str(self.family), {row.family for row in rows})
        if name == "license":
            for wanted in self._licenses:
                _check("license", wanted, {*get_args(LicenseKind), *(row.license for row in rows)})
        return lambda row: self._passes(name, row)

    def _passes(self, name: str, row: ModelFacts) -> bool:  # noqa: PLR0911 - one line a filter
        wanted: Any = getattr(self, name)
        if name == "family":
            return bool(row.family.lower() == wanted.lower())
        if name == "license":
            return not self._licenses.isdisjoint({row.license, row.license_kind})
        if name == "max_params_m":
            return bool(row.parameters <= wanted * 1e6)
        if name == "max_gmacs":
            return bool(0 < row.macs <= wanted * 1e9)
        if name == "min_top1":
            return row.top1 is not None and bool(row.top1 >= wanted)
        if name == "image_size":
            return takes(row, wanted)
        if name == "cached":
            return (row.name in self.names) is wanted
        return bool(getattr(row, name) == wanted)

    @cached_property
    def _licenses(self) -> set[str]:
        wanted = self.license or ()
        return {wanted.lower()} if isinstance(wanted, str) else {one.lower() for one in wanted}


def select(rows: Sequence[ModelFacts], pattern: str = "*", **filters: Any) -> list[ModelFacts]:
    """Rows that pass; the keywords are those of `Filters`."""
    return Filters(pattern, **filters).of(rows)


def why_none(rows: Sequence[ModelFacts], filters: Filters) -> str:
    """Sentence for filters that leave nothing: which one to drop, and how many are left then."""
    kept = filters.set_ones()
    left = {name: len(filters.without(name).of(rows)) for name in kept}
    asked = ", ".join(f"{name}={getattr(filters, name)!r}" for name in kept)
    helps = [f"without {name} there are {count}" for name, count in left.items() if count]
    remedy = "; ".join(helps) or "each of two filters or more leaves nothing; loosen several"
    if filters.pattern != Filters().pattern and not Filters(pattern=filters.pattern).of(rows):
        near = closest(filters.pattern.strip("*?"))
        remedy = f"closest names: {', '.join(near)}" if near else "no name is like it"
    return f"no model has {asked}; {remedy}"


def takes(row: ModelFacts, image_size: int) -> bool:
    """Whether a model can be trained on images of this side in pixels."""
    return row.image_size == image_size or (row.other_sizes and row.min_size <= image_size)


def pareto(rows: Iterable[ModelFacts], x: str | Figure, y: str | Figure) -> list[ModelFacts]:
    """Rows that no other beats: none has more of `y` for no more of `x`.

    Parameters
    ----------
    x, y : str or function
        Fields of `ModelFacts`, or functions of a row. Less of `x` is better (for a speed, pass
        its negative), more of `y` is. Rows without either are left out.

    Returns
    -------
    list of ModelFacts
        By `x`, each with more of `y` than the one before.
    """
    cost, gain = _figure(x), _figure(y)
    points = [(cost(row), gain(row), row) for row in rows]
    known = [(c, g, row) for c, g, row in points if c is not None and g is not None]
    front: list[ModelFacts] = []
    best = float("-inf")
    for _, has, row in sorted(known, key=lambda point: (point[0], -point[1])):
        if has > best:
            front.append(row)
            best = has
    return front


def _figure(of: str | Figure) -> Figure:
    return of if callable(of) else lambda row: getattr(row, of)


def _named(pattern: str, rows: Sequence[ModelFacts]) -> _Test:
    wanted = pattern.strip().lower()
    if re.search(r"[*?\[]", wanted):
        return lambda row: fnmatchcase(row.name.lower(), wanted)
    if any(wanted in (row.architecture, row.name.lower()) for row in rows):
        return lambda row: wanted in (row.architecture, row.name.lower())
    return lambda row: plain(wanted) in plain(row.name)


def _check(what: str, wanted: str, known: Collection[str]) -> None:
    by_plain = {name.lower(): name for name in sorted(known)}
    if wanted.lower() in by_plain:
        return
    near = difflib.get_close_matches(wanted.lower(), by_plain, n=3, cutoff=0.4) or by_plain
    offered = ", ".join(by_plain[name] for name in near)
    raise ConfigError(f"{what} is {wanted!r}, which the catalogue has not; take one of {offered}")
