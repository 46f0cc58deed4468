"""What the self-tests of earlier runs won over the usual way, for estimates of later ones."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nbfinetune.engine import tuning_book
from nbfinetune.engine.tuning_book import Way
from nbfinetune.models.speed import Gain, Task, gained
from nbfinetune.records import StepTuned, TrainingConfig

if TYPE_CHECKING:
    from nbfinetune.runner.speed_book import Place

__all__ = ["chosen_ms", "gain_in", "gains", "way_in_words"]

_FACTS = 9
"""Of a key, besides the model's name."""

_OPEN = ("auto", "None")
"""Precision and memory format of a run that leaves them to the self-test."""


def way_in_words(found: StepTuned) -> str:
    """Precision, memory format and threads, as in "bf16, channels last, 2 threads"."""
    return Way(found.precision, found.channels_last, found.threads).words()


def chosen_ms(found: StepTuned) -> tuple[float, float] | None:
    """Milliseconds an image, in the way that was chosen and in the usual one."""
    times = found.ms_per_image
    # As many threads as torch takes by itself go without saying.
    by_itself = Way(found.precision, found.channels_last).words()
    took = times.get(way_in_words(found), times.get(by_itself))
    return None if took is None else (took, next(iter(times.values())))


def gains(
    place: Place, asked: TrainingConfig, threads: int | None = None
) -> dict[tuple[str, Task], Gain]:
    """What runs in a place win by what self-tests found there.

    Parameters
    ----------
    place : Place
    asked : TrainingConfig
        Its precision and memory format: what it leaves open is as the self-test chose.
    threads : int, optional
        As `runner.threads`.

    Returns
    -------
    dict
        By what `nbfinetune.models.speed.gained` calls a model and a task.
    """
    tests = _found(place, str(threads))
    return {about: gain for about, found in tests if (gain := gain_in(found, asked))}


def gain_in(found: StepTuned, asked: TrainingConfig) -> Gain | None:
    """What one self-test won, as far as the settings leave it open; None where that is nothing."""
    usual = next(iter(found.ms_per_image.values()), None)
    took, way = (chosen_ms(found) or (None,))[0], way_in_words(found)
    if asked.precision != "auto" or asked.channels_last is not None:
        open_ways = {ms: name for name, ms in found.ms_per_image.items() if _allows(asked, name)}
        took = min(open_ways, default=None)
        way = "" if took is None else open_ways[took]
    return Gain(took / usual, way) if took and usual and took != usual else None


def _allows(asked: TrainingConfig, way: str) -> bool:
    wanted = {True: "channels last", False: "channels first", None: ""}[asked.channels_last]
    return asked.precision in ("auto", way.partition(",")[0]) and wanted in way


def _found(place: Place, asked: str) -> Iterator[tuple[tuple[str, Task], StepTuned]]:
    """Findings of a place, by the key that `nbfinetune.engine.tuning.key_of` makes."""
    cpu = f"{platform.machine()} CPU, {place.threads} threads"
    hardware = cpu if place.device_type == "cpu" else place.device
    wanted = [hardware, place.torch, *_OPEN, asked]
    for key, found in tuning_book.everything().items():
        name, *facts = key.split("|")
        if len(facts) != _FACTS:  # written by another version
            continue
        total, trained, image_size, batch_size = map(int, facts[:4])
        device, torch, *rest = facts[4:]
        # The package's version does not say for which accelerator it was built.
        if [device, torch.partition("+")[0], *rest] != wanted:
            continue
        task = Task(image_size, batch_size, "all" if trained == total else "head")
        yield gained(name, task), found
