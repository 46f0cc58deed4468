"""The lines of a script that build a run's model, freeze its parts and make its optimizer."""

from __future__ import annotations

from nbfinetune.export.script_course import TORCHS
from nbfinetune.export.script_model import START
from nbfinetune.export.script_plan import Plan
from nbfinetune.records import OptimizerConfig

__all__ = ["imports_of_model", "is_torchs", "model_lines", "of_what_decays"]

_FEW = 3
_FUSED = ("adamw", "adam", "sgd", "adagrad")


def imports_of_model(plan: Plan) -> list[str]:
    """What building a model of one's own imports."""
    own = plan.config.model.name.partition(":")[0]
    return [line for line in plan.first.lines if line.startswith(f"from {own} import ")]


def model_lines(plan: Plan, *, weights: str) -> list[str]:
    """The model as it began, and its optimizer.

    Parameters
    ----------
    weights : str
        Python that gives the path of the file that it begins with.
    """
    first = plan.first
    lines = [line.replace(START, weights) for line in first.lines if not _is_import(line)]
    begun = next(place for place, line in enumerate(lines) if line.startswith("model = "))
    inner = [f"    {line}".rstrip() for line in lines[begun:]]
    built = [*lines[:begun], "def build():", *inner, "    return model", ""]
    if first.frozen:
        built += [f"FROZEN = {_prefixes(first.frozen)!r}"]
        few = len(first.fixed) < _FEW
        built += [] if few else [f"FIXED = {_prefixes(first.fixed)!r}"]
        fixed = ", ".join(map(repr, _prefixes(first.fixed))) if few else "*FIXED"
        built += [*_train_mode(fixed), ""]
    if first.groups:
        built += [f"GROUPS = {_groups(plan)!r}"]
    return [*built, *_optimizer(plan)]


def is_torchs(plan: Plan) -> bool:
    """Whether the optimizer is one of torch's own; else it is timm's."""
    return plan.config.optimizer.name.lower() in TORCHS


def of_what_decays(plan: Plan) -> str:
    """What is above 0 in the optimizer's groups that weight decay and L1 concern."""
    marked = plan.first.groups or _is_marked(plan)
    return "decays" if marked else "weight_decay"


def _is_import(line: str) -> bool:
    return line.startswith(("import ", "from "))


def _prefixes(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}." for name in names)


def _train_mode(fixed: str) -> list[str]:
    still = f"(*frozen, {fixed})" if fixed else "frozen"
    return [
        "def train_mode(model, frozen):  # what is frozen keeps its statistics, too",
        "    for name, module in model.named_modules():",
        "        module.train(not f'{name}.'.startswith(frozen))",
        "    for name, p in model.named_parameters():",
        f"        p.requires_grad_(not f'{{name}}.'.startswith({still}))",
    ]


def _is_marked(plan: Plan) -> bool:
    """Whether weight decay alone does not say which groups it concerns."""
    optimizer, course = plan.config.optimizer, plan.course
    if "weight_decay" in course.changed:
        return True
    return not optimizer.weight_decay and bool(optimizer.l1 or "l1" in course.changed)


def _groups(plan: Plan) -> list[dict[str, object]]:
    decay = plan.config.optimizer.weight_decay
    return [
        {"factor": g.factor, "decays": g.decays, "weight_decay": decay * g.decays,
         "names": list(g.names)}
        for g in plan.first.groups
    ]  # fmt: skip


def _optimizer(plan: Plan) -> list[str]:
    first, config = plan.first, plan.config.optimizer
    exempt = f", no_weight_decay_list={list(first.exempt)!r}" if first.exempt else ""
    decay = 1.0 if _is_marked(plan) else config.weight_decay
    lines = [f"    groups = param_groups_weight_decay(model, {decay}{exempt})"]
    if first.groups:
        params = "[*map(model.get_parameter, g['names'])]"
        lines = [f"    groups = [{{**g, 'params': {params}}} for g in GROUPS]"]
    elif _is_marked(plan):
        lines += [
            "    for group in groups:",
            "        group['decays'] = group['weight_decay']  # 1 or 0",
            f"        group['weight_decay'] *= {config.weight_decay}",
        ]
    return [
        "def optimizer_of(model):  # norms and biases have no weight decay",
        *lines,
        f"    return {_made(config, plan.config.schedule.lr, 'momentum' in plan.course.changed)}",
    ]


def _made(config: OptimizerConfig, lr: float, momentum_changes: bool) -> str:  # noqa: FBT001
    name = config.name.lower()
    if name not in TORCHS:
        return f"create_optimizer_v2(groups, {name!r}, lr={lr})"
    values = ""
    if name in ("adamw", "adam"):
        values = f", betas=({config.momentum}, 0.999)"
    elif name == "sgd":
        values = f", momentum={config.momentum}"
        values += f", nesterov={config.nesterov and config.momentum > 0}"
    elif name == "rmsprop":
        # One that begins without momentum keeps no room for it.
        values = f", momentum={config.momentum or (1e-12 if momentum_changes else 0.0)}"
    fused = ", fused=DEVICE.type in ('cpu', 'cuda')" if name in _FUSED else ""
    return f"torch.optim.{TORCHS[name]}(groups, lr={lr}{values}{fused})"
