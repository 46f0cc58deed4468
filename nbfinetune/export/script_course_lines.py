"""The lines of a script that have the course of a run: its curves, its edits, its prunings."""

from __future__ import annotations

import textwrap

from nbfinetune.export.script_plan import Plan
from nbfinetune.export.script_tables import WIDEST
from nbfinetune.export.script_values import by_step, constant, pieces

__all__ = ["VALUES", "course_lines", "is_edited", "prunings", "value_of"]

VALUES = ("weight_decay", "momentum", "l1", "clip_norm", "clip_weights")
"""Values of the optimizer that may change while it runs."""


def is_edited(plan: Plan) -> bool:
    """Whether curves or values were changed while the run trained."""
    course, optimizer = plan.course, plan.config.optimizer
    values = [constant(course, name, getattr(optimizer, name)) for name in VALUES]
    curves = len(course.rates) > 1
    return curves or (None in values and not course.momenta) or values.count(None) > 1


def course_lines(plan: Plan, *, stepwise: bool) -> list[str]:
    """The curves of the run, and what its prunings do.

    Parameters
    ----------
    stepwise : bool
        Whether values are told by optimizer step, rather than by a formula.
    """
    course = plan.course
    told = [curve.name for curve in course.rates[:1]]
    told += [f"from step {curve.since} on {curve.name}" for curve in course.rates[1:]]
    if stepwise:
        initial = {name: float(getattr(plan.config.optimizer, name)) for name in VALUES}
        found = by_step(course, initial, plan.steps, plan.last_step)
        lines = [_comment(f"Steps, and values there: {', '.join(told)}"), f"COURSE = {found!r}"]
    else:
        lines = [
            _comment(f"Parts of the run, rates there, and how it goes on: {', '.join(told)}"),
            f"RATES = {pieces(course.rates[0])!r}",
            *(f"MOMENTA = {pieces(curve)!r}" for curve in course.momenta),
            "",
            *_value_at(plan),
        ]
    rows = [row for row in prunings(plan) if row[0]]
    lines += [f"PRUNINGS = {rows!r}"] if len(rows) > 1 else []
    return [*lines, "", *_masks_of(plan)] if prunings(plan) else lines


def value_of(plan: Plan, name: str) -> str:
    """Python of a value of the optimizer: a number, or what is true at this step."""
    same = constant(plan.course, name, getattr(plan.config.optimizer, name))
    return f"now[{name!r}]" if same is None else repr(float(same))


def prunings(plan: Plan) -> list[tuple[object, ...]]:
    """Steps of prunings of single weights, and what goes then."""
    rows = [
        (step, float(f"{value[0]:.10g}"), *value[1:])
        for step, what, value in plan.course.rows
        if what == "prune"
    ]
    return [row[:2] for row in rows] if _is_plain(plan) else rows


def _is_plain(plan: Plan) -> bool:
    """Whether amounts of the whole network alone are asked for."""
    asked = [value for _, what, value in plan.course.rows if what == "prune"]
    return all(below is None and scope == "network" for _, below, scope in asked)


def _comment(text: str) -> str:
    return f"# {textwrap.shorten(text, WIDEST - 2, placeholder=' …')}"


def _value_at(plan: Plan) -> list[str]:
    kinds = {piece for c in (*plan.course.rates, *plan.course.momenta) for _, _, piece in c.points}
    log = ["    if how == 'log':", "        return low * (high / low) ** done"]
    bent = ["    done = (1 - math.cos(math.pi * done)) / 2 if how == 'cosine' else done"]
    return [
        "def value_at(pieces, step):",
        "    part = min(step / (STEPS * EPOCHS), 1.0)",
        "    at, end, low, high, how = [one for one in pieces if one[0] <= part + 1e-9][-1]",
        "    done = max((part - at) / (end - at), 0.0)",
        *(log if "log" in kinds else []),
        *(bent if "cosine" in kinds else []),
        "    return low + (high - low) * done",
    ]


def _masks_of(plan: Plan) -> list[str]:
    plain = _is_plain(plan)
    head = tuple(f"{name}." for name in plan.first.head)
    return [
        f"def masks_of(model, amount{'' if plain else ', below, scope'}):  # small weights go",
        "    sizes = {name: p.detach().abs() for name, p in model.named_parameters()",
        f"             if p.ndim > 1 and not f'{{name}}.'.startswith({head!r})}}",
        *(f"    {line}" for line in (_OF_ALL if plain else _OF_EACH)),
    ]


_OF_ALL = (
    "ranks = torch.cat([w.flatten() for w in sizes.values()]).argsort(stable=True).argsort()",
    "stays = (ranks >= round(amount * len(ranks))).split([w.numel() for w in sizes.values()])",
    "return {name: part.view_as(sizes[name]) for name, part in zip(sizes, stays)}",
)
_OF_EACH = (
    "masks = {}",
    "for names in [list(sizes)] if scope == 'network' else [[name] for name in sizes]:",
    "    every = torch.cat([sizes[name].flatten() for name in names])",
    "    ranks = every.argsort(stable=True).argsort()",
    "    stays = every >= below if below else ranks >= round(amount * len(ranks))",
    "    parts = stays.split([sizes[name].numel() for name in names])",
    "    masks |= {name: part.view_as(sizes[name]) for name, part in zip(names, parts)}",
    "return masks",
)
