"""The lines of a script that train and measure a run's model as the run did."""

from __future__ import annotations

import torch
from torch import nn

from nbfinetune.export.script_course import Course
from nbfinetune.export.script_course_lines import prunings, value_of
from nbfinetune.export.script_loss_lines import (
    in_halves,
    loss_lines,
    loss_of,
    measure_lines,
    mixes,
)
from nbfinetune.export.script_model_lines import is_torchs, of_what_decays
from nbfinetune.export.script_plan import Plan
from nbfinetune.records import Plateau

__all__ = ["training_lines"]

_OF_BETAS = ("adamw", "adam")
_ZERO = "0.0"
_RATE = "plateau.get_last_lr()[0]"


def training_lines(plan: Plan, *, stepwise: bool, saved: str, workers: str) -> list[str]:
    """The loss, the measures and the loop.

    Parameters
    ----------
    stepwise : bool
        As for `nbfinetune.export.script_course_lines.course_lines`.
    saved, workers : str
        Python that gives the path of the model that is written, and the number of processes that
        read images.
    """
    return [
        *loss_lines(plan),
        *measure_lines(plan),
        "",
        "def main():",
        *(f"    {line}" for line in _setting_out(plan, workers)),
        *(f"    {line}" for line in _epochs(plan, stepwise=stepwise, saved=saved)),
        "    print(told)",
    ]


def _setting_out(plan: Plan, workers: str) -> list[str]:
    training, course = plan.config.training, plan.course
    whole = plan.listed.train >= training.batch_size
    layout = ", memory_format=torch.channels_last" if plan.channels_last else ""
    reading = f"num_workers={workers}, persistent_workers=True" if workers != "0" else ""
    loading = ", **reading" if reading else ""
    lines = [
        f"torch.manual_seed({plan.config.seed})",
        f"model = build().to(DEVICE{layout})",
        "optimizer = optimizer_of(model)",
        *([f"reading = dict({reading})"] if reading else []),
        f"train = DataLoader(Images('train'), BATCH, shuffle=True, drop_last={whole}{loading})",
        f"val = DataLoader(Images('val'), {max(training.batch_size, 64)}{loading})",
    ]
    if training.class_weights == "balanced":
        counted = "torch.tensor(train.dataset.labels), minlength=len(CLASSES)"
        lines += [f"counts = torch.bincount({counted})"]
        balanced = "(counts.sum() / (counts.count_nonzero() * counts))"
        lines += [f"weights = {balanced}.nan_to_num(posinf=1.0).to(DEVICE)"]
    if training.ema:
        lines += [f"ema = ModelEmaV3(model, decay={training.ema}, use_warmup=True)"]
    if plan.precision == "fp16":
        lines += ["scaler = torch.amp.GradScaler(DEVICE.type)"]
    if course.plateaus:
        lines += _plateau(list(course.plateaus.values())[-1])
    if mixes(plan):
        lines += [f"mix = {_mixing(plan)}"]
    if _penalised(plan):
        decays = f"for g in optimizer.param_groups if g[{of_what_decays(plan)!r}]"
        lines += [f"decaying = [p {decays} for p in g['params']]"]
    if not prunings(plan):
        return [*lines, "step, best, told = 0, -math.inf, ''"]
    at_first = [row[1:] for row in prunings(plan) if row[0] == 0]
    masks = f"masks_of(model, {_listed(at_first[-1])})" if at_first else "{}"
    return [*lines, f"step, best, told, masks = 0, -math.inf, '', {masks}"]


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(repr, values))


def _plateau(plateau: Plateau) -> list[str]:
    mode = "min" if plateau.metric == "val_loss" else "max"
    values = f"{mode!r}, {plateau.factor}, {plateau.patience}, {plateau.threshold}"
    values += f", min_lr={plateau.min_factor}, eps=0.0"
    return [
        "plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(  # its rate multiplies the curve",
        f"    torch.optim.SGD([torch.zeros(1)], 1.0), {values})",
    ]


def _mixing(plan: Plan) -> str:
    augment = plan.config.augment
    ways = [
        f"v2.{name}(alpha={alpha}, num_classes={len(plan.facts['classes'])})"
        for name, alpha in (("MixUp", augment.mixup), ("CutMix", augment.cutmix))
        if alpha
    ]
    return ways[0] if len(ways) == 1 else f"v2.RandomChoice([{', '.join(ways)}])"


