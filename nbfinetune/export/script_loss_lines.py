"""The lines of a script that say what a run minimised, and how it was measured."""

from __future__ import annotations

from nbfinetune.export.script_plan import Plan

__all__ = ["by_f1", "in_halves", "loss_lines", "loss_of", "measure_lines", "mixes"]


def loss_lines(plan: Plan) -> list[str]:
    """A function for the losses that torch has no single call for."""
    training = plan.config.training
    if training.loss == "cross_entropy":
        return []
    smoothing, weighted = training.label_smoothing, training.class_weights is not None
    values = {
        "bce": "F.binary_cross_entropy_with_logits(logits, goal, reduction='none').mean(1)",
        "mse": "F.mse_loss(logits.softmax(1), goal, reduction='none').mean(1)",
        "focal": "-(goal * (1 - logits.softmax(1)) ** 2 * logits.log_softmax(1)).sum(1)",
    }
    said = values[training.loss] if smoothing else values[training.loss].replace("goal", "labels")
    # What is mixed has soft labels already.
    soft = [] if mixes(plan) else ["    labels = F.one_hot(labels, logits.shape[1]).float()"]
    smooth = f"labels * {1 - smoothing:.6g} + {smoothing} / logits.shape[1]"
    shares = " * (labels * weights).sum(1)" if weighted else ""
    return [
        f"def loss_of(logits, labels{', weights' if weighted else ''}):",
        *soft,
        *([f"    goal = {smooth}"] if smoothing else []),
        f"    values = {said}",
        f"    return (values{shares}).mean()" if weighted else "    return values.mean()",
        "",
    ]


def mixes(plan: Plan) -> bool:
    """Whether images are mixed with one another."""
    return bool(plan.config.augment.mixup or plan.config.augment.cutmix)


def loss_of(plan: Plan, logits: str, labels: str) -> str:
    """Python of the loss of a batch, or a part of one."""
    training = plan.config.training
    weighted = training.class_weights is not None
    if training.loss != "cross_entropy":
        return f"loss_of({logits}, {labels}{', weights' if weighted else ''})"
    smoothing = training.label_smoothing
    more = f", label_smoothing={smoothing}" if smoothing else ""
    if not weighted:
        return f"F.cross_entropy({logits}, {labels}{more})"
    return f"F.cross_entropy({logits}, {labels}, weights, reduction='sum'{more}) / len({labels})"


def in_halves(plan: Plan) -> str:
    """Python that has the model compute in halves, where the run did; else empty."""
    kind = {"fp32": "", "bf16": "bfloat16", "fp16": "float16"}[plan.precision]
    return f"torch.autocast(DEVICE.type, torch.{kind})" if kind else ""


def measure_lines(plan: Plan) -> list[str]:
    """A function that measures the model on the validation images."""
    halves = in_halves(plan)
    joined = "torch.cat(parts).float()" if halves else "torch.cat(parts)"
    labels = "labels.long()" if halves else "labels"
    said = "model(normalised(images.to(DEVICE))).cpu()"
    f1 = "'macro_f1': f1_score(labels, found, average='macro', zero_division=0),"
    return [
        *([f"@{halves}"] if halves else []),
        "@torch.no_grad()",
        "def measure(model, val):",
        "    model.eval()",
        f"    pairs = [({said}, labels) for images, labels in val]",
        f"    logits, labels = [{joined} for parts in zip(*pairs)]",
        "    found = logits.argmax(1)",
        f"    return {{'val_loss': F.cross_entropy(logits, {labels}).item(),",
        *([f"            {f1}"] if by_f1(plan) else []),
        "            'accuracy': (found == labels).float().mean().item()}",
    ]


def by_f1(plan: Plan) -> bool:
    """Whether the script follows the macro F1."""
    followed = {plan.config.training.monitor, *(p.metric for p in plan.course.plateaus.values())}
    return "macro_f1" in followed
