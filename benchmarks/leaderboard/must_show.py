"""What nbfinetune promises of its speed, each line with the figure that was reached."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contender import LIMIT, LIVE, OURS, TEXTBOOK
from kept import Kept
from outcome import Figure, accuracy, first_epoch, first_step, import_s, peak, steady, trained_s
from race import Outcomes
from race_sets import (
    FROZEN,
    MOBILENET,
    REACHED,
    RESNET,
    RESNET_HALF,
    SETS,
    START,
    TRANSFER,
    RaceSet,
)
from table import median, ratio

PEERS = {one.name for race in SETS.values() for one in race.contenders if one.rival}
CHEAPER = 200
"""Times, at least, that an epoch of the head on kept features costs less than the backbone."""
HARDLY_MORE = (1 + 99 / CHEAPER) / (1 + 9 / CHEAPER)
"""Of the time of 10 epochs, for 100, of which the first alone runs the backbone."""
A_POINT = 0.01

Shown = tuple[str, bool | None]
"""The figure in words, and whether the promise is kept; None where nothing was promised."""


@dataclass(frozen=True)
class Promise:
    """One line.

    Parameters
    ----------
    words : str
    race : RaceSet
        That shows it.
    look : callable
        Gives what the outcomes show.
    """

    words: str
    race: RaceSet
    look: Callable[[Outcomes], Shown]


def lines(kept: Mapping[str, Kept]) -> str:
    """Markdown: a row for each promise, with the figure and whether it is met."""
    rows = ["| promised | reached | |", "| --- | --- | --- |"]
    for promise in PROMISES:
        figure, verdict = _shown(promise, kept.get(promise.race.key))
        rows.append(f"| {promise.words} | {figure} | {verdict} |")
    return "\n".join(rows)


def _shown(promise: Promise, kept: Kept | None) -> tuple[str, str]:
    if kept is None or kept.skipped:
        return f"`{promise.race.key}` {kept.skipped if kept else 'was not run'}", "not shown"
    try:
        figure, met = promise.look(kept.outcomes)
    except KeyError as missing:
        return f"{missing.args[0]} did not take part in `{promise.race.key}`", "not shown"
    return figure, {True: "**met**", False: "**not met**", None: ""}[met]


def _at_least(least: float, other: str, figure: Figure) -> Callable[[Outcomes], Shown]:
    def look(outcomes: Outcomes) -> Shown:
        found = ratio(outcomes[OURS.name], outcomes[other], figure)
        return str(found), found.value >= least

    return look


def _over_best_peer(least: float | None) -> Callable[[Outcomes], Shown]:
    def look(outcomes: Outcomes) -> Shown:
        name = best_peer(outcomes, steady)
        found = ratio(outcomes[OURS.name], outcomes[name], steady)
        met = None if least is None else found.value >= least
        return f"{found}, over {name}", met

    return look


def best_peer(outcomes: Outcomes, figure: Figure, *, least: bool = False) -> str:
    """Whose median is the highest, or the lowest; who has none is last.

    Raises
    ------
    KeyError
        If no peer took part.
    """
    known = {name: median(outcomes[name], figure) for name in outcomes if name in PEERS}
    there = {name: value for name, value in known.items() if not math.isnan(value)}
    if not there:
        raise KeyError("A peer that got there")
    return (min if least else max)(there, key=lambda name: there[name])


def _first_epoch(outcomes: Outcomes) -> Shown:
    found = ratio(outcomes[OURS.name], outcomes[TEXTBOOK.name], first_epoch)
    return str(found), found.low >= 1.0


def _accuracy(outcomes: Outcomes) -> Shown:
    ours, theirs = ([accuracy(one) for one in outcomes[n]] for n in (OURS.name, TEXTBOOK.name))
    spread = max(max(values) - min(values) for values in (ours, theirs))
    middle = [median(outcomes[name], accuracy) for name in (OURS.name, TEXTBOOK.name)]
    figure = f"{middle[0]:.3f}, textbook loop {middle[1]:.3f}, seeds spread by {spread:.3f}"
    return figure, middle[0] >= middle[1] - spread


def _reached(outcomes: Outcomes) -> Shown:
    seconds = REACHED.figure
    name = best_peer(outcomes, seconds, least=True)
    found = ratio(outcomes[OURS.name], outcomes[name], seconds)
    ours, theirs = (median(outcomes[one], seconds) for one in (OURS.name, name))
    return f"{ours:.0f} s, {name} {theirs:.0f} s: {found}", found.value <= 1 / 2


def _frozen(outcomes: Outcomes) -> Shown:
    each = "nbfinetune, backbone each epoch"
    found = ratio(outcomes[each], outcomes[OURS.name], trained_s)
    apart = median(outcomes[OURS.name], accuracy) - median(outcomes[each], accuracy)
    met = found.value >= 8 and abs(apart) <= A_POINT
    return f"{found} times as fast, accuracy {apart:+.3f}", met


def _frozen_by_textbook(outcomes: Outcomes) -> Shown:
    return f"{ratio(outcomes[TEXTBOOK.name], outcomes[OURS.name], trained_s)} times as fast", None


def _augmented(outcomes: Outcomes) -> Shown:
    each, kept = "nbfinetune, augmented, backbone each epoch", "nbfinetune, augmented"
    found = ratio(outcomes[each], outcomes[kept], trained_s)
    apart = median(outcomes[kept], accuracy) - median(outcomes[each], accuracy)
    return f"{found} times as fast, accuracy {apart:+.3f}", None


def _hundred(outcomes: Outcomes) -> Shown:
    found = ratio(outcomes["nbfinetune, 100 epochs"], outcomes[OURS.name], trained_s)
    return f"{found} times as long", found.value <= HARDLY_MORE


def _first_step(outcomes: Outcomes) -> Shown:
    name = best_peer(outcomes, first_step, least=True)
    ours, theirs = (median(outcomes[one], first_step) for one in (OURS.name, name))
    return f"{ours:.2f} s; soonest of the others: {name}, {theirs:.2f} s", ours < theirs


def _import(outcomes: Outcomes) -> Shown:
    seconds = median(outcomes[OURS.name], import_s)
    return f"{seconds:.3f} s", seconds < 0.3


def _memory(outcomes: Outcomes) -> Shown:
    found = ratio(outcomes[OURS.name], outcomes[TEXTBOOK.name], peak)
    return f"{found} of the textbook loop's", found.value <= 1.1


def _live(outcomes: Outcomes) -> Shown:
    return str(ratio(outcomes[LIVE.name], outcomes[OURS.name], steady)), None


PROMISES = (
    Promise(
        "MobileNetV3-small, 128 px: at least 0.97 of the limit from the second epoch on",
        MOBILENET,
        _at_least(0.97, LIMIT.name, steady),
    ),
    Promise("... at least 2.0 times the best peer's images/s", MOBILENET, _over_best_peer(2.0)),
    Promise("... never slower than the textbook loop in epoch 1", MOBILENET, _first_epoch),
    Promise("... with the live widget over without", MOBILENET, _live),
    Promise(
        "ResNet-18, 224 px: at least 0.97 of the limit", RESNET, _at_least(0.97, LIMIT.name, steady)
    ),
    Promise("... at least 2.0 times the best peer's images/s", RESNET, _over_best_peer(2.0)),
    Promise("... over the best peer in its own bf16", RESNET_HALF, _over_best_peer(None)),
    Promise("... accuracy within the spread of seeds", RESNET, _accuracy),
    Promise("85 % in at most half of the best peer's time", TRANSFER, _reached),
    Promise(
        "head on a frozen backbone, photos not decoded before: 10 epochs at least 8 times as fast "
        "as with the backbone in each, accuracy within a point",
        FROZEN,
        _frozen,
    ),
    Promise("... as the textbook loop, which runs it in each too", FROZEN, _frozen_by_textbook),
    Promise("... the same with crops and flips, four views", FROZEN, _augmented),
    Promise(
        f"... 100 epochs take hardly longer than 10 (up to {HARDLY_MORE:.2f} times)",
        FROZEN,
        _hundred,
    ),
    Promise("first step sooner after the process's start than every peer's", START, _first_step),
    Promise("`import nbfinetune` and `nf.fine_tune` in less than 0.3 s", START, _import),
    Promise("peak memory at most 1.1 times the textbook's: MobileNetV3-small", MOBILENET, _memory),
    Promise("... ResNet-18", RESNET, _memory),
)
