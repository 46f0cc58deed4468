"""What a model costs by its footprint, against published tables and against torch itself."""

from __future__ import annotations

import csv

import pytest
import timm
import torch
from torch import nn

from nbfinetune.models.footprint import footprint
from nbfinetune.models.groups import layer_groups, set_trainable
from nbfinetune.models.heads import head_names

TABLE = "timm_results/benchmark-infer-amp-nchw-pt291-cu128-4090.csv"
PUBLISHED = [
    "resnet18",
    "resnet50",
    "vgg16",
    "inception_v3",
    "mobilenetv3_small_100",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_small_patch16_224",
    "swin_tiny_patch4_window7_224",
    "densenet121",
]


def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return timm.create_model(name)


def held_by_torch(module: nn.Module, batch: int, size: int) -> int:
    """Bytes that autograd keeps of a batch, the weights aside."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        module.train()(torch.zeros(batch, 3, size, size))
    return sum(storage.nbytes() for storage in kept.values())


def test_multiplications_and_activations_are_those_that_timm_publishes(shared_data):
    with shared_data(TABLE).open() as table:
        rows = {row["model"]: row for row in csv.DictReader(table)}
    for name in PUBLISHED:
        row = rows[name]
        found = footprint(on_meta(name), int(row["infer_img_size"]))
        assert found.parameters / 1e6 == pytest.approx(float(row["param_count"]), abs=0.006)
        # The tables count norms and the scaling of channels as well.
        assert found.macs / 1e9 == pytest.approx(float(row["infer_gmacs"]), rel=0.05, abs=0.006)
        assert found.activations / 1e6 == pytest.approx(float(row["infer_macts"]), rel=0.01)


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 64), ("vit_tiny_patch16_224", 224), ("mobilenetv3_small_050", 64)],
)
def test_what_is_held_for_the_backward_pass_is_what_torch_saves(name, size):
    found = footprint(on_meta(name), size)
    module = timm.create_model(name)
    two, four = held_by_torch(module, 2, size), held_by_torch(module, 4, size)
    assert found.saved_bytes == pytest.approx((four - two) / 2, rel=0.005)


def test_weights_that_are_normalised_are_held_once_and_not_for_each_image():
    small, large = footprint(on_meta("nfnet_l0"), 64), footprint(on_meta("nfnet_l0"), 128)
    assert small.fixed_bytes == pytest.approx(large.fixed_bytes, rel=0.01)
    assert small.fixed_bytes > 2 * small.parameters
    assert large.saved_bytes == pytest.approx(4 * small.saved_bytes, rel=0.03)


def test_a_frozen_backbone_holds_next_to_nothing_and_peaks_where_its_layers_are_largest():
    module = on_meta("resnet18")
    everything = footprint(module, 128)
    head = [n for n, _ in module.named_parameters() if n.startswith("fc.")]
    alone = footprint(module, 128, trained=head)
    assert alone.trained == 512 * 1000 + 1000
    assert alone.saved_bytes < everything.saved_bytes / 10
    assert alone.saved_bytes < alone.peak_bytes < everything.peak_bytes / 2


def test_the_module_is_left_as_it_was():
    module = on_meta("test_resnet").eval()
    set_trainable(module, layer_groups(module, head_names(module)), "backbone")
    before = [(n, p.requires_grad) for n, p in module.named_parameters()]
    footprint(module, 64, trained=[n for n, _ in before])
    assert [(n, p.requires_grad) for n, p in module.named_parameters()] == before
    assert not module.training
    assert all(p.grad is None for p in module.parameters())


def test_following_a_model_draws_no_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    footprint(on_meta("test_vit"), 160)
    assert torch.rand(1) == expected
