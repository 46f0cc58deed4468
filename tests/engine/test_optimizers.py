from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm.optim
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nbfinetune.engine.optimizers import (
    add_groups,
    add_l1_gradient,
    load_optimizer_state,
    make_optimizer,
    optimizer_names,
    optimizer_state,
    set_lr,
    set_values,
)
from nbfinetune.errors import CheckpointMismatch, ConfigError
from nbfinetune.records import OptimizerConfig
from nbfinetune.schedules import default_lr

OURS = ["adamw", "adam", "sgd", "rmsprop", "adagrad", "lamb"]
# Kron asks for another package to be fast, and compiles.
TIMMS = [name for name in optimizer_names() if name not in OURS and not name.startswith("kron")]


def network(*, channels_last: bool = False) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3),
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    return model.to(memory_format=torch.channels_last) if channels_last else model


def groups_of(model: nn.Module, weight_decay: float = 0.01) -> list[dict[str, Any]]:
    named = list(model.named_parameters())
    weights = [(n, p) for n, p in named if p.ndim > 1]
    others = [(n, p) for n, p in named if p.ndim == 1]
    return [
        {
            "params": [p for _, p in part],
            "names": [n for n, _ in part],
            "name": name,
            "lr_factor": factor,
            "weight_decay": decay,
        }
        for name, part, factor, decay in (
            ("weights", weights, 1.0, weight_decay),
            ("norms and biases", others, 0.5, 0.0),
        )
    ]


def take_steps(model: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    for step in range(first, last):
        images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        images = images.to(next(model.parameters()).device)
        optimizer.zero_grad()
        model(images).square().mean().backward()
        set_lr(optimizer, 1e-3 * (1 + step))
        optimizer.step()


def through_a_file(
    optimizer: torch.optim.Optimizer, folder: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, meta = optimizer_state(optimizer)
    path = folder / "state.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return load_file(path), json.loads(json.dumps(meta, allow_nan=False))


@pytest.mark.parametrize(
    ("name", "channels_last"),
    [*((name, False) for name in OURS), *((name, True) for name in OURS + TIMMS)],
)
def test_a_restored_optimizer_takes_the_same_steps_to_the_bit(
    name: str, channels_last: bool, tmp_path: Path
):
    assert_resumes_to_the_bit(name, tmp_path, "cpu", channels_last=channels_last)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("name", OURS)
def test_a_restored_optimizer_takes_the_same_steps_on_a_gpu(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    assert_resumes_to_the_bit(name, tmp_path, "cuda", channels_last=True)


def assert_resumes_to_the_bit(name: str, folder: Path, device: str, *, channels_last: bool) -> None:
    config = OptimizerConfig(name=name)
    left_alone = network(channels_last=channels_last).to(device)
    optimizer = make_optimizer(config, groups_of(left_alone), device)
    take_steps(left_alone, optimizer, 0, 5)
    tensors, meta = through_a_file(optimizer, folder)
    weights = {key: value.clone() for key, value in left_alone.state_dict().items()}
    take_steps(left_alone, optimizer, 5, 10)

    resumed = network(channels_last=channels_last).to(device)
    resumed.load_state_dict(weights)
    fresh = make_optimizer(config, groups_of(resumed), device)
    load_optimizer_state(fresh, tensors, meta)
    take_steps(resumed, fresh, 5, 10)
    for key, expected in left_alone.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], expected), key


@pytest.mark.parametrize("name", OURS)
def test_a_restored_optimizer_keeps_what_was_changed_while_it_ran(name: str, tmp_path: Path):
    optimizer = make_optimizer(OptimizerConfig(name=name), groups_of(network()), "cpu")
    set_values(optimizer, weight_decay=0.3)
    fresh = make_optimizer(OptimizerConfig(name=name), groups_of(network()), "cpu")
    load_optimizer_state(fresh, *through_a_file(optimizer, tmp_path))
    for group, other in zip(fresh.param_groups, optimizer.param_groups, strict=True):
        assert {k: v for k, v in group.items() if k != "params"} == {
            k: v for k, v in other.items() if k != "params"
        }
    assert [group["weight_decay"] for group in fresh.param_groups] == [0.3, 0.0]


def test_the_state_of_another_model_is_refused_by_name(tmp_path: Path):
    small, large = network(), nn.Sequential(*network(), nn.Linear(5, 2))
    optimizer = make_optimizer(OptimizerConfig(), groups_of(large), "cpu")
    fresh = make_optimizer(OptimizerConfig(), groups_of(small), "cpu")
    with pytest.raises(CheckpointMismatch, match=r"6\.bias"):
        load_optimizer_state(fresh, *through_a_file(optimizer, tmp_path))


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "adagrad"])
def test_fused_kernels_are_taken_and_agree_with_the_plain_ones(name: str):
    fused, plain = network(), network()
    optimizer = make_optimizer(OptimizerConfig(name=name), groups_of(fused), "cpu")
    assert all(group["fused"] for group in optimizer.param_groups)
    other = make_optimizer(OptimizerConfig(name=name), groups_of(plain), "meta")
    assert not any(group["fused"] for group in other.param_groups)
    for step in range(5):
        for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=torch.Generator().manual_seed(step))
            b.grad = a.grad.clone()
        optimizer.step()
        other.step()
    for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_config_reaches_the_optimizer():
    config = OptimizerConfig(name="SGD", momentum=0.8, nesterov=True)
    (group, _) = make_optimizer(config, groups_of(network()), "cpu").param_groups
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.8, True, 0.01)
    config = OptimizerConfig(name="adamw", momentum=0.85)
    assert make_optimizer(config, groups_of(network()), "cpu").param_groups[0]["betas"] == (
        0.85,
        0.999,
    )
    config = OptimizerConfig(name="lamb", momentum=0.85)
    assert make_optimizer(config, groups_of(network()), "cpu").param_groups[0]["betas"][0] == 0.85
    still = OptimizerConfig(name="sgd", momentum=0.0, nesterov=True)
    take_steps(model := network(), make_optimizer(still, groups_of(model), "cpu"), 0, 1)


