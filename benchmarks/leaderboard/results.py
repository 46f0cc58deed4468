"""RESULTS.md, made of what is kept."""

from __future__ import annotations

from pathlib import Path

import must_show
from contender import Contender
from kept import Kept, read
from race_sets import SETS, START, RaceSet
from table import breakdown, comparison, figures

HEAD = """\
# Results

What nbfinetune and its peers reach on the same photos, model, batch and threads; `make bench`
measures it and writes this page out of `results/*.json` ([how](README.md)).

Every round is a fresh process; contenders take turns, every other round in the reverse order.
Figures are medians over the rounds (least to most). Ratios are ratios of medians (least to most of
the rounds' own ratios; their middle half between the quartiles).
"""


def page(folder: Path) -> str:
    """The whole page, out of the JSON files of a folder."""
    kept = read(folder)
    parts = [HEAD, "## What is promised\n", must_show.lines(kept) + "\n"]
    parts += [section(SETS[key], kept[key]) for key in SETS if key in kept]
    return "\n".join(parts)


def section(race: RaceSet, kept: Kept) -> str:
    """One race: where and when, the tables, and what each contender does."""
    parts = [f"## {kept.title}\n"]
    if kept.skipped:
        return "\n".join([*parts, f"skipped: {kept.skipped}\n"])
    parts.append(facts(kept) + "\n")
    parts.append(figures(kept.outcomes, race.columns) + "\n")
    if race is START:
        parts.append(breakdown(kept.outcomes) + "\n")
    parts.append(comparison(kept.outcomes, race.columns) + "\n")
    parts.append("\n".join(notes(race.contenders, kept)) + "\n")
    return "\n".join(parts)


def facts(kept: Kept) -> str:
    """Where and when, and by which command."""
    versions = ", ".join(f"{name} {version}" for name, version in kept.versions.items())
    before, at_end = kept.load
    return (
        f"{kept.date}, {kept.machine}. {versions}. {kept.photos}. Rounds: {kept.rounds}, "
        f"minutes: {kept.minutes:.0f}, load {before:.1f} before and {at_end:.1f} at the end. "
        f"`{kept.command}`"
    )


def notes(contenders: tuple[Contender, ...], kept: Kept) -> list[str]:
    """What each contender does, and what it chose by itself."""
    told = []
    for one in contenders:
        rounds = kept.outcomes.get(one.name, [])
        ways = sorted({outcome.way for outcome in rounds if outcome.way})
        failures = [outcome.failed.strip().splitlines()[-1] for outcome in rounds if outcome.failed]
        chose = f" Chose: {'; '.join(ways)}." if ways else ""
        failed = f" Failed {len(failures)} times: {failures[0]}" if failures else ""
        if rounds:
            told.append(f"- **{one.name}**: {one.does}{chose}{failed}")
    return told
