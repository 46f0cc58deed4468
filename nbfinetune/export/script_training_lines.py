"""The lines of a script that train and measure a run's model as the run did."""

from __future__ import annotations

from nbfinetune.export.script_course import TORCHS, Course
from nbfinetune.export.script_course_lines import changed, prunes
from nbfinetune.export.script_loss_lines import (
    loss_lines,
    loss_of,
    measure_lines,
    precision_lines,
    said,
)
from nbfinetune.export.script_plan import Plan
from nbfinetune.records import OptimizerConfig, Plateau

__all__ = ["is_torchs", "mixes", "training_lines"]

SETTINGS = ("l1", "clip_norm", "clip_weights")
_FUSED = ("adamw", "adam", "sgd", "adagrad")


def training_lines(plan: Plan, *, saved: str) -> list[str]:
    """The loss, the measures and the loop.

    Parameters
    ----------
    saved : str
        Python that gives the path of the model that is written.
    """
    tables = [f"LIVE = {_live(plan)!r}"] if _live(plan) else []
    tables += ["MASKS = {}"] if prunes(plan) else []
    return [
        *([*tables, ""] if tables else []),
        *loss_lines(plan.config.training),
        *precision_lines(plan),
        *measure_lines(plan),
        "",
        *_setting_out(plan),
        *_loop(plan),
        f"    save_file(kept, {saved})",
        "    print(f'best: epoch {best_epoch}, accuracy {best_accuracy:.4f}')",
    ]


def _live(plan: Plan) -> dict[str, float]:
    """Settings of the optimizer that the loop looks up, as they are at first."""
    asked = {name: float(getattr(plan.config.optimizer, name)) for name in SETTINGS}
    return {name: value for name, value in asked.items() if value or name in changed(plan)}


def _setting_out(plan: Plan) -> list[str]:
    config, course = plan.config, plan.course
    whole = plan.listed.train >= config.training.batch_size
    layout = ".to(memory_format=torch.channels_last)" if plan.channels_last else ""
    lines = [
        "def main():",
        f"    torch.manual_seed({config.seed})",
        f"    model = build().to(DEVICE){layout}",
        f"    optimizer = {_optimizer(config.optimizer, config.schedule.lr)}",
        f"    train = batches('train', batch_size=BATCH, shuffle=True, drop_last={whole})",
        f"    val = batches('val', batch_size={max(config.training.batch_size, 64)})",
    ]
    if config.training.class_weights == "balanced":
        lines += ["    counts = torch.bincount(torch.tensor(train.dataset.labels)).float()"]
        lines += ["    weights = (counts.sum() / (len(CLASSES) * counts)).to(DEVICE)"]
    if config.training.ema:
        lines += [f"    average = ModelEmaV3(model, decay={config.training.ema}, use_warmup=True)"]
    if plan.precision == "fp16":
        lines += ["    scaler = torch.amp.GradScaler(DEVICE.type)"]
    if course.plateaus:
        lines += _plateau(list(course.plateaus.values())[-1])
    if mixes(plan):
        lines += [f"    mix = {_mixing(plan)}"]
    lines += ["    step, best, best_epoch, best_accuracy, kept = 0, -math.inf, 0, 0.0, {}"]
    if any(since == 0 for since, _, _ in course.rows):
        lines += ["    for _, what, value in [row for row in EDITS if row[0] == 0]:"]
        lines += ["        edit(what, value, model, optimizer)"]
    return lines


def is_torchs(plan: Plan) -> bool:
    """Whether the optimizer is one of torch's own; else it is timm's."""
    return plan.config.optimizer.name.lower() in TORCHS


def _optimizer(config: OptimizerConfig, lr: float) -> str:
    name = config.name.lower()
    if name not in TORCHS:
        return f"timm.optim.create_optimizer_v2(parameter_groups(model), {name!r}, lr={lr})"
    values = ""
    if name in ("adamw", "adam"):
        values = f", betas=({config.momentum}, 0.999)"
    elif name in ("sgd", "rmsprop"):
        values = f", momentum={config.momentum}"
    if name == "sgd":
        values += f", nesterov={config.nesterov and config.momentum > 0}"
    fused = ", fused=DEVICE.type in ('cpu', 'cuda')" if name in _FUSED else ""
    return f"torch.optim.{TORCHS[name]}(parameter_groups(model), lr={lr}{values}{fused})"


def _plateau(plateau: Plateau) -> list[str]:
    mode = "min" if plateau.metric == "val_loss" else "max"
    values = f"{mode!r}, {plateau.factor}, {plateau.patience}, {plateau.threshold}"
    return [
        "    multiple = torch.optim.SGD([torch.zeros(1)], lr=1.0)  # its rate multiplies the curve",
        "    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(",
        f"        multiple, {values}, min_lr={plateau.min_factor}, eps=0.0)",
    ]


def _mixing(plan: Plan) -> str:
    augment = plan.config.augment
    ways = [
        f"v2.{name}(alpha={alpha}, num_classes=len(CLASSES))"
        for name, alpha in (("MixUp", augment.mixup), ("CutMix", augment.cutmix))
        if alpha
    ]
    return ways[0] if len(ways) == 1 else f"v2.RandomChoice([{', '.join(ways)}])"


