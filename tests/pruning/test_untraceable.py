"""Networks that can't be traced are refused by the part that stands in the way; the rest is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import shufflenet_v2_x0_5, swin_t

from nbfinetune.errors import ModelError
from nbfinetune.pruning.tracing import trace


class Net(nn.Module):
    """A stem, something in the middle, a classifier."""

    def __init__(self, middle: nn.Module) -> None:
        super().__init__()
        self.stem, self.middle, self.head = nn.Conv2d(3, 8, 3), middle, nn.Linear(8, 2)

    def forward(self, images):
        return self.head(self.middle(self.stem(images)).mean((2, 3)))


class Gate(nn.Module):
    """Uses one of two layers, by what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.bright, self.dark = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, features):
        return self.bright(features) if features.mean() > 1e3 else self.dark(features)


class Louder(nn.Module):
    """Looks at values, but always uses the same layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, features):
        features = self.conv(features)
        return 2 * features if features.mean() > 0 else features


class Aside(nn.Module):
    """What the second layer reads comes to it where no gradient leads; the third is ordinary."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.third, self.fourth = nn.Conv2d(8, 16, 1), nn.Conv2d(16, 8, 1)

    def forward(self, features):
        features = self.first(features)
        features = self.second(features) + features.detach()
        return self.fourth(self.third(features.relu()))


def groups(module: nn.Module) -> set[str]:
    heads = ("head",) if isinstance(module, Net) else ("fc",)
    return {group.name for group in trace(module, heads, 64).groups}


def test_a_branch_over_layers_is_refused_by_its_part_with_a_way_out():
    with pytest.raises(
        ModelError, match=r"middle \(Gate\) of Net decides .*middle\.bright.*method='unstructured'"
    ):
        groups(Net(Gate()))


def test_a_look_at_values_that_leaves_the_layers_alone_is_no_obstacle():
    assert groups(Net(Louder())) == {"stem", "middle.conv"}


def test_what_is_read_where_no_gradient_leads_stays_whole_and_the_rest_goes():
    assert groups(Net(Aside())) == {"stem", "middle.third", "middle.fourth"}


def test_a_part_that_the_graph_does_not_know_is_named():
    with pytest.raises(ModelError, match=r"stage2 \(Sequential\) of ShuffleNetV2 can't be traced"):
        groups(shufflenet_v2_x0_5(num_classes=5))


class Broken(nn.Module):
    """A layer with a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, features):
        raise RuntimeError("not today")


def test_a_part_that_does_not_run_is_named_with_its_fault():
    with pytest.raises(ModelError, match=r"middle \(Broken\) of Net can't be .*not today"):
        groups(Net(Broken()))


def test_a_network_with_nothing_to_remove_is_refused():
    with pytest.raises(ModelError, match=r"no channels that could be removed.*unstructured"):
        trace(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2)), ("1",), 64)
    assert torch.is_grad_enabled()


@pytest.mark.slow
def test_a_walk_that_would_never_end_leaves_those_layers_whole():
    torch.manual_seed(0)
    model = swin_t(num_classes=5)
    found = {group.name for group in trace(model, ("head",), 64).groups}
    assert {f"features.{stage}.0.mlp.0" for stage in (1, 3, 5, 7)} <= found
