"""What of a model's prunings is measured, in its order, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np

from nbfinetune.engine.assemble import Parts
from nbfinetune.engine.pruning_study import Bench, images_in, known
from nbfinetune.errors import ConfigError, NbFinetuneError
from nbfinetune.evaluation.forward_times import ROUNDS
from nbfinetune.pruning.board import MOST, Scores, WholeModel
from nbfinetune.pruning.prediction import Measured, Timed, macs_by_time, next_amount
from nbfinetune.pruning.structure_record import to_record
from nbfinetune.records import PruningConfig, encode

Records: TypeAlias = Iterator[Mapping[str, Any]]

GLANCES = (0.5, 0.25, 0.75)
"""Parts of what can go at most, of which few images give a first idea."""

STEP_BACK = 0.1
"""By how much less is tried where an amount can't go."""

TIMED_PARTS = (0.25, 0.5, 0.75, 1.0)
"""Parts of the multiply-accumulates that can go, which are timed before times are a target."""


class Course:
    """Measures piece by piece, the most telling first; between two pieces it may be left.

    Every piece is a record: ``progress`` (a sentence), ``whole``, ``structure``, ``scores``, a
    ``point``, a ``sensitivity``, what was ``timed``, or a ``note`` why it was not.

    Parameters
    ----------
    bench : Bench
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._wishes = PruningConfig()
        self._whole = 0.0
        self._wholes: dict[int, WholeModel] = {}
        self._scores: dict[str, Scores] = {}
        self._points: dict[bytes, dict[float, Measured]] = {}
        self._sensitivities: dict[str, float] = {}
        self._timed: list[Timed] = []

    # ---- accuracies ----

    def profile(self, wishes: PruningConfig) -> Records:
        """Everything that is to be known of some wishes."""
        bench, self._wishes = self._bench, wishes
        judged = wishes.criterion in self._scores or wishes.method == "unstructured"
        parts = bench.thorough() if judged else bench.glance()
        yield self._whole_by(parts)
        if wishes.method != "unstructured":
            yield {"progress": "looking for what can be removed"}
            yield {"structure": to_record(bench.structure)}
        if not judged:
            yield from self._glanced(wishes, parts)
            parts = bench.thorough()
            yield {"progress": "judging channels"}
            self._scores[wishes.criterion] = bench.judged(parts, wishes)
            yield self._whole_by(parts)
        yield from self._curve(wishes, parts)
        if wishes.method == "structured":
            yield from self._layers(wishes)

    def _whole_by(self, parts: Parts) -> Mapping[str, Any]:
        images = images_in(parts)
        if images not in self._wholes:
            self._wholes[images] = self._bench.whole(parts)
        self._whole = self._wholes[images].accuracy
        return {"whole": asdict(self._wholes[images])}

    def _glanced(self, wishes: PruningConfig, parts: Parts) -> Records:
        """A first idea by few images."""
        scores = self._bench.judged(parts, wishes)
        yield _told(scores)
        draft = self._bench.draft(scores, wishes)
        for done, part in enumerate(GLANCES, start=1):
            amount = part * draft.most(wishes.target)
            point = self._bench.point(parts, wishes, draft, amount)
            yield {"point": asdict(point), "progress": f"{done} positions seen on few images"}

    def _curve(self, wishes: PruningConfig, parts: Parts) -> Records:
        """Points where they tell most first."""
        draft, most = None, MOST
        if wishes.method != "unstructured":
            scores = self._scores[wishes.criterion]
            yield _told(scores)
            draft = self._bench.draft(scores, wishes)
            most = draft.most(wishes.target)
        # By what was asked for: a narrow network meets an amount only about.
        points = self._points.setdefault(encode(wishes), {})
        for point in points.values():
            yield {"point": asdict(point)}
        while True:
            yield {"progress": f"{len(points)} positions measured"}
            rows = [(asked, point.accuracy) for asked, point in points.items()]
            amount = next_amount([(0.0, self._whole), *rows], most)
            if amount is None:
                return
            try:
                points[amount] = self._bench.point(parts, wishes, draft, amount)
            except ConfigError:  # whole blocks leave less that could go than channels alone
                most = amount - STEP_BACK
                if most <= 0:
                    raise
                continue
            yield {"point": asdict(points[amount])}

    def _layers(self, wishes: PruningConfig) -> Records:
        """Each layer alone, half of it gone."""
        bench, parts = self._bench, self._bench.few()
        groups, scores = bench.structure.groups, self._scores[wishes.criterion]
        whole = known(parts.model, parts)
        for place, group in enumerate(groups):
            if group.name not in self._sensitivities:
                removed = np.zeros(len(groups), np.int64)
                removed[place] = group.units // 2
                left = known(bench.without(parts, scores, removed), parts)
                self._sensitivities[group.name] = whole - left
            yield {
                "sensitivity": {group.name: self._sensitivities[group.name]},
                "progress": f"{place + 1} of {len(groups)} layers tried by themselves",
            }

    # ---- times ----

    def times(self, amount: float, target: str) -> Records:
        """The model before and after by turns, as it would be with the wishes of the profile."""
        try:
            yield from self._times(amount, target)
        except NbFinetuneError as error:
            yield {"note": f"the time was not measured: {error}"}

    def _times(self, amount: float, target: str) -> Records:
        wishes, bench = self._wishes, self._bench
        if wishes.method == "unstructured":
            raise ConfigError("zeros make a layer no faster; take method 'structured' or 'depth'")
        parts = bench.glance()
        scores = self._scores.get(wishes.criterion)
        draft = bench.draft(bench.judged(parts, wishes) if scores is None else scores, wishes)
        goes, along = amount, target
        if target == "latency":
            for part in () if self._timed else TIMED_PARTS:
                goes = part * draft.most("macs")
                smaller, point = bench.smaller(parts, wishes, draft, goes, "macs")
                yield self._time(Timed("macs", goes, point.amount, 1, *bench.times(smaller, 1)))
            [goes], along = macs_by_time(self._timed, np.array([amount])).tolist(), "macs"
        smaller, point = bench.smaller(parts, wishes, draft, goes, along)
        for batch in ROUNDS:
            yield {"progress": f"timing {batch} {'image' if batch == 1 else 'images'} at a time"}
            yield self._time(
                Timed(target, amount, point.amount, batch, *bench.times(smaller, batch))
            )

    def _time(self, timed: Timed) -> Mapping[str, Any]:
        self._timed.append(timed)
        return {"timed": asdict(timed)}


def _told(scores: Scores) -> Mapping[str, Any]:
    return {"scores": {name: values.tolist() for name, values in scores.items()}}
