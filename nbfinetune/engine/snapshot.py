"""Training state to a checkpoint and back, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nbfinetune.engine import edits, randomness
from nbfinetune.engine.checkpoint import Checkpoint, under
from nbfinetune.engine.optimizers import load_optimizer_state, optimizer_state
from nbfinetune.engine.progress import Progress

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training
    from nbfinetune.records import EpochDone


def take(training: Training) -> Checkpoint:
    """Everything that the run needs to go on as if nothing had happened."""
    optimizer_tensors, optimizer_facts = optimizer_state(training.optimizer)
    tensors = {
        **under("model", training.model.state_dict()),
        **under("optimizer", optimizer_tensors),
        **under("rng", randomness.capture(training.parts.placement.device)),
    }
    tensors |= under("mask", training.held.masks)
    if training.ema is not None:
        tensors |= under("ema", training.ema.module.state_dict())
    facts = {
        **_use_of(training),
        "step": training.progress.step,
        "epoch": training.progress.epoch,
        "progress": training.progress.to_json(),
        "optimizer": optimizer_facts,
        "scaler": training.stepper.scaler.state_dict(),
    }
    return Checkpoint(tensors, facts)


def best(training: Training, done: EpochDone) -> Checkpoint:
    """The measured weights alone, with what it takes to use them."""
    facts = {
        **_use_of(training),
        "step": done.step,
        "epoch": done.epoch,
        "metrics": msgspec.to_builtins(done),
    }
    return Checkpoint(under("model", training.models[-1].state_dict()), facts)


def restore(training: Training, state: Checkpoint) -> None:
    """Put a fresh `Training` where the checkpoint stood."""
    facts = state.facts
    progress = Progress.from_json(facts["progress"])
    if progress.thawed:
        edits.thaw(training, silent=True)
    training.progress = progress
    training.restored_at = progress.step
    training.clock.elapsed_s = progress.elapsed_s
    training.model.load_state_dict(state.part("model"))
    if training.ema is not None:
        training.ema.module.load_state_dict(state.part("ema"))
    device = training.parts.placement.device
    training.held.clip(progress.clip_weights)
    training.held.mask({name: mask.to(device) for name, mask in state.part("mask").items()})
    load_optimizer_state(training.optimizer, state.part("optimizer"), facts["optimizer"])
    stepper = training.stepper
    stepper.scaler.load_state_dict(facts["scaler"])
    stepper.clip_norm, stepper.l1 = progress.clip_norm, progress.l1
    stepper.micro_batch = progress.micro_batch
    randomness.restore(state.part("rng"), device)


def _use_of(training: Training) -> dict[str, Any]:
    parts = training.parts
    return {
        "classes": list(parts.classes),
        "num_classes": len(parts.classes),
        "image_size": parts.image_size,
        "mean": list(parts.input.mean),
        "std": list(parts.input.std),
        "interpolation": parts.input.interpolation,
        "crop_pct": parts.input.crop_pct,
        "model": msgspec.to_builtins(training.config.model),
        "recipes": msgspec.to_builtins(parts.recipes),
    }