def _penalised(plan: Plan) -> bool:
    return value_of(plan, "l1") != _ZERO


def _epochs(plan: Plan, *, stepwise: bool, saved: str) -> list[str]:
    monitor, course = plan.config.training.monitor, plan.course
    net = "ema.module" if plan.config.training.ema else "model"
    mean = "torch.stack(losses).mean().item()"
    sign = "-" if monitor == "val_loss" else ""
    count = -(-plan.last_step // plan.steps)
    early = plan.last_step < plan.steps * course.epochs
    epochs = f"{count} + 1):  # where the run ended" if count < course.epochs else "EPOCHS + 1):"
    batches = f"islice(train, {plan.last_step} - step)" if early else "train"
    return [
        f"for epoch in range(1, {epochs}",
        *([] if _thaws_within(plan) else [f"    {_trains(plan)}"]),
        "    losses = []",
        f"    for images, labels in {batches}:",
        *(f"        {line}" for line in _step(plan, stepwise=stepwise)),
        f"    measures = {{'train_loss': {mean}, **measure({net}, val)}}",
        "    print(epoch, *(f'{name} {one:.4f}' for name, one in measures.items()), flush=True)",
        *(f"    {line}" for line in _after_epoch(course)),
        f"    if {sign}measures[{monitor!r}] > best:",
        f"        best = {sign}measures[{monitor!r}]",
        "        told = f'best: epoch {epoch}, accuracy {measures[\"accuracy\"]:.4f}'",
        f"        state = {{k: v.contiguous().clone() for k, v in {net}.state_dict().items()}}",
        f"        save_file(state, {saved})",
    ]


def _thawed_at(plan: Plan) -> int | None:
    return min((step for step, what, _ in plan.course.rows if what == "unfreeze"), default=None)


def _trains(plan: Plan) -> str:
    thawed = _thawed_at(plan)
    if not plan.first.frozen:
        return "model.train()"
    if thawed is None:
        return "train_mode(model, FROZEN)"
    return f"train_mode(model, FROZEN if step < {thawed} else ())"


def _thaws_within(plan: Plan) -> bool:
    """Whether layers thaw in the middle of an epoch."""
    thawed = _thawed_at(plan)
    return bool(plan.first.frozen and thawed and thawed % plan.steps)


def _after_epoch(course: Course) -> list[str]:
    if not course.plateaus:
        return []
    place, plateau = max(course.plateaus.items())
    stepped = f"plateau.step(measures[{plateau.metric!r}])"
    window = _window(course, place)
    return [f"if {window}:", f"    {stepped}"] if window else [stepped]


def _window(course: Course, place: int) -> str:
    """Condition under which a curve is in force; empty where it always is."""
    since = course.rates[place].since
    until = [str(curve.since) for curve in course.rates[place + 1 :][:1]]
    if since == 0 and not until:
        return ""
    return " < ".join([f"{since} <= step", *until])


def _step(plan: Plan, *, stepwise: bool) -> list[str]:
    """One optimizer step."""
    return [
        *([_trains(plan)] if _thaws_within(plan) else []),
        *_following(plan, stepwise=stepwise),
        "images, labels = normalised(images.to(DEVICE)), labels.to(DEVICE)",
        *(["images, labels = mix(images, labels)"] if mixes(plan) else []),
        "optimizer.zero_grad()",
        *_gradients(plan),
        *_updated(plan),
        "step += 1",
        *_held(plan),
        *(["ema.update(model, step=step)"] if plan.config.training.ema else []),
    ]


def _following(plan: Plan, *, stepwise: bool) -> list[str]:
    course = plan.course
    told = "now = {name: np.interp(step, *points) for name, points in COURSE.items()}"
    lines = [told] if stepwise else ["lr = value_at(RATES, step)"]
    lr = "now['lr']" if stepwise else "lr"
    if course.plateaus:
        window = _window(course, max(course.plateaus))
        lines += [f"{lr} *= {_RATE} if {window} else 1" if window else f"{lr} *= {_RATE}"]
    lines += ["for group in optimizer.param_groups:"]
    lines += [f"    group['lr'] = {lr}" + (" * group['factor']" if plan.first.groups else "")]
    if "momentum" in course.changed:
        value = value_of(plan, "momentum") if stepwise else "value_at(MOMENTA, step)"
        lines += [f"    {_momentum(plan, value)}"]
    if "weight_decay" in course.changed:
        lines += [f"    group['weight_decay'] = {value_of(plan, 'weight_decay')} * group['decays']"]
    return lines


def _momentum(plan: Plan, value: str) -> str:
    name = plan.config.optimizer.name.lower()
    by_betas = name in _OF_BETAS
    if not is_torchs(plan):
        from timm.optim._optim_factory import create_optimizer_v2

        made = create_optimizer_v2([nn.Parameter(torch.zeros(1))], name, lr=1.0)
        by_betas = "momentum" not in made.param_groups[0]
    if by_betas:
        return f"group['betas'] = ({value}, *group['betas'][1:])"
    return f"group['momentum'] = {value}"


def _gradients(plan: Plan) -> list[str]:
    training, halves = plan.config.training, in_halves(plan)
    whole = training.accumulate == 1
    images, goal = ("images", "labels") if whole else ("piece", "goal")
    said = f"model({images}).float()" if halves else f"model({images})"
    loss = f"loss = {loss_of(plan, said, goal)}"
    lines = [f"with {halves}:", f"    {loss}"] if halves else [loss]
    learnt = "loss"
    if _penalised(plan):
        lines += [f"penalty = {value_of(plan, 'l1')} * sum(p.abs().sum() for p in decaying)"]
        learnt = "(loss + penalty)"
    if not whole:
        learnt = f"({learnt} * len(piece) / len(images))"
    if plan.precision == "fp16":
        learnt = f"scaler.scale({learnt.removeprefix('(').removesuffix(')')})"
    lines += [f"{learnt}.backward()"]
    lines += ["losses.append(loss.detach())"]
    if whole:
        return lines
    micro = -(-training.batch_size // training.accumulate)
    pieces = f"zip(images.split({micro}), labels.split({micro}))"
    return [f"for piece, goal in {pieces}:", *(f"    {line}" for line in lines)]


def _updated(plan: Plan) -> list[str]:
    half, limit = plan.precision == "fp16", value_of(plan, "clip_norm")
    lines = ["scaler.unscale_(optimizer)"] if half and limit != _ZERO else []
    if limit != _ZERO:
        largest = limit if limit[0].isdigit() else f"{limit} or math.inf"
        lines += [f"nn.utils.clip_grad_norm_(model.parameters(), {largest})"]
    return [
        *lines,
        *(["scaler.step(optimizer)", "scaler.update()"] if half else ["optimizer.step()"]),
    ]


def _held(plan: Plan) -> list[str]:
    """Edits that are due, and weights back where pruning and clipping hold them."""
    return [*_pruning(plan), *_clipping(plan)]


def _pruning(plan: Plan) -> list[str]:
    rows = prunings(plan)
    if not rows:
        return []
    later = [row for row in rows if row[0]]
    chosen = [f"if step == {row[0]}:" for row in later[:1]]
    asked = _listed(later[0][1:]) if len(later) == 1 else "*asked"
    if len(later) > 1:
        chosen = ["for _, *asked in [row for row in PRUNINGS if row[0] == step]:"]
    again = [f"    masks = masks_of(model, {asked})", "    best = -math.inf  # of another model"]
    lines = [*chosen, *again] if later else []
    lines += ["for name, mask in masks.items():"]
    lines += ["    model.get_parameter(name).data.mul_(mask)"]
    if plan.config.training.ema:
        lines += ["    ema.module.get_parameter(name).data.mul_(mask)"]
    return lines


def _clipping(plan: Plan) -> list[str]:
    limit = value_of(plan, "clip_weights")
    if limit == _ZERO:
        return []
    changing = [] if limit[0].isdigit() else [f"limit = {limit} or math.inf"]
    name = "limit" if changing else limit
    return [
        *changing,
        "for p in [p for p in model.parameters() if p.ndim > 1]:",
        f"    p.data.clamp_(-{name}, {name})",
    ]