def _loop(plan: Plan) -> list[str]:
    monitor = plan.config.training.monitor
    net = "average.module" if plan.config.training.ema else "model"
    sign = "-" if monitor == "val_loss" else ""
    early = plan.last_step < plan.steps * plan.course.epochs
    ended = [f"if step == {plan.last_step}:", "    break  # where the run ended"] if early else []
    state = f"{net}.state_dict().items()"
    return [
        "    for epoch in range(1, EPOCHS + 1):",
        f"        {'train_mode(model)' if plan.first.frozen else 'model.train()'}",
        "        losses = []",
        "        for images, labels in train:",
        *(f"            {line}" for line in (*_step(plan), *ended)),
        f"        measures = measure({net}, val)",
        "        told = {'train_loss': torch.stack(losses).mean().item(), **measures}",
        "        print(epoch, *(f'{name} {one:.4f}' for name, one in told.items()), flush=True)",
        *_after_epoch(plan.course),
        f"        score = {sign}measures[{monitor!r}]",
        "        if score > best:",
        "            best, best_epoch, best_accuracy = score, epoch, measures['accuracy']",
        f"            kept = {{name: v.cpu().contiguous().clone() for name, v in {state}}}",
        *(f"        {line}" for line in ended),
    ]


def _after_epoch(course: Course) -> list[str]:
    if not course.plateaus:
        return []
    place, plateau = max(course.plateaus.items())
    stepped = f"plateau.step(measures[{plateau.metric!r}])"
    window = _window(course, place)
    return [f"        if {window}:", f"            {stepped}"] if window else [f"        {stepped}"]


def _window(course: Course, place: int) -> str:
    """Condition under which a curve is in force; empty where it always is."""
    since = course.rates[place].since
    until = [str(curve.since) for curve in course.rates[place + 1 :][:1]]
    if since == 0 and not until:
        return ""
    return " < ".join([f"{since} <= step", *until])


def _step(plan: Plan) -> list[str]:
    """One optimizer step."""
    return [
        *_following(plan),
        "images, labels = normalised(images), labels.to(DEVICE)",
        *(["images, labels = mix(images, labels)"] if mixes(plan) else []),
        "optimizer.zero_grad()",
        *_gradients(plan),
        *_updated(plan),
        "step += 1",
        *_held(plan),
        *(["average.update(model, step=step)"] if plan.config.training.ema else []),
        "losses.append(loss.detach())",
    ]


def mixes(plan: Plan) -> bool:
    """Whether images are mixed with one another."""
    return bool(plan.config.augment.mixup or plan.config.augment.cutmix)


def _following(plan: Plan) -> list[str]:
    lines = ["lr = value_at(RATES, step)"]
    if plan.course.plateaus:
        window = _window(plan.course, max(plan.course.plateaus))
        multiple = "multiple.param_groups[0]['lr']"
        lines += [f"lr *= {multiple} if {window} else 1" if window else f"lr *= {multiple}"]
    lines += ["for group in optimizer.param_groups:", "    group['lr'] = lr * group['factor']"]
    if plan.course.momenta:
        lines += ["set_momentum(optimizer, value_at(MOMENTA, step))"]
    return lines


def _gradients(plan: Plan) -> list[str]:
    pieces = plan.config.training.accumulate
    back = "scaler.scale(loss).backward()" if plan.precision == "fp16" else "loss.backward()"
    if pieces == 1:
        return [f"loss = {loss_of(plan, said(plan, 'images'), 'labels')}", back]
    micro = -(-plan.config.training.batch_size // pieces)
    return [
        f"for piece, goal in zip(images.split({micro}), labels.split({micro})):",
        f"    loss = {loss_of(plan, said(plan, 'piece'), 'goal')} * len(piece) / len(images)",
        f"    {back}",
        "loss = loss * len(images) / len(piece)",
    ]


def _updated(plan: Plan) -> list[str]:
    half, live = plan.precision == "fp16", _live(plan)
    lines = ["scaler.unscale_(optimizer)"] if half else []
    if "l1" in live:
        lines += [
            "for group in [group for group in optimizer.param_groups if group['decays']]:",
            "    for p in [p for p in group['params'] if p.grad is not None]:",
            "        p.grad.add_(p.detach().sign(), alpha=LIVE['l1'])",
        ]
    if "clip_norm" in live:
        lines += ["nn.utils.clip_grad_norm_(model.parameters(), LIVE['clip_norm'] or math.inf)"]
    return [
        *lines,
        *(["scaler.step(optimizer)", "scaler.update()"] if half else ["optimizer.step()"]),
    ]


def _held(plan: Plan) -> list[str]:
    """Edits that are due, and weights back where pruning and clipping hold them."""
    lines = []
    if plan.course.rows:
        lines += ["for _, what, value in [row for row in EDITS if row[0] == step]:"]
        lines += ["    edit(what, value, model, optimizer)"]
    if prunes(plan):
        lines += ["    best = -math.inf if what == 'prune' else best  # of another model"]
        lines += ["for name, mask in MASKS.items():"]
        lines += ["    model.get_parameter(name).data.mul_(mask)"]
    if prunes(plan) and plan.config.training.ema:
        lines += ["    average.module.get_parameter(name).data.mul_(mask)"]
    if "clip_weights" in _live(plan):
        lines += ["limit = LIVE['clip_weights'] or math.inf"]
        lines += ["for p in [p for p in model.parameters() if p.ndim > 1]:"]
        lines += ["    p.data.clamp_(-limit, limit)"]
    return lines
