"""What was measured is kept: by device and versions, whole or not at all, by many writers."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from nbfinetune.models.catalogue import facts
from nbfinetune.models.speed import Speed, Task
from nbfinetune.records import RunnerConfig
from nbfinetune.runner import speed_book
from nbfinetune.runner.speed_book import SpeedBook, paces, this_place

CPU = RunnerConfig(device="cpu", threads=2)


def speed(name: str = "resnet18", **changed: object) -> Speed:
    usual = {
        **msgspec.structs.asdict(this_place("cpu", 2)),
        "image_size": 224,
        "batch_size": 32,
        "trained": "all",
        "images": 32,
        "forward_ms": 320.0,
        "train_ms": 960.0,
    }
    return Speed(name=name, **(usual | changed))


def test_what_is_added_is_read_again_in_the_cache_directory(tmp_path: Path) -> None:
    SpeedBook().add([speed(), speed("resnet50", peak_mb=100.5)])
    assert SpeedBook().path == tmp_path / "cache" / "speeds.json"
    assert SpeedBook().speeds() == [speed(), speed("resnet50", peak_mb=100.5)]
    assert [path.name for path in (tmp_path / "cache").glob("speeds.json*")] == ["speeds.json"]


def test_a_later_measurement_replaces_the_one_before() -> None:
    SpeedBook().add([speed(), speed(batch_size=8)])
    SpeedBook().add([speed(train_ms=500.0)])
    assert SpeedBook().speeds() == [speed(batch_size=8), speed(train_ms=500.0)]


def test_one_beside_other_work_replaces_none_that_was_alone() -> None:
    SpeedBook().add([speed(busy=True, train_ms=2000.0)])
    SpeedBook().add([speed(busy=True, train_ms=1500.0)])
    assert SpeedBook().speeds()[0].train_ms == 1500
    SpeedBook().add([speed()])
    SpeedBook().add([speed(busy=True, train_ms=2000.0)])
    assert SpeedBook().speeds() == [speed()]


@pytest.mark.parametrize(
    "other",
    [{"device": "M4"}, {"device_type": "cuda"}, {"threads": 64}, {"torch": "1.0"}, {"timm": "0.1"}],
)
def test_what_was_measured_elsewhere_is_not_of_this_place(other: dict[str, object]) -> None:
    SpeedBook().add([speed(**other), speed()])
    assert SpeedBook().speeds(this_place("cpu", 2)) == [speed()]
    assert len(SpeedBook().speeds()) == 2


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b'{"format": 1', b'{"format": 2, "speeds": []}']
)
def test_a_damaged_book_is_an_empty_one(content: bytes) -> None:
    book = SpeedBook()
    book.path.parent.mkdir(parents=True)
    book.path.write_bytes(content)
    assert book.speeds() == []
    book.add([speed()])
    assert book.speeds() == [speed()]


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_book, "MOST", 3)
    SpeedBook().add([speed(batch_size=size) for size in range(1, 6)])
    assert [one.batch_size for one in SpeedBook().speeds()] == [3, 4, 5]


def test_several_processes_write_without_losing_anything() -> None:
    script = (
        "import sys, msgspec\n"
        "from nbfinetune.models.speed import Speed\n"
        "from nbfinetune.runner.speed_book import SpeedBook\n"
        "one = msgspec.json.decode(sys.stdin.read(), type=Speed)\n"
        "for size in range(10):\n"
        "    SpeedBook().add([msgspec.structs.replace(one, image_size=8 + size)])\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) for _ in range(3)
    ]
    for number, writer in enumerate(writers):
        writer.communicate(msgspec.json.encode(speed(f"model{number}")))
        assert writer.returncode == 0
    assert len(SpeedBook().speeds()) == 30


def test_the_place_is_told_without_torch() -> None:
    script = (
        "import sys\nfrom nbfinetune.runner.speed_book import SpeedBook, paces, this_place\n"
        "print(this_place().torch, this_place().device, SpeedBook().speeds(), paces().models)\n"
        "assert not {'torch', 'timm', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-2:] == ["[]", "0"]


def test_the_place_names_hardware_threads_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    here = this_place("cpu")
    assert (here.device_type, here.threads, here.timm) == ("cpu", 3, version("timm"))
    assert here.device
    assert this_place("cpu", 7).threads == 7


def test_an_nvidia_gpu_is_named_by_its_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("NVIDIA H100", "NVIDIA L4")):
        (tmp_path / f"0000:0{number}").mkdir()
        (tmp_path / f"0000:0{number}" / "information").write_text(
            f"Model: \t\t {name}\nIRQ: \t 9\n", encoding="utf-8"
        )
    monkeypatch.setattr(speed_book, "_DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(speed_book, "_built_for_cuda", lambda: True)
    monkeypatch.setattr(speed_book.sys, "platform", "linux")
    speed_book._gpus.cache_clear()
    try:
        assert this_place("auto") == this_place("cuda")
        assert this_place("cuda").device == "NVIDIA H100"
        assert this_place("cuda:1").device == "NVIDIA L4"
        assert this_place("cuda:1").device_type == "cuda"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        assert this_place("cuda").device == "NVIDIA L4"
        for hidden in ("", "-1", "7"):
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
            assert this_place("auto").device_type == "cpu"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937")
        assert this_place("auto").device == "NVIDIA H100"
    finally:
        speed_book._gpus.cache_clear()


def test_without_a_driver_file_its_program_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed_book, "_DRIVER", tmp_path / "none")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(speed_book.shutil, "which", lambda _: "nvidia-smi")
    told = SimpleNamespace(returncode=0, stdout="NVIDIA A10G\n")
    monkeypatch.setattr(speed_book.subprocess, "run", lambda *_, **__: told)
    speed_book._gpus.cache_clear()
    try:
        assert this_place("cuda").device == "NVIDIA A10G"
    finally:
        speed_book._gpus.cache_clear()


def test_paces_are_of_the_device_that_is_asked_for() -> None:
    SpeedBook().add([speed()])
    pace = paces(CPU).of(facts("resnet18"), Task(224, 32))
    assert pace is not None
    assert pace.train_ms == 30
    assert paces(RunnerConfig(device="cpu", threads=5)).of(facts("resnet18"), Task(224, 32)) is None
