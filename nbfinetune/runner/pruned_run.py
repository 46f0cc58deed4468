"""Pruning by the handle: the run itself as it trains, or its best model as a new run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from msgspec.structs import fields, replace

from nbfinetune.data.sources import Accepted
from nbfinetune.errors import CommandRefused, ConfigError
from nbfinetune.records import (
    LIVE,
    Command,
    CommandApplied,
    FineTuneConfig,
    PlannedEdit,
    Prune,
    PruningConfig,
    RemoveChannels,
    checked,
)
from nbfinetune.runner.fine_tune import begin as begin_run
from nbfinetune.runner.replay import share_data
from nbfinetune.runner.settings import adjusted
from nbfinetune.store.layout import checkpoint

if TYPE_CHECKING:
    from nbfinetune.runner.run import Run

RECOVER_EPOCHS = 2

METHODS = tuple(
    value
    for field in fields(PruningConfig)
    if field.name == "method"
    for value in get_args(field.type)
)
OF_WEIGHTS = ("scope", "below", "pattern", "gradual_epochs")
"""What may be wished for where single weights go."""

OF_CHANNELS = tuple(f.name for f in fields(PruningConfig) if f.name not in ("amount", "method"))


def prune(
    run: Run,
    amount: float | None,
    method: str,
    wishes: Mapping[str, Any],
    *,
    live: bool | None,
    ask: Callable[[Command], CommandApplied],
    best_folder: Callable[[], Path],
) -> CommandApplied | Run:
    """Prune a run as `Run.prune` says.

    Parameters
    ----------
    ask : callable
        Sends a command to the run's worker and gives its answer.
    best_folder : callable
        Gives the run's folder, if there is a best model in it.

    Raises
    ------
    ConfigError
        Before anything is spawned.
    CommandRefused
        If the run can't do what is asked of it.
    RunError
        If there is no best model.
    """
    _check_names(method, wishes)
    if live is None:
        live = method == "unstructured" and run.status in LIVE and _concern_the_run(wishes)
    if not live:
        _check_amount(amount, wishes)
        config = smaller(run.config, checkpoint(best_folder(), "best"), amount, method, wishes)
        accepted = Accepted(config.data.source, partial(share_data, run.path), run.id)
        return begin_run(accepted, config)
    command = _command(amount, method, wishes)
    if run.status not in LIVE:
        raise CommandRefused(
            f"run {run.id} is {run.status}, so there is no training that could be pruned; leave "
            "live out, and a new run begins with a smaller copy of its best model"
        )
    return ask(command)


def smaller(
    config: FineTuneConfig,
    best: Path,
    amount: float | None,
    method: str,
    wishes: Mapping[str, Any],
) -> FineTuneConfig:
    """Config of the run that goes on with a smaller copy of `best`, along the run's own curve.

    Raises
    ------
    ConfigError
        If a value can't be.
    """
    given = dict(wishes)
    epochs = given.pop("recover_epochs", RECOVER_EPOCHS)
    pruning = {name: given.pop(name) for name in OF_CHANNELS if name in given}
    edit = {name: given.pop(name) for name in ("scope", "below", "pattern") if name in given}
    if edit.pop("scope", "network") == "layer":
        pruning["uniform"] = True
    edits = (checked(Prune(**edit)),) if edit else ()
    planned = tuple(PlannedEdit(step=0, edit=one) for one in edits)
    model = replace(
        config.model,
        checkpoint=str(best.resolve()),
        freeze="none",
        freeze_epochs=0,
        train_stages=None,
    )
    start = replace(config, model=model, planned=planned, lr_search="off")
    given.setdefault("epochs", epochs)
    asked = {"amount": 0.0 if amount is None else amount, "method": method, **pruning}
    return adjusted(start, {**given, "pruning": asked})


def _check_names(method: str, wishes: Mapping[str, Any]) -> None:
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}; give one of {', '.join(METHODS)}")
    unstructured = method == "unstructured"
    known, others = (OF_WEIGHTS, OF_CHANNELS) if unstructured else (OF_CHANNELS, OF_WEIGHTS)
    foreign = [name for name in wishes if name in others and name not in known]
    if foreign:
        raise ConfigError(
            f"{', '.join(foreign)} is nothing that method={method!r} heeds (that is "
            f"{', '.join(known)}); "
            + ("give method='structured'" if unstructured else "give method='unstructured'")
        )
    scope = wishes.get("scope", "network")
    if scope not in ("network", "layer"):
        raise ConfigError(f"scope is {scope!r}; give 'network' or 'layer'")


def _check_amount(amount: float | None, wishes: Mapping[str, Any], *, none: bool = False) -> None:
    """Refuse what is no part; `none`, that nothing goes, is one where weights are let go again."""
    instead = [name for name in ("below", "pattern") if wishes.get(name) is not None]
    if len(instead) == 1 and amount is None and not wishes.get("gradual_epochs"):
        return
    if instead:
        raise ConfigError(
            f"{' and '.join(instead)} says which weights go, all at once; leave out "
            f"{'amount and gradual_epochs' if len(instead) == 1 else 'one of them'}"
        )
    try:
        part = math.nan if amount is None else float(amount)
    except (TypeError, ValueError):
        part = math.nan
    if not (0 < part < 1 or (none and part == 0)):
        raise ConfigError(
            f"amount is {amount!r}; give the part that goes, between 0 and 1, such as 0.5"
        )


def _concern_the_run(wishes: Mapping[str, Any]) -> bool:
    """Whether nothing is wished for that only a new run can have."""
    return all(name in (*OF_WEIGHTS, *OF_CHANNELS) for name in wishes)


def _command(amount: float | None, method: str, wishes: Mapping[str, Any]) -> Command:
    foreign = [name for name in wishes if name not in (*OF_WEIGHTS, *OF_CHANNELS)]
    if foreign:
        raise ConfigError(
            f"{', '.join(foreign)} belongs to a new run, and live=True prunes this one as it "
            "trains; leave one of them out"
        )
    _check_amount(amount, wishes, none=method == "unstructured")
    given = dict(wishes) if amount is None else {**wishes, "amount": float(amount)}
    if method == "unstructured" and not given.get("gradual_epochs"):
        given.pop("gradual_epochs", None)
        return checked(Prune(**given))
    if given.pop("scope", "network") == "layer":
        given["uniform"] = True
    pruning = checked(PruningConfig(method=method, **given))  # type: ignore[arg-type]
    if pruning.target == "latency":
        raise ConfigError(
            "target is 'latency', which is measured before a first step; give target='macs', or "
            "leave live out"
        )
    return RemoveChannels(pruning=pruning)