def test_timms_optimizers_keep_their_own_betas_unless_asked():
    own = timm.optim.get_optimizer_class("lion")([nn.Parameter(torch.zeros(1))]).defaults["betas"]
    optimizer = make_optimizer(OptimizerConfig(name="lion"), groups_of(network()), "cpu")
    assert optimizer.param_groups[0]["betas"] == own


@pytest.mark.parametrize("name", ["adamv", "lokahead_adam", "fusedadam", "bnbadam8bit"])
def test_an_unknown_optimizer_is_refused_with_the_closest_names(name: str):
    with pytest.raises(ConfigError, match=f"no optimizer '{name}'; closest: .*adam"):
        make_optimizer(OptimizerConfig(name=name), groups_of(network()), "cpu")


def test_each_group_has_its_own_part_of_the_rate():
    optimizer = make_optimizer(OptimizerConfig(), groups_of(network()), "cpu")
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == [default_lr("adamw"), default_lr("adamw") / 2]
    set_lr(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]


def test_corrected_weight_decay_is_measured_by_the_highest_rate():
    corrected = OptimizerConfig(name="adamc")
    optimizer = make_optimizer(corrected, groups_of(network()), "cpu", lr=0.02)
    assert {float(group["max_lr_snapshot"]) for group in optimizer.param_groups} == {0.02}


def test_weight_decay_never_reaches_norms_and_biases_even_after_zero():
    optimizer = make_optimizer(OptimizerConfig(), groups_of(network()), "cpu")
    set_values(optimizer, weight_decay=0.0)
    set_values(optimizer, weight_decay=0.2)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.2, 0.0]


def test_weight_decay_may_begin_at_zero():
    optimizer = make_optimizer(OptimizerConfig(), groups_of(network(), 0.0), "cpu")
    set_values(optimizer, weight_decay=0.2)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.2, 0.0]


@pytest.mark.parametrize("name", ["rmsprop", "rmsproptf", "sgd", "adamw", "lamb"])
def test_momentum_may_be_changed_while_training(name: str):
    start = OptimizerConfig(name=name, momentum=0.0)
    model = network()
    optimizer = make_optimizer(start, groups_of(model), "cpu")
    take_steps(model, optimizer, 0, 2)
    set_values(optimizer, momentum=0.7)
    take_steps(model, optimizer, 2, 4)
    for group in optimizer.param_groups:
        assert (group["momentum"] if "momentum" in group else group["betas"][0]) == 0.7


def test_momentum_is_refused_where_there_is_none_and_nothing_changes():
    optimizer = make_optimizer(OptimizerConfig(name="adagrad"), groups_of(network()), "cpu")
    with pytest.raises(ConfigError, match=r"Adagrad has no momentum .* 0\.5"):
        set_values(optimizer, weight_decay=0.7, momentum=0.5)
    assert optimizer.param_groups[0]["weight_decay"] == 0.01


@pytest.mark.parametrize("name", OURS)
def test_thawed_parameters_train_from_a_fresh_state(name: str, tmp_path: Path):
    model = network()
    head = groups_of(model[5])
    frozen = groups_of(model[:5])
    optimizer = make_optimizer(OptimizerConfig(name=name), head, "cpu")
    take_steps(model, optimizer, 0, 2)
    set_values(optimizer, weight_decay=0.05)
    before = model[0].weight.detach().clone()
    add_groups(optimizer, frozen)
    take_steps(model, optimizer, 2, 4)
    assert not torch.equal(model[0].weight, before)
    names = [group["names"] for group in optimizer.param_groups]
    assert names == [group["names"] for group in (*head, *frozen)]
    fresh = make_optimizer(OptimizerConfig(name=name), head, "cpu")
    add_groups(fresh, frozen)
    load_optimizer_state(fresh, *through_a_file(optimizer, tmp_path))


def test_thawed_parameters_take_over_a_momentum_that_was_changed():
    model = network()
    optimizer = make_optimizer(OptimizerConfig(), groups_of(model[5]), "cpu")
    set_values(optimizer, momentum=0.5)
    add_groups(optimizer, groups_of(model[:5]))
    assert {group["betas"] for group in optimizer.param_groups} == {(0.5, 0.999)}


def test_l1_pulls_the_weights_that_decay_towards_zero():
    model = network()
    optimizer = make_optimizer(OptimizerConfig(l1=0.1), groups_of(model), "cpu")
    loss = model(torch.ones(2, 3, 8, 8)).square().mean()
    loss.backward(retain_graph=True)
    add_l1_gradient(optimizer, 0.1)
    added = [p.grad.clone() for p in model.parameters()]
    penalty = 0.1 * sum(p.abs().sum() for p in model.parameters() if p.ndim > 1)
    model.zero_grad()
    (loss + penalty).backward()
    for ours, parameter in zip(added, model.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad)


def test_l1_passes_over_parameters_without_a_gradient():
    model = network()
    optimizer = make_optimizer(OptimizerConfig(), groups_of(model), "cpu")
    add_l1_gradient(optimizer, 0.1)
    assert all(parameter.grad is None for parameter in model.parameters())
