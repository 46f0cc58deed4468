"""What lies in the caches of this machine, found as the downloaders themselves find it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nbfinetune.models.catalogue import catalogue, facts
from nbfinetune.models.hub_cache import cached_names, hub_folder, network, torch_folder

VARIABLES = (
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HOME",
    "XDG_CACHE_HOME",
    "TORCH_HOME",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
)
THEIRS = """
import json, torch
from huggingface_hub import constants
print(json.dumps([constants.HF_HUB_CACHE, torch.hub.get_dir() + "/checkpoints"]))
"""


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def downloaded(hub_id: str, filename: str = "model.safetensors") -> Path:
    repository, _, revision = hub_id.partition("@")
    folder = hub_folder() / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / (revision or "main")).write_text("abc123")
    file = folder / "snapshots" / "abc123" / filename
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def test_an_empty_machine_has_nothing_cached():
    assert cached_names(catalogue()) == frozenset()


@pytest.mark.parametrize("filename", ["model.safetensors", "pytorch_model.bin"])
def test_weights_in_the_hubs_cache_are_found_in_either_form(filename):
    downloaded("timm/resnet18.a1_in1k", filename)
    assert cached_names(catalogue()) == {"resnet18.a1_in1k"}


def test_weights_that_several_names_share_are_found_by_all_of_them():
    downloaded("timm/vit_base_patch16_clip_224.openai")
    expected = {"vit_base_patch16_clip_224.openai", "vit_base_patch16_clip_quickgelu_224.openai"}
    assert cached_names(catalogue()) == expected


def test_a_download_that_was_broken_off_does_not_count():
    downloaded("timm/resnet18.a1_in1k").unlink()
    assert cached_names(catalogue()) == frozenset()


def test_what_the_hubs_own_client_finds_is_what_is_found():
    from huggingface_hub import try_to_load_from_cache

    file = downloaded("timm/resnet18.a1_in1k")
    row = facts("resnet18.a1_in1k")
    assert try_to_load_from_cache(row.hub_id, row.file, hub_folder()) == str(file)


def test_torchvisions_weights_are_found_in_torchs_folder():
    folder = torch_folder()
    folder.mkdir(parents=True)
    (folder / facts("tv_alexnet").file.rpartition("/")[2]).touch()
    assert cached_names(catalogue()) == {"tv_alexnet.IMAGENET1K_V1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {"HF_HOME": "a", "TORCH_HOME": "~/t"},
        {"HF_HUB_CACHE": "$XDG_CACHE_HOME/c", "HUGGINGFACE_HUB_CACHE": "b"},
    ],
)
def test_the_folders_are_those_of_the_downloaders_themselves(setting, monkeypatch):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    theirs = subprocess.run(
        [sys.executable, "-c", THEIRS], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    assert [str(hub_folder()), str(torch_folder())] == json.loads(theirs)


def test_a_hub_that_may_not_be_asked_is_offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert network() == "offline"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "no address at all"])
def test_a_hub_that_does_not_answer_is_offline(endpoint, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert network() == "offline"


def test_a_hub_that_says_nothing_is_given_up(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert network() == "offline"


def test_a_hub_that_answers_is_online(monkeypatch):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as hub:
        # It knows no request, so it answers 501; an answer it is.
        Thread(target=hub.handle_request, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert network() == "online"
