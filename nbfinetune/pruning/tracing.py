"""What of a network can be removed, found by following its gradients.

The graph is Torch-Pruning's, which knows which slices of which layers hang together through
additions, concatenations and reshapes (Fang et al., arXiv:2301.12900); ours would be no better.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nbfinetune.errors import ModelError
from nbfinetune.models.removing import remove
from nbfinetune.pruning.attention import head_groups
from nbfinetune.pruning.coupling import coupled
from nbfinetune.pruning.gradients import all_trained
from nbfinetune.pruning.layer_costs import priced
from nbfinetune.pruning.structure import Group, Member, Structure
from nbfinetune.pruning.structured import recipe_for
from nbfinetune.pruning.untraceable import guilty_part, passed_by


def trace(
    module: nn.Module, heads: tuple[str, ...], image_size: int, in_chans: int = 3
) -> Structure:
    """Find what can be removed from a network, and what everything costs.

    Channels of residual streams under layer norms (transformers, ConvNeXt) stay, and so do
    channels that a convolution with several groups mixes in blocks (ResNeXt), and those that
    something reads where no gradient leads.

    Parameters
    ----------
    heads : tuple of str
        Modules of the classifier, whose outputs stay.
    image_size : int
        Side in pixels for which multiply-accumulates are counted.

    Raises
    ------
    ModelError
        If the network can't be traced.
    """
    weight = next(module.parameters())
    images = torch.zeros(1, in_chans, image_size, image_size, device=weight.device)
    was_training = module.training
    module.eval()
    try:
        attentions = tuple(head_groups(module))
        groups = (*_channels(module, heads, images, attentions), *attentions)
        if not groups:
            raise ModelError(
                f"{type(module).__name__} has no channels that could be removed: no gradient leads "
                "from its output to a convolution or linear layer before the classifier; "
                "use method='unstructured'"
            )
        return priced(module, _that_fit(module, groups, images), images)
    finally:
        module.train(was_training)


def _that_fit(module: nn.Module, groups: tuple[Group, ...], images: Tensor) -> tuple[Group, ...]:
    """Groups without which the rest still fits, tried on a copy; the others stay whole.

    What no gradient follows (numpy in the middle, a branch on a value) was not seen by the trace.
    """
    blank, nothing = copy.deepcopy(module).to("meta"), images.to("meta")
    if not _fits(blank, (), nothing):  # it looks at values, so it must have some
        blank, nothing = module, images
        _check_branches(module, images)
    if _fits(copy.deepcopy(blank), groups, nothing):
        return groups
    fitting = tuple(g for g in groups if _fits(copy.deepcopy(blank), (g,), nothing))
    if fitting and _fits(copy.deepcopy(blank), fitting, nothing):
        return fitting
    guilty = [group.name for group in groups if group not in fitting]
    raise ModelError(
        f"channels of {', '.join(guilty[:3]) or 'several layers together'} can't be removed from "
        f"{type(module).__name__}: what reads them does so where no gradient leads; "
        "use method='unstructured', or protect these layers"
    )


def _check_branches(module: nn.Module, images: Tensor) -> None:
    others = passed_by(module, images)
    if others:
        part = others[0].rpartition(".")[0]
        raise ModelError(
            f"{_called(module, part)} decides by what it sees which layers it uses (an empty image "
            f"does not pass {', '.join(others[:3])}), so nobody can tell which channels they need; "
            "use method='unstructured'"
        )


def _called(module: nn.Module, part: str) -> str:
    whole = type(module).__name__
    return f"{part} ({type(module.get_submodule(part)).__name__}) of {whole}" if part else whole


def _fits(module: nn.Module, groups: tuple[Group, ...], images: Tensor) -> bool:
    several = [group for group in groups if group.units > 1]
    scores = {group.name: np.arange(group.units, dtype=float) for group in several}
    # Each loses another number, or two that hang together unseen would still fit each other.
    counts = np.array([min(g.units - 1, i) for i, g in enumerate(several, start=1)], np.int64)
    try:
        remove(module, recipe_for(module, several, scores, counts))
        with torch.no_grad():
            module(images)
    except Exception:  # noqa: BLE001 - whatever it is, the rest does not fit
        return False
    return True


def _channels(
    module: nn.Module, heads: tuple[str, ...], images: Tensor, attentions: tuple[Group, ...]
) -> list[Group]:
    import torch_pruning

    outputs = [layer for head in heads for layer in module.get_submodule(head).modules()]
    try:
        # It follows gradients, so they are needed even where a layer is frozen.
        with torch.enable_grad(), all_trained(module), warnings.catch_warnings():
            # Where it gives up following shapes, it says so; whether all fits is tried afterwards.
            warnings.simplefilter("ignore")
            graph = torch_pruning.DependencyGraph()
            graph.build_dependency(module, images, verbose=False)
            found = [*coupled(graph, outputs)]
    except Exception as error:
        with torch.enable_grad(), all_trained(module):
            part = guilty_part(module, images)
        raise ModelError(
            f"{_called(module, part)} can't be traced, so no channels can be removed "
            f"({type(error).__name__}: {str(error)[:200]}); use method='unstructured'"
        ) from error
    reader = _Reader(module, graph, frozenset(outputs), attentions)
    groups = (reader.group(one) for one in found)
    return [group for group in groups if group is not None]


@dataclass(frozen=True)
class _Reader:
    """Reads Torch-Pruning's groups of one network."""

    module: nn.Module
    graph: Any
    outputs: frozenset[nn.Module]
    attentions: tuple[Group, ...]

    def group(self, found: Any) -> Group | None:
        """The same as a `Group`; None where it can't be removed unit by unit."""
        units, members = len(found[0].idxs), {}
        for item in found:
            layer = item.dep.target.module
            if not isinstance(layer, nn.Parameter) and layer not in self._names:
                continue  # an addition, a reshape: nothing of it has weights
            member = self._member(item, layer, units)
            if member is None:
                return None
            members[member.layer, member.side, member.dim] = member
        name = self._names[found[0].dep.target.module]
        return Group(name, units, "channels", tuple(members.values()))

    def _member(self, item: Any, layer: Any, units: int) -> Member | None:
        out = self.graph.is_out_channel_pruning_fn(item.dep.handler)
        table = _table(item, units)
        if table is None or isinstance(layer, nn.LayerNorm) or _mixes_blocks(layer):
            return None
        if isinstance(layer, nn.Parameter):
            name = self._parameter_names.get(id(layer))
            dim = self.graph.module2node[layer].pruning_dim
            return Member(name, "out", table, dim) if name else None
        name = self._names[layer]
        if (out and layer in self.outputs) or (name, out) in self._of_attentions:
            return None
        has_inputs = isinstance(layer, (nn.Conv2d, nn.Linear)) and not _depthwise(layer)
        return Member(name, "out" if out or not has_inputs else "in", table)

    @cached_property
    def _names(self) -> dict[nn.Module, str]:
        return {inner: name for name, inner in self.module.named_modules()}

    @cached_property
    def _parameter_names(self) -> dict[int, str]:
        return {id(parameter): name for name, parameter in self.module.named_parameters()}

    @cached_property
    def _of_attentions(self) -> set[tuple[str, bool]]:
        """Sides of layers that go with heads."""
        return {(m.layer, m.side == "out") for group in self.attentions for m in group.members}


def _table(item: Any, units: int) -> NDArray[np.int64] | None:
    """Row by row what goes with each unit; None where units don't lose alike."""
    pairs = np.array([item.root_idxs, item.idxs], np.int64).T
    roots, places = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].T
    each, rest = divmod(len(places), units)
    if rest or not np.array_equal(roots, np.repeat(np.arange(units), each)):
        return None
    return cast("NDArray[np.int64]", places.reshape(units, each))


def _depthwise(layer: Any) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1


def _mixes_blocks(layer: Any) -> bool:
    return (
        isinstance(layer, nn.Conv2d)
        and layer.groups > 1
        and not (_depthwise(layer) and layer.out_channels == layer.in_channels)
    )
