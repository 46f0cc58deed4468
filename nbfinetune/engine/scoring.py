"""What an epoch came to: the outputs on the validation images as an `EpochDone`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nbfinetune.engine.progress import Progress
from nbfinetune.engine.validation import Outputs
from nbfinetune.evaluation.metrics import measure
from nbfinetune.records import EpochDone, TrainingConfig


def score(
    outputs: Outputs,
    progress: Progress,
    config: TrainingConfig,
    classes: Sequence[str],
    validation_s: float,
    *,
    last: bool,
) -> EpochDone:
    """Measures of the epoch in hand.

    Parameters
    ----------
    validation_s : float
        Seconds that the outputs took.
    last : bool
        Whether no epoch follows. While a pruning goes on only such a one can be the best.
    """
    measures = measure(outputs.logits, outputs.labels, classes=classes)
    images = progress.losses * config.batch_size
    done = EpochDone(
        step=progress.step,
        epoch=progress.epoch + 1,
        train_loss=progress.loss_sum / max(progress.losses, 1),
        val_loss=measures.val_loss,
        accuracy=measures.accuracy,
        top5=measures.top5,
        precision=measures.precision,
        recall=measures.recall,
        macro_f1=measures.macro_f1,
        roc_auc=measures.roc_auc,
        seconds=progress.epoch_s + validation_s,
        images_per_s=images / progress.epoch_s if progress.epoch_s else 0.0,
    )
    best, counts = progress.best_value, last or progress.gradual is None
    return replace(done, best=counts and (best is None or monitored(done, config) > best))


def monitored(done: EpochDone, config: TrainingConfig) -> float:
    """The measure that decides which epoch is best; more is better."""
    value = float(getattr(done, config.monitor))
    return -value if config.monitor == "val_loss" else value
