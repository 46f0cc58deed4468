"""Every error that nbfinetune raises on purpose.

Each message names the value that was wrong, where it came from, and what to do next::

    NbFinetuneError
    ├── ConfigError              a setting that can't work, found before anything is spawned
    │   └── ScheduleError        a learning-rate curve that makes no sense
    ├── DataError                a data set that can't be read or can't be trained on
    ├── ModelError
    │   ├── UnknownModel         no such architecture; the closest names are offered
    │   ├── WeightsUnavailable   pretrained weights that are neither cached nor reachable
    │   ├── CheckpointMismatch   weights of another architecture; the differing keys are named
    │   ├── UnsafeCheckpoint     a file that would run code when it is read; refused
    │   ├── ExportMismatch       an exported file that says something else than its run's model
    │   └── ModelTooLarge        weights, gradients and optimizer do not fit in memory
    │       └── BatchTooLarge    with the activations of a batch they do not; the largest is named
    ├── TrainingError
    │   └── NonFiniteLoss        the loss became NaN or infinite at a step
    ├── StoreError               a run directory that can't be read or written
    └── RunError
        ├── NoSuchRun            no run of that id or path
        ├── RunFailedError       the worker failed; carries its sentence and its traceback
        │   └── FoldFailed       one fold of a cross-validation; carries the folds before it
        ├── RunInterrupted       the worker is gone without a last word
        ├── RunTimeout           the run has not ended in time; it trains on
        └── CommandRefused       the worker (or the state of the run) said no, and why
"""

from __future__ import annotations

__all__ = [
    "BatchTooLarge",
    "CheckpointMismatch",
    "CommandRefused",
    "ConfigError",
    "DataError",
    "ExportMismatch",
    "FoldFailed",
    "ModelError",
    "ModelTooLarge",
    "NbFinetuneError",
    "NoSuchRun",
    "NonFiniteLoss",
    "RunError",
    "RunFailedError",
    "RunInterrupted",
    "RunTimeout",
    "ScheduleError",
    "StoreError",
    "TrainingError",
    "UnknownModel",
    "UnsafeCheckpoint",
    "WeightsUnavailable",
]


class NbFinetuneError(Exception):
    """Base of all errors that nbfinetune raises on purpose."""


class ConfigError(NbFinetuneError, ValueError):
    """A setting that can't work, found before anything is spawned."""


class ScheduleError(ConfigError):
    """A learning-rate curve that makes no sense."""


class DataError(NbFinetuneError):
    """A data set that can't be read or can't be trained on."""


class ModelError(NbFinetuneError):
    """A model that can't be built."""


class UnknownModel(ModelError):
    """No such architecture; the message offers the closest names."""


class WeightsUnavailable(ModelError):
    """Pretrained weights that are neither cached nor reachable."""


class CheckpointMismatch(ModelError):
    """Weights of another architecture; the message names the keys that differ."""


class UnsafeCheckpoint(ModelError):
    """A weights file that would run code when it is read."""


class ExportMismatch(ModelError):
    """An exported file that gives other classes than the model of its run, or can't be loaded."""


class ModelTooLarge(ModelError):
    """Weights, gradients and optimizer state do not fit in memory."""


class BatchTooLarge(ModelTooLarge):
    """What the layers keep of a batch does not fit in memory; the message names the largest."""


class TrainingError(NbFinetuneError):
    """Training can't go on."""


class NonFiniteLoss(TrainingError):
    """The loss became NaN or infinite."""


class StoreError(NbFinetuneError):
    """A run directory that can't be read or written."""


class RunError(NbFinetuneError):
    """Something that was asked of a run and can't be done."""


class NoSuchRun(RunError, LookupError):
    """No run of that id or path."""


class RunFailedError(RunError):
    """The worker failed.

    Attributes
    ----------
    error : str
        Name of the error's class in the worker.
    details : str
        The worker's traceback.
    """

    def __init__(self, message: str, error: str = "", details: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.details = details


class FoldFailed(RunFailedError):
    """A fold of a cross-validation ended without a result.

    Attributes
    ----------
    fold : int
        Its number, from 0.
    finished : CrossValidation
        The folds before it, whole.
    """

    def __init__(
        self, message: str, error: str = "", details: str = "", *, fold: int, finished: object
    ) -> None:
        super().__init__(message, error, details)
        self.fold = fold
        self.finished = finished


class RunInterrupted(RunError):
    """The worker is gone without a last word; the run can be resumed."""


class RunTimeout(RunError, TimeoutError):
    """The run has not ended in the time that was allowed for waiting; it trains on."""


class CommandRefused(RunError):
    """A command that was answered with no, and why."""
