"""The lines of a script that build a run's model, and sort its parameters into groups."""

from __future__ import annotations

from nbfinetune.export.script_model import START
from nbfinetune.export.script_plan import Plan

__all__ = ["imports_of_model", "model_lines"]


def imports_of_model(plan: Plan) -> list[str]:
    """What building the model imports."""
    return [line for line in plan.first.lines if _is_import(line)]


def model_lines(plan: Plan, *, weights: str) -> list[str]:
    """The model as it began, and its parameters in groups.

    Parameters
    ----------
    weights : str
        Python that gives the path of the file that it begins with.
    """
    first = plan.first
    built = [line.replace(START, weights) for line in first.lines if not _is_import(line)]
    lines = ["def build():", *(f"    {line}".rstrip() for line in built), "    return model"]
    if first.factors or first.frozen or any(what == "prune" for _, what, _ in plan.course.rows):
        lines += ["", "def under(name, modules):"]
        lines += ["    return any(f'{name}.'.startswith(f'{module}.') for module in modules)"]
    if first.factors:
        lines += [f"FACTORS = {first.factors!r}  # of the learning rate, by module"]
    if first.frozen:
        lines += ["", f"FROZEN, FIXED = {list(first.frozen)!r}, {list(first.fixed)!r}"]
        lines += _TRAIN_MODE
    return [*lines, "", *(_groups_by_factor(plan) if first.factors else _groups(plan))]


def _is_import(line: str) -> bool:
    return line.startswith(("import ", "from "))


_TRAIN_MODE = (
    "def train_mode(model):  # frozen parts keep their statistics",
    "    for name, module in model.named_modules():",
    "        module.train(not under(name, FROZEN))",
    "    for name, p in model.named_parameters():",
    "        p.requires_grad_(not under(name, FROZEN + FIXED))",
)


def _exempt(plan: Plan) -> str:
    kept = plan.first.exempt
    more = f" or any(fnmatch(name, one) for one in {kept!r})" if kept else ""
    return f"p.ndim <= 1 or name.endswith('.bias'){more}"


def _groups(plan: Plan) -> list[str]:
    decay = plan.config.optimizer.weight_decay
    return [
        "def parameter_groups(model):  # norms and biases have no weight decay",
        f"    plain, decaying = [{{'params': [], 'factor': 1.0, 'weight_decay': {decay} * decays,",
        "                        'decays': decays} for decays in (False, True)]",
        "    for name, p in model.named_parameters():",
        f"        exempt = {_exempt(plan)}",
        "        (plain if exempt else decaying)['params'].append(p)",
        "    return [decaying, plain]",
    ]


def _groups_by_factor(plan: Plan) -> list[str]:
    decay = plan.config.optimizer.weight_decay
    return [
        "def parameter_groups(model):  # norms and biases have no weight decay",
        "    groups = {}",
        "    for name, p in model.named_parameters():",
        "        factors = [f for module, f in FACTORS.items() if under(name, [module])]",
        f"        decays = bool(factors) and not ({_exempt(plan)})",
        "        new = {'params': [], 'factor': factors[0] if factors else 1.0, 'decays': decays,",
        f"               'weight_decay': {decay} * decays}}",
        "        groups.setdefault((new['factor'], decays), new)['params'].append(p)",
        "    return list(groups.values())",
    ]
