"""How far a run has come: everything of its state that is not a tensor."""

from __future__ import annotations

from typing import Any

import msgspec

from nbfinetune.records import EpochDone, FineTuneConfig, Plateau, PruningConfig, Schedule

FOLLOWED = ("val_loss", "accuracy", "macro_f1")


class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model before any pruning of its run: what amounts are parts of.

    Parameters
    ----------
    parameters, macs : float
        Multiply-accumulates of one image.
    widths : dict of str to int
        Channels (or heads), by the layer that makes them.
    """

    parameters: float
    macs: float
    widths: dict[str, int]

    def cost(self, target: str) -> float:
        """`parameters` or `macs`, by its name."""
        return self.parameters if target == "parameters" else self.macs


class Gradual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pruning that goes on while the model trains.

    Parameters
    ----------
    pruning : PruningConfig
    begun : int
        Optimizer steps taken when it began.
    steps : int
        That it takes.
    """

    pruning: PruningConfig
    begun: int
    steps: int


class Progress(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Position, history and live settings; kept in each checkpoint.

    Parameters
    ----------
    step : int
        Optimizer steps taken.
    epoch : int
        Epochs finished.
    batch : int
        Batches of the epoch in hand that are done.
    losses : int
        Steps whose loss is in `loss_sum`.
    loss_sum : float
        Sum of the steps' losses in the epoch in hand.
    epoch_s, elapsed_s : float
        Seconds trained in the epoch in hand and in the run, pauses not counted.
    best_value, best_epoch
        Of the monitored measure; None before the first epoch has ended.
    history : dict of str to list of float
        Of the measures that a schedule or a stop may follow, one value per finished epoch.
    edits : list of int
        Numbers of the commands whose edits are in force.
    thawed : bool
        Whether frozen layers were unfrozen.
    epochs : int
        Length of the run.
    momentum : float
        Of the optimizer, where no curve asks for another.
    schedule_since : int
        Epochs that had ended when `schedule` came into force.
    best_since : int
        Epochs that had ended when the search for the best began anew: another model since.
    whole : Whole, optional
        Once something was pruned away.
    gradual : Gradual, optional
        While it goes on.
    feature_views : int, optional
        Views of each image whose features are kept; 0 once none are.
    schedule, weight_decay, clip_norm, clip_weights, l1, micro_batch
        As the edits and the device's memory have left them.
    """

    schedule: Schedule
    epochs: int
    weight_decay: float
    momentum: float
    clip_norm: float
    l1: float
    micro_batch: int
    step: int = 0
    epoch: int = 0
    batch: int = 0
    losses: int = 0
    loss_sum: float = 0.0
    epoch_s: float = 0.0
    elapsed_s: float = 0.0
    best_value: float | None = None
    best_epoch: int | None = None
    history: dict[str, list[float]] = {}
    edits: list[int] = []
    schedule_since: int = 0
    thawed: bool = False
    clip_weights: float = 0.0
    best_since: int = 0
    whole: Whole | None = None
    gradual: Gradual | None = None
    feature_views: int | None = None

    @classmethod
    def start(cls, config: FineTuneConfig, whole: Whole | None = None) -> Progress:
        """Where every run begins; with a model that was `whole` where it has been pruned."""
        training = config.training
        return cls(
            schedule=config.schedule,
            epochs=training.epochs,
            weight_decay=config.optimizer.weight_decay,
            momentum=config.optimizer.momentum,
            clip_norm=config.optimizer.clip_norm,
            clip_weights=config.optimizer.clip_weights,
            l1=config.optimizer.l1,
            micro_batch=-(-training.batch_size // training.accumulate),
            whole=whole,
        )

    def to_json(self) -> Any:
        """As values that JSON can hold."""
        return msgspec.to_builtins(self)

    @classmethod
    def from_json(cls, value: Any) -> Progress:
        """Back from `to_json`."""
        return msgspec.convert(value, cls)

    def plateau_history(self) -> list[float]:
        """Values of the measure that a `Plateau` schedule follows, one per epoch since."""
        if not isinstance(self.schedule, Plateau):
            return []
        return self.history.get(self.schedule.metric, [])[self.schedule_since :]

    def stale_epochs(self) -> int:
        """Epochs since the best one; none while a pruning goes on."""
        since = max(self.best_epoch or 0, self.best_since)
        return 0 if self.gradual else self.epoch - since

    def forget_best(self) -> None:
        """Begin the search for the best model anew: the model is another one from here on."""
        self.best_value = self.best_epoch = None
        self.best_since = self.epoch

    def end_epoch(self, done: EpochDone) -> None:
        """Count an epoch as finished."""
        for name in FOLLOWED:
            self.history.setdefault(name, []).append(getattr(done, name))
        self.epoch += 1
        self.batch = self.losses = 0
        self.loss_sum = self.epoch_s = 0.0
