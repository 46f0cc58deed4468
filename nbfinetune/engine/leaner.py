"""What goes out of a model so that an amount is met, and the model without it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import torch
from torch import nn

from nbfinetune.engine import judging, latency
from nbfinetune.engine.assemble import Parts
from nbfinetune.engine.narrowing import groups_left
from nbfinetune.engine.progress import Whole
from nbfinetune.engine.validation import validate
from nbfinetune.errors import ModelError, TrainingError
from nbfinetune.models.heads import head_names
from nbfinetune.models.recipe import Recipe
from nbfinetune.models.removing import remove
from nbfinetune.pruning.asking import wishes_for
from nbfinetune.pruning.blocks import depth_recipe
from nbfinetune.pruning.calibration import recalibrate
from nbfinetune.pruning.importance import Scores
from nbfinetune.pruning.layer_costs import priced
from nbfinetune.pruning.plan import TOLERANCE, Planner
from nbfinetune.pruning.structure import Counts, Structure
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.tracing import trace
from nbfinetune.records import ChannelsRemoved, PhaseStarted

Emit = Callable[[ChannelsRemoved | PhaseStarted], None]


@dataclass(frozen=True)
class Cut:
    """What goes, decided and not yet done.

    Parameters
    ----------
    recipes : tuple of Recipe
        In order.
    told : ChannelsRemoved
    """

    recipes: tuple[Recipe, ...]
    told: ChannelsRemoved


@dataclass(frozen=True)
class Chooser:
    """Chooses what goes out of the model of some parts, by the wishes of their config.

    Parameters
    ----------
    parts : Parts
        The model is looked at and left as it is, in evaluation mode.
    whole : Whole, optional
        What amounts are parts of; default the model as it is.
    """

    parts: Parts
    whole: Whole | None = None

    @cached_property
    def structure(self) -> Structure:
        """What can go. Blocks can, too, where no channels can."""
        parts = self.parts
        model, channels = parts.model, parts.config.model.in_chans
        try:
            return trace(model, head_names(model), parts.image_size, channels)
        except ModelError:
            if parts.config.pruning.method != "depth":
                raise
        image = torch.zeros(1, channels, parts.image_size, parts.image_size)
        return priced(model.eval(), (), image.to(parts.placement.device))

    @cached_property
    def before(self) -> Whole:
        """The model before any pruning of the run."""
        return self.whole or Whole(
            parameters=self.structure.cost("parameters"),
            macs=self.structure.cost("macs"),
            widths={group.name: group.units for group in self.structure.groups},
        )

    @cached_property
    def scores(self) -> Scores:
        """How important every unit is."""
        return judging.scores(self.parts, self.structure)

    @cached_property
    def planner(self) -> Planner:
        """Turns amounts of the model as it is into counts."""
        wishes = wishes_for(self.structure, self.parts.config.pruning, self.before.widths)
        return Planner(self.structure, self.scores, wishes)

    def most(self, target: str) -> float:
        """Part of the target, of the model before any pruning, that can go at most."""
        left = 1 - self.planner.most(target) if self.structure.groups else 1.0
        return 1 - left * self.structure.cost(target) / self.before.cost(target)

    def cut(self, amount: float, target: str) -> Cut:
        """Choose so much that `amount` of the target is gone afterwards.

        Blocks go first where the method is ``"depth"``.

        Parameters
        ----------
        amount : float in (0, 1)
            Of the model before any pruning.
        target : {"macs", "parameters"}

        Raises
        ------
        TrainingError
            If so much is gone already.
        ConfigError
            If so much can't go.
        """
        now, whole = self.structure.cost(target), self.before.cost(target)
        part = 1 - (1 - amount) * whole / now
        if part <= 0:
            raise TrainingError(
                f"amount is {amount:g}, but {1 - now / whole:.2f} of the {target} is gone already; "
                "an amount is a part of the model as it was before: ask for more"
            )
        blocks = self._blocks(part, target)
        if blocks is None:
            return self._channels(part, target)
        shallower = replace(self.parts, model=copy.deepcopy(self.parts.model))
        remove(shallower.model, blocks)
        rest = Chooser(shallower, self.before)
        left = 1 - (1 - amount) * whole / rest.structure.cost(target)
        if left <= TOLERANCE / 2:
            return self._told((blocks,), rest.structure)
        more = rest._channels(left, target)
        return self._told((blocks, *more.recipes), rest.structure, more.told)

    def _blocks(self, part: float, target: str) -> Recipe | None:
        parts, pruning = self.parts, self.parts.config.pruning
        if pruning.method != "depth":
            return None
        return depth_recipe(
            parts.model,
            judging.some_batches(parts),
            parts.loss,
            part,
            target,
            parts.image_size,
            parts.config.model.in_chans,
            protect=pruning.protect,
        )

    def _channels(self, part: float, target: str) -> Cut:
        structure = self.structure
        if not structure.groups:  # say what is in the way
            model, channels = self.parts.model, self.parts.config.model.in_chans
            trace(model, head_names(model), self.parts.image_size, channels)
        removed = self.planner.removed(part, target)
        recipe = recipe_for(self.parts.model, structure.groups, self.scores, removed)
        return Cut((recipe,), _told(structure, removed))

    def _told(
        self, recipes: tuple[Recipe, ...], rest: Structure, more: ChannelsRemoved | None = None
    ) -> Cut:
        """What goes with whole blocks, and maybe channels of what they leave."""
        none = _told(rest, 0 * rest.units)
        told = msgspec.structs.replace(
            more or none,
            parameters=(round(self.structure.cost("parameters")), (more or none).parameters[1]),
            macs=(round(self.structure.cost("macs")), (more or none).macs[1]),
            blocks=recipes[0].blocks,
        )
        return Cut(recipes, told)


def choose(chooser: Chooser, amount: float, emit: Emit) -> Cut:
    """What goes by the wishes of the config; the first process's choice, in all of them.

    Where less can go than asked for, the most that can goes, and that is told.

    Raises
    ------
    NbFinetuneError
        With the sentence that says why nothing can go.
    """
    pruning = chooser.parts.config.pruning
    emit(PhaseStarted(phase="choosing the channels that go"))
    if pruning.target == "latency":
        cut = latency.cut(chooser, amount)
    else:
        if pruning.method == "structured":
            amount = _at_most(chooser, amount, pruning.target, emit)
        cut = chooser.cut(amount, pruning.target)
    return Cut(chooser.parts.world.share(cut.recipes), cut.told)


def _at_most(chooser: Chooser, amount: float, target: str, emit: Emit) -> float:
    most = chooser.most(target)
    if amount <= most + TOLERANCE:
        return amount
    emit(
        PhaseStarted(
            phase=f"{most:.2f} of the {target} go instead of {amount:g}: a tenth of every layer "
            "stays, and what is protected"
        )
    )
    return most


def pruned(parts: Parts, emit: Emit, *, measured: bool = False) -> Parts:
    """Parts with a smaller model, where the config asks for one; the same parts where not.

    What goes by and by, or weight by weight, is not for here.

    Parameters
    ----------
    emit : callable
        Told what is done, and what went.
    measured : bool
        Whether to measure at once what is left of the accuracy.
    """
    wanted = parts.config.pruning
    if not wanted.amount or wanted.gradual_epochs or wanted.method == "unstructured":
        return parts
    chooser = Chooser(parts)
    cut = choose(chooser, wanted.amount, emit)
    for recipe in cut.recipes:
        remove(parts.model, recipe)
    settle(parts.model, parts)
    told = cut.told
    if measured:
        told = msgspec.structs.replace(told, accuracy=accuracy(parts.model, parts))
    emit(told)
    return replace(
        parts,
        recipes=(*parts.recipes, *cut.recipes),
        groups=groups_left(parts.groups, parts.model),
        whole=chooser.before,
    )


def settle(model: nn.Module, parts: Parts) -> None:
    """Lay the weights of a narrower model out as before, and measure its batch norms anew."""
    model.to(memory_format=parts.placement.memory_format)
    recalibrate(model, (images for images, _ in judging.some_batches(parts)))


def accuracy(model: nn.Module, parts: Parts) -> float | None:
    """Part of the validation images that a model knows, in all processes."""
    outputs = validate(model, parts, between=lambda: None)
    known = None if outputs is None else float((outputs.logits.argmax(1) == outputs.labels).mean())
    told: float | None = parts.world.share(known)
    return told


def _told(structure: Structure, removed: Counts) -> ChannelsRemoved:
    return ChannelsRemoved(
        parameters=(round(structure.cost("parameters")), round(structure.parameters(removed))),
        macs=(round(structure.cost("macs")), round(structure.macs(removed))),
        layers={
            group.name: (group.units, group.units - int(count))
            for group, count in zip(structure.groups, removed, strict=True)
        },
    )
