"""What is asked of a pruning: whether it can be, and which layers its names mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nbfinetune.errors import ConfigError
from nbfinetune.models.catalogue import most_like
from nbfinetune.pruning.plan import Wishes
from nbfinetune.pruning.structure import Structure
from nbfinetune.records import PruningConfig

OFFERED = 3


def check(pruning: PruningConfig, epochs: int) -> None:
    """Refuse what contradicts itself, before anything is spawned.

    Parameters
    ----------
    epochs : int
        That are trained from the pruning on.

    Raises
    ------
    ConfigError
        With a sentence.
    """
    if not pruning.amount:
        return
    gradual = pruning.gradual_epochs
    if gradual > epochs:
        raise ConfigError(
            f"gradual_epochs is {gradual:g}, but {epochs} epochs are trained; give more epochs "
            "(recover_epochs), of which the last ones train what is left"
        )
    if pruning.target == "latency" and gradual:
        raise ConfigError(
            "target is 'latency' and gradual_epochs is "
            f"{gradual:g}: a time is measured once, before the first step; give target='macs', or "
            "leave gradual_epochs out"
        )
    if pruning.target == "latency" and pruning.method == "unstructured":
        raise ConfigError(
            "target is 'latency' and method is 'unstructured': single weights that are zero make "
            "no layer faster; give method='structured'"
        )


def wishes_for(
    structure: Structure, pruning: PruningConfig, widths: Mapping[str, int] | None = None
) -> Wishes:
    """What a planner is to heed.

    Parameters
    ----------
    pruning : PruningConfig
        `protect` and `pushed` name layers, or modules with layers in them; what hangs together
        with them is meant, too.
    widths : mapping of str to int, optional
        By group its width before any pruning, of which a part always stays.

    Raises
    ------
    ConfigError
        If a name is none of a layer whose channels could go; the closest are offered.
    """
    protected = [group for name in pruning.protect for group in _meant(structure, name, "protect")]
    pushed = {
        group: factor
        for name, factor in pruning.pushed.items()
        for group in _meant(structure, name, "pushed")
    }
    return Wishes(
        round_to=pruning.round_to,
        uniform=pruning.uniform,
        protected=frozenset(protected),
        pushed=pushed,
        widths=widths or {},
    )


def _meant(structure: Structure, name: str, field: str) -> Iterator[str]:
    groups = [
        group.name
        for group in structure.groups
        if any(m.side == "out" and f"{m.layer}.".startswith(f"{name}.") for m in group.members)
    ]
    if not groups:
        names = [group.name for group in structure.groups]
        near = ", ".join(most_like(name, names, OFFERED) or names[:OFFERED])
        raise ConfigError(
            f"{field} names {name!r}, which is no layer whose channels could be removed; "
            f"closest: {near}"
        )
    yield from groups
