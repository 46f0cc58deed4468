"""Names and weights files are refused by what is written in them, before torch is asked."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest

from nbfinetune.errors import ModelError, UnknownModel, UnsafeCheckpoint
from nbfinetune.models.model_checks import check_name, check_weights_file, saved_by_run


def safetensors(path: Path, metadata: dict[str, str] | None = None) -> Path:
    header = json.dumps({"__metadata__": metadata or {}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, b"")
    return path


def test_a_name_with_a_typo_is_refused_with_the_closest() -> None:
    with pytest.raises(UnknownModel, match=r"closest: .*resnet18"):
        check_name("resnet81")
    with pytest.raises(UnknownModel, match="closest: efficientnet_b0"):
        check_name("efficient net b0")


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "tv_alexnet", "mine:small_cnn"])
def test_names_that_may_be_are_let_through(name: str) -> None:
    check_name(name)


def test_files_that_may_hold_weights_are_let_through(tmp_path: Path) -> None:
    import torch

    check_weights_file(safetensors(tmp_path / "a.safetensors"))
    for new in (True, False):
        path = tmp_path / f"{new}.pth"
        torch.save({"weight": torch.zeros(2)}, path, _use_new_zipfile_serialization=new)
        check_weights_file(path)


def test_a_file_that_is_no_checkpoint_is_refused_in_a_sentence(tmp_path: Path) -> None:
    photo = tmp_path / "photo.pth"
    photo.write_bytes(b"\xff\xd8\xff\xe0 this is no checkpoint")
    short = tmp_path / "short.safetensors"
    short.write_bytes(b"\xff" * 20)
    folder = archive(tmp_path / "photos.pt", "cats/1.jpg")
    program = archive(tmp_path / "program.pt", "m/data.pkl", "m/constants.pkl")
    for path, said in (
        (photo, "photo.pth is no weights file"),
        (short, "short.safetensors is no safetensors file"),
        (folder, "none that torch.save wrote"),
        (program, "TorchScript"),
        (tmp_path / "nowhere.pth", "there is no file"),
    ):
        with pytest.raises(ModelError, match=said):
            check_weights_file(path)


def test_a_pickle_that_torch_did_not_write_is_never_read(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "trap.pth"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UnsafeCheckpoint, match="could run code"):
        check_weights_file(path)
    assert not (tmp_path / "sprung").exists()


def test_a_runs_own_checkpoint_says_what_it_is(tmp_path: Path) -> None:
    told = {"model": {"name": "resnet18"}}
    path = safetensors(tmp_path / "best.safetensors", {"nbfinetune": json.dumps(told)})
    assert saved_by_run(path) == told
    assert saved_by_run(safetensors(tmp_path / "other.safetensors")) == {}
    assert saved_by_run(tmp_path / "nowhere.safetensors") == {}
