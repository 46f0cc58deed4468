"""The lines of a script that have a run's curves, and what was changed while it trained."""

from __future__ import annotations

import itertools

from nbfinetune.export.script_course import Curve
from nbfinetune.export.script_plan import Plan

__all__ = ["changed", "course_lines", "prunes", "sets_momentum"]


def course_lines(plan: Plan) -> list[str]:
    """The curves of the run, and the edits that were made."""
    course = plan.course
    lines = ["# Since which step, epochs of the run, pieces: parts of the run, rates, and how."]
    lines += ["RATES = [", *(f"    {_curve(c)},  # {c.name}" for c in course.rates), "]"]
    if course.momenta:
        lines += ["MOMENTA = [", *(f"    {_curve(c)}," for c in course.momenta), "]"]
    if course.rows:
        lines += ["# After which step, what is changed, and to what."]
        lines += [f"EDITS = {list(course.rows)!r}"]
    lines += ["", *_value_at(plan)]
    if sets_momentum(plan):
        lines += ["", *_SET_MOMENTUM]
    return [*lines, "", *_edit_lines(plan)] if course.rows else lines


def changed(plan: Plan) -> set[str]:
    """What was changed while the run trained."""
    return {what for _, what, _ in plan.course.rows}


def prunes(plan: Plan) -> bool:
    """Whether weights are held at zero."""
    return "prune" in changed(plan)


def sets_momentum(plan: Plan) -> bool:
    """Whether the momentum changes."""
    return bool(plan.course.momenta) or "momentum" in changed(plan)


def _curve(curve: Curve) -> str:
    pieces = [
        (at, end, low, high, piece)
        for (at, low, piece), (end, high, _) in itertools.pairwise(curve.points)
        if end > at
    ]
    first, last = curve.points[0], curve.points[-1]
    if not pieces or first[0] > 0:
        pieces.insert(0, (0.0, first[0] or 1.0, first[1], first[1], "linear"))
    if last[0] < 1.0:
        pieces.append((last[0], 1.0, last[1], last[1], "linear"))
    return f"({curve.since}, {curve.epochs}, {pieces!r})"


def _value_at(plan: Plan) -> list[str]:
    kinds = {piece for c in (*plan.course.rates, *plan.course.momenta) for _, _, piece in c.points}
    log = ["    if how == 'log':", "        return low * (high / low) ** done"]
    bent = ["    done = (1 - math.cos(math.pi * done)) / 2 if how == 'cosine' else done"]
    return [
        "def value_at(curves, step):",
        "    _, epochs, pieces = [curve for curve in curves if curve[0] <= step][-1]",
        "    part = min(step / (STEPS * epochs), 1.0)",
        "    at, end, low, high, how = [one for one in pieces if one[0] <= part + 1e-9][-1]",
        "    done = max((part - at) / (end - at), 0.0)",
        *(log if "log" in kinds else []),
        *(bent if "cosine" in kinds else []),
        "    return low + (high - low) * done",
    ]


_SET_MOMENTUM = (
    "def set_momentum(optimizer, value):",
    "    for group in optimizer.param_groups:",
    "        betas = {'betas': (value, *group.get('betas', (0, 0))[1:])}",
    "        group.update(betas if 'betas' in group else {'momentum': value})",
)


def _edit_lines(plan: Plan) -> list[str]:
    kinds = changed(plan)
    lines = ["def edit(what, value, model, optimizer):"]
    if kinds & {"l1", "clip_norm", "clip_weights"}:
        lines += ["    LIVE.update({what: value} if what in LIVE else {})"]
    if "weight_decay" in kinds:
        lines += ["    for group in optimizer.param_groups if what == 'weight_decay' else []:"]
        lines += ["        group['weight_decay'] = value * group['decays']"]
    if "momentum" in kinds:
        lines += ["    if what == 'momentum':", "        set_momentum(optimizer, value)"]
    if "unfreeze" in kinds and plan.first.frozen:
        lines += [
            "    if what == 'unfreeze':",
            "        FROZEN.clear()",
            "        train_mode(model)",
        ]
    if "prune" in kinds:
        lines += _pruning(plan)
    return lines if len(lines) > 1 else [*lines, "    pass"]


def _pruning(plan: Plan) -> list[str]:
    asked = [value for _, what, value in plan.course.rows if what == "prune"]
    plain = all(below is None and scope == "network" for _, below, scope in asked)
    return [
        "    if what == 'prune':  # the smallest weights become zero, and stay so",
        "        weights = {name: p.detach().abs() for name, p in model.named_parameters()",
        f"                   if p.ndim > 1 and not under(name, {plan.first.head!r})}}",
        *(f"        {line}" for line in (_OF_ALL if plain else _OF_EACH)),
    ]


_OF_ALL = (
    "every = torch.cat([w.flatten() for w in weights.values()])",
    "gone = round(value[0] * len(every))",
    "edge = every.kthvalue(gone).values if gone else -1.0",
    "MASKS.update({name: w > edge for name, w in weights.items()})",
)
_OF_EACH = (
    "amount, below, scope = value",
    "parts = [weights] if scope == 'network' else [{n: weights[n]} for n in weights]",
    "for part in parts:",
    "    every = torch.cat([w.flatten() for w in part.values()])",
    "    gone = round(amount * len(every))",
    "    edge = every.kthvalue(gone).values if gone else -1.0",
    "    MASKS.update({n: (w >= below) if below else (w > edge) for n, w in part.items()})",
)
