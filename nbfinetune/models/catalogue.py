"""What is known of every published model, out of one data file; no torch, no network.

`catalogue.csv` beside this module is written by `scripts/build_catalogue.py`.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from nbfinetune.errors import UnknownModel
from nbfinetune.models.model_facts import ModelFacts

__all__ = ["catalogue", "closest", "facts", "known", "made_with", "most_like", "plain"]

FILE = Path(__file__).with_name("catalogue.csv")
HUB_FILE = "model.safetensors"
WORTH_OFFERING = 0.5
_WORDS = ("name", "family", "kind", "pretraining", "license", "license_kind", "paper")
_WHOLE = (
    *("parameters", "macs", "activations", "saved_bytes", "weights_bytes"),
    *("image_size", "min_size"),
)
_MEASURED = ("top1", "top5", "gpu_images_per_s", "cpu_images_per_s")


@cache
def catalogue() -> tuple[ModelFacts, ...]:
    """Every row, by name: weights of timm and torchvision, and architectures that have none."""
    with FILE.open(encoding="utf-8", newline="") as lines:
        next(lines)
        return tuple(_facts(row) for row in csv.DictReader(lines))


def facts(name: str) -> ModelFacts:
    """What is known of a model.

    Parameters
    ----------
    name : str
        With a tag, those weights; without, the weights that the bare name means.

    Raises
    ------
    UnknownModel
        With the three closest names; also for a factory (`"package.module:function"`), of which
        nobody has published anything.
    """
    found = known(name)
    if found is None:
        raise UnknownModel(_unknown(name))
    return found


def known(name: str) -> ModelFacts | None:
    """What is known of a model, or None where the catalogue has no such name."""
    return _by_name().get(name)


def closest(name: str, count: int = 3) -> list[str]:
    """Names most like this one, best first.

    Spaces, hyphens and underscores count for nothing: `efficient net b0` finds `efficientnet_b0`.
    Of an architecture that is known, its weights are offered.

    Parameters
    ----------
    count : int
        How many at most.
    """
    architecture, _, tag = name.strip().partition(".")
    tagged = [row.name for row in catalogue() if row.architecture == architecture] if tag else []
    if tagged:
        return most_like(name, tagged, count)
    return most_like(architecture, sorted({row.architecture for row in catalogue()}), count)


def most_like(wanted: str, names: Iterable[str], count: int) -> list[str]:
    """Those of some names that are most like what was written, best first.

    Beginnings count as whole names do; what has little in common is not offered.
    """
    by_plain = {plain(name): name for name in names}
    sought = plain(wanted)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(sought)

    def likeness(name: str) -> float:
        # People type beginnings, so what a name goes on with should not count against it.
        ratios = []
        for piece in (name, name[: len(sought) + 1]):
            matcher.set_seq1(piece)
            ratios.append(matcher.ratio() if matcher.quick_ratio() > WORTH_OFFERING else 0.0)
        return max(ratios)

    longer = sorted((name for name in by_plain if sought and name.startswith(sought)), key=len)
    scored = sorted(((likeness(name), -len(name), name) for name in by_plain), reverse=True)
    near = [name for score, _, name in scored[:count] if score > WORTH_OFFERING]
    return [by_plain[name] for name in dict.fromkeys([*longer[:count], *near])][:count]


def plain(name: str) -> str:
    """A name without what people write in many ways: case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_\-]+", "", name.lower())


@cache
def made_with() -> dict[str, str]:
    """Versions of the libraries that the catalogue was built with, by name."""
    with FILE.open(encoding="utf-8") as lines:
        return dict(re.findall(r"(\w+)=(\S+)", next(lines)))


@cache
def _by_name() -> dict[str, ModelFacts]:
    rows = catalogue()
    return {row.architecture: row for row in rows if row.default} | {row.name: row for row in rows}


def _facts(row: dict[str, str]) -> ModelFacts:
    name = row["name"]
    architecture, _, tag = name.partition(".")
    hub = row["hub"]
    as_written: dict[str, Any] = {
        **{key: row[key] for key in _WORDS},
        **{key: int(row[key]) for key in _WHOLE},
        **{key: float(row[key]) if row[key] else None for key in _MEASURED},
    }
    return ModelFacts(
        architecture=architecture,
        default=row["default"] == "1",
        pretrained=bool(tag),
        other_sizes=row["other_sizes"] == "1",
        year=int(row["year"]) if row["year"] else None,
        # An owner alone stands for the repository that has the model's own name.
        hub_id=f"{hub}/{name}" if hub and "/" not in hub else hub,
        file=row["file"] or (HUB_FILE if hub else ""),
        **as_written,
    )


def _unknown(name: str) -> str:
    if ":" in name:
        return f"{name!r} is a function of your own, so nothing of it is in the catalogue"
    near = closest(name)
    offer = f"; closest: {', '.join(near)}" if near else ""
    return f"there is no model {name!r}{offer}"
