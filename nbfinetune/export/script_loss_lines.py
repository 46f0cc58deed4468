"""The lines of a script that say what a run minimised, and how it was measured."""

from __future__ import annotations

from nbfinetune.export.script_plan import Plan
from nbfinetune.records import TrainingConfig

__all__ = ["by_f1", "loss_lines", "loss_of", "measure_lines", "precision_lines", "said"]


def loss_lines(training: TrainingConfig) -> list[str]:
    """A function for the losses that torch has no single call for."""
    if training.loss == "cross_entropy":
        return []
    smoothing = training.label_smoothing
    values = {
        "bce": "F.binary_cross_entropy_with_logits(logits, goal, reduction='none').mean(1)",
        "mse": "F.mse_loss(logits.softmax(1), goal, reduction='none').mean(1)",
        "focal": "-(goal * (1 - logits.softmax(1)) ** 2 * logits.log_softmax(1)).sum(1)",
    }
    return [
        "def loss_of(logits, targets, weights):",
        "    if targets.ndim == 1:",
        "        targets = F.one_hot(targets, logits.shape[1]).float()",
        f"    goal = targets * {1 - smoothing} + {smoothing} / logits.shape[1]",
        f"    values = {values[training.loss]}",
        "    return (values if weights is None else values * (targets * weights).sum(1)).mean()",
        "",
    ]


def loss_of(plan: Plan, logits: str, goal: str) -> str:
    """Python of the loss of a batch, or a part of one."""
    training = plan.config.training
    weighted = training.class_weights is not None
    if training.loss != "cross_entropy":
        return f"loss_of({logits}, {goal}, {'weights' if weighted else None})"
    smoothing = training.label_smoothing
    more = f", label_smoothing={smoothing}" if smoothing else ""
    if not weighted:
        return f"F.cross_entropy({logits}, {goal}{more})"
    return f"F.cross_entropy({logits}, {goal}, weights, reduction='sum'{more}) / len({goal})"


def precision_lines(plan: Plan) -> list[str]:
    """A function that has the model compute in halves, where the run did."""
    if plan.precision == "fp32":
        return []
    kind = {"bf16": "bfloat16", "fp16": "float16"}[plan.precision]
    return [
        "def said(model, images):",
        f"    with torch.autocast(DEVICE.type, torch.{kind}):",
        "        return model(images).float()",
        "",
    ]


def said(plan: Plan, images: str) -> str:
    """Python of what the model says of images."""
    return f"model({images})" if plan.precision == "fp32" else f"said(model, {images})"


def measure_lines(plan: Plan) -> list[str]:
    """A function that measures the model on the validation images."""
    logits = said(plan, "normalised(images)")
    f1 = "f1_score(labels, logits.argmax(1), average='macro', zero_division=0)"
    measured = "'accuracy': accuracy" + (f", 'macro_f1': {f1}" if by_f1(plan) else "")
    return [
        "@torch.no_grad()",
        "def measure(model, loader):",
        "    model.eval()",
        f"    pairs = [({logits}.cpu(), labels) for images, labels in loader]",
        "    logits, labels = (torch.cat(parts) for parts in zip(*pairs))",
        "    accuracy = (logits.argmax(1) == labels).float().mean().item()",
        f"    return {{'val_loss': F.cross_entropy(logits, labels).item(), {measured}}}",
    ]


def by_f1(plan: Plan) -> bool:
    """Whether the script follows the macro F1."""
    followed = {plan.config.training.monitor, *(p.metric for p in plan.course.plateaus.values())}
    return "macro_f1" in followed
