"""Weights of files: of many makes, of the wrong model, and of people who mean harm."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import zipfile

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from nbfinetune.errors import CheckpointMismatch, ModelError, UnsafeCheckpoint
from nbfinetune.models.build import build
from nbfinetune.models.weights import load_weights, read_facts, read_weights
from nbfinetune.records import ModelConfig


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    return timm.create_model("test_resnet", num_classes=4)


def same(state, net):
    own = net.state_dict()
    return state.keys() == own.keys() and all(torch.equal(state[k], own[k]) for k in own)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3, "args": argparse.Namespace(lr=0.1)},
        lambda s: {"model": s, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        lambda s: {"model_state_dict": s},
        lambda s: {"state_dict_ema": s, "state_dict": {k: v * 0 for k, v in s.items()}},
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
        lambda s: {f"_orig_mod.{k}": v for k, v in s.items()},
    ],
    ids=["plain", "timm", "deit", "tutorial", "ema", "data-parallel", "compiled"],
)
def test_the_checkpoints_of_many_makes_are_unwrapped(net, tmp_path, wrap):
    torch.save(wrap(net.state_dict()), tmp_path / "file.pth")
    assert same(read_weights(tmp_path / "file.pth"), net)


def test_the_weights_of_a_lightning_module_fit_its_network(net, tmp_path):
    torch.save(
        {"state_dict": {f"model.{k}": v for k, v in net.state_dict().items()}}, tmp_path / "x.ckpt"
    )
    fresh = timm.create_model("test_resnet", num_classes=4)
    load_weights(fresh, read_weights(tmp_path / "x.ckpt"), ("fc",))
    assert same(fresh.state_dict(), net)


def test_of_a_checkpoint_of_a_run_the_moving_average_is_taken(net, tmp_path):
    state = net.state_dict()
    tensors = {
        **{f"model.{k}": torch.zeros_like(v) for k, v in state.items()},
        **{f"ema.{k}": v.clone() for k, v in state.items()},
        "optimizer.fc.weight.exp_avg": torch.zeros(3),
        "rng.torch": torch.zeros(2, dtype=torch.uint8),
    }
    facts = {"format": 1, "classes": ["a", "b"]}
    path = tmp_path / "best.safetensors"
    save_file(tensors, path, metadata={"nbfinetune": json.dumps(facts)})
    assert same(read_weights(path), net)
    assert read_facts(path) == facts
    save_file({k: v for k, v in tensors.items() if k[:3] != "ema"}, path, {"nbfinetune": "{}"})
    assert read_weights(path).keys() == state.keys()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("form", ["torch", "torch before 1.6", "pickle"])
def test_a_hostile_pickle_is_refused_and_never_run(tmp_path, form):
    traces, path = tmp_path / "was-here", tmp_path / "weights.pth"
    payload = {"state_dict": {"x": torch.zeros(1)}, "extra": Evil(traces)}
    if form == "pickle":
        path.write_bytes(pickle.dumps({"extra": Evil(traces)}))
    else:
        torch.save(payload, path, _use_new_zipfile_serialization=form == "torch")
    named = "operand" if form == "pickle" else r"\.mkdir"
    with pytest.raises(UnsafeCheckpoint, match=rf"{named}.* so it was not read"):
        read_weights(path)
    assert not traces.exists()


def test_a_pickled_module_is_refused_with_the_way_out(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(UnsafeCheckpoint, match=r"state_dict\(\)"):
        read_weights(tmp_path / "model.pt")


def test_a_hostile_pickle_named_safetensors_is_no_checkpoint(tmp_path):
    traces = tmp_path / "was-here"
    torch.save({"x": Evil(traces)}, tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match="no readable safetensors"):
        read_weights(tmp_path / "a.safetensors")
    assert not traces.exists()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"just some text\n", b"\x80\x02.", b"PK\x03\x04 broken", b"\xff" * 100]
)
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, suffix, content):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"file{suffix}"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_checkpoint_is_named(net, tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    if suffix == ".pth":
        torch.save(net.state_dict(), path)
    else:
        save_file(net.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cut"):
        read_weights(path)


@pytest.mark.parametrize("content", [{}, [1, 2], {"epoch": 3}, torch.zeros(2), {"model": "resnet"}])
def test_a_file_without_weights_says_what_it_holds(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ModelError, match="holds no weights"):
        read_weights(tmp_path / "x.pth")


def test_other_archives_and_missing_files_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.pth", "w") as archive:
        archive.writestr("a.jpg", b"not a photo")
    with pytest.raises(ModelError, match=r"photos\.pth"):
        read_weights(tmp_path / "photos.pth")
    with pytest.raises(ModelError, match="there is no file"):
        read_weights(tmp_path / "gone.pth")
    with pytest.raises(ModelError, match="there is no file"):
        read_weights(tmp_path)


def test_weights_of_another_architecture_are_refused_with_the_keys_that_differ(net):
    other = timm.create_model("test_efficientnet", num_classes=4)
    fresh = timm.create_model("test_resnet", num_classes=4)
    before = {k: v.clone() for k, v in fresh.state_dict().items()}
    with pytest.raises(CheckpointMismatch) as caught:
        load_weights(fresh, other.state_dict(), ("fc",), source="other.pth")
    message = str(caught.value)
    assert "other.pth" in message
    assert "conv1.0.weight" in message or "conv1.weight" in message
    assert "conv_stem.weight" in message
    assert same(before, fresh), "a refused checkpoint changes nothing"


def test_a_tensor_of_another_shape_is_named_with_both_shapes(net):
    state = net.state_dict()
    state["layer2.0.conv1.weight"] = torch.zeros(3, 5, 1, 1)
    fresh = timm.create_model("test_resnet", num_classes=4)
    with pytest.raises(CheckpointMismatch, match=r"layer2\.0\.conv1\.weight is 3×5×1×1 there"):
        load_weights(fresh, state, ("fc",))


def test_a_classifier_of_the_same_size_is_taken_over_and_another_left_fresh(net):
    equal = timm.create_model("test_resnet", num_classes=4)
    load_weights(equal, net.state_dict(), ("fc",))
    assert torch.equal(equal.fc.weight, net.fc.weight)
    wider = timm.create_model("test_resnet", num_classes=9)
    before = wider.fc.weight.clone()
    load_weights(wider, net.state_dict(), ("fc",))
    assert torch.equal(wider.fc.weight, before)
    assert torch.equal(wider.layer1[0].conv1.weight, net.layer1[0].conv1.weight)
    headless = {k: v for k, v in net.state_dict().items() if not k.startswith("fc.")}
    load_weights(wider, headless, ("fc",))


def test_a_first_convolution_for_grey_images_is_spread_over_the_colours():
    grey = timm.create_model("test_resnet", num_classes=4, in_chans=1)
    colour = timm.create_model("test_resnet", num_classes=4)
    load_weights(colour, grey.state_dict(), ("fc",))
    first = next(n for n, m in grey.named_modules() if isinstance(m, nn.Conv2d))
    theirs, ours = grey.get_submodule(first).weight, colour.get_submodule(first).weight
    assert torch.allclose(ours.sum(1, keepdim=True), theirs, atol=1e-6)


def test_position_embeddings_are_resampled_for_another_image_size(tmp_path):
    torch.manual_seed(0)
    theirs = timm.create_model("test_vit", num_classes=4)
    torch.save(theirs.state_dict(), tmp_path / "vit.pth")
    config = ModelConfig(name="test_vit", checkpoint=str(tmp_path / "vit.pth"))
    built = build(config, num_classes=4, image_size=96)
    assert built.module.pos_embed.shape != theirs.pos_embed.shape
    assert torch.equal(built.module.blocks[0].attn.qkv.weight, theirs.blocks[0].attn.qkv.weight)
    assert built.module(torch.zeros(1, 3, 96, 96)).shape == (1, 4)


def test_auxiliary_heads_and_old_names_of_torchvision_are_passed_over(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(num_classes=6, init_weights=True, aux_logits=True)
    torch.save(theirs.state_dict(), tmp_path / "googlenet.pth")
    config = ModelConfig(name="tv_googlenet", checkpoint=str(tmp_path / "googlenet.pth"))
    built = build(config, num_classes=6, image_size=32)
    assert torch.equal(built.module.fc.weight, theirs.fc.weight)
    dense = torchvision.models.densenet121(num_classes=2)
    old = {
        k.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): v
        for k, v in dense.state_dict().items()
    }
    torch.save(old, tmp_path / "densenet.pth")
    config = ModelConfig(name="tv_densenet121", checkpoint=str(tmp_path / "densenet.pth"))
    built = build(config, num_classes=2, image_size=32)
    assert same(built.module.state_dict(), dense)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mobilenetv2_100.in1k_dropin", "mobilenetv2_100"),
        ("tv_squeezenet1_0.in1k", "tv_squeezenet1_0"),
    ],
)
def test_real_imagenet_weights_start_a_model_of_five_classes(shared_data, file, name):
    path = shared_data(f"weights/{file}.safetensors")
    built = build(ModelConfig(name=name, checkpoint=str(path)), num_classes=5, image_size=64)
    state = read_weights(path)
    own = built.module.state_dict()
    taken = [k for k in state if k in own and torch.equal(own[k], state[k])]
    assert len(taken) == len(state) - 2
    assert built.weights_from == f"the checkpoint {path}"


def test_real_weights_of_mobilenet_do_not_fit_a_resnet(shared_data):
    path = shared_data("weights/mobilenetv2_100.in1k_dropin.safetensors")
    config = ModelConfig(name="resnet18", checkpoint=str(path))
    with pytest.raises(CheckpointMismatch, match=r"96 missing \(conv1\.weight.*258 unknown"):
        build(config, num_classes=5, image_size=32)
