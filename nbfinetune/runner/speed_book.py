"""Speeds that were measured on this machine, kept in the cache; read and written without torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import msgspec

from nbfinetune.data.machine import cache_home
from nbfinetune.models.catalogue import catalogue
from nbfinetune.models.speed import Paces, Speed
from nbfinetune.records import RunnerConfig, TrainingConfig
from nbfinetune.runner.tuned_gains import gains
from nbfinetune.whole_files import write_whole

__all__ = ["Place", "SpeedBook", "paces", "this_place"]

FILE_NAME = "speeds.json"
FORMAT = 1
MOST = 5000
"""Speeds that are kept, the latest."""

_PATIENCE_S = 10.0
_ASK_DRIVER_S = 5.0
_DRIVER = Path("/proc/driver/nvidia/gpus")
_CPU_FILE = Path("/proc/cpuinfo")


class Place(msgspec.Struct, frozen=True):
    """What else decides a speed besides the model and its task.

    Parameters
    ----------
    device : str
        As people know the hardware.
    device_type : str
        As torch writes it: `cpu`, `cuda`.
    threads : int
        Of the CPU that compute.
    torch, timm : str
        Versions.
    """

    device: str
    device_type: str
    threads: int
    torch: str
    timm: str

    def holds(self, speed: Speed) -> bool:
        """Whether a speed was measured here."""
        mine = msgspec.structs.asdict(self)
        return all(getattr(speed, name) == value for name, value in mine.items())


class _Page(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    speeds: list[Speed]


class SpeedBook:
    """All speeds that were ever measured, in one file.

    Parameters
    ----------
    path : Path, optional
        Default: in the cache directory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_home() / FILE_NAME

    def speeds(self, place: Place | None = None) -> list[Speed]:
        """What was measured, oldest first, of one place or of all.

        A file that is damaged or of another version is as good as none.
        """
        try:
            page = msgspec.json.decode(self.path.read_bytes(), type=_Page)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return []
        if page.format != FORMAT:
            return []
        return [one for one in page.speeds if place is None or place.holds(one)]

    def add(self, found: Iterable[Speed]) -> None:
        """Keep speeds; each replaces the one of the same model, task and place.

        What was measured beside other work replaces nothing that was measured alone.

        Raises
        ------
        OSError
            If the cache can't be written, or another process holds it for long.
        """
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE_S):
            kept = {_key(one): one for one in self.speeds()}
            for one in found:
                before = kept.get(_key(one))
                if before is None or before.busy or not one.busy:
                    kept.pop(_key(one), None)
                    kept[_key(one)] = one
            page = _Page(FORMAT, list(kept.values())[-MOST:])
            write_whole(self.path, msgspec.json.encode(page))


def this_place(device: str = "auto", threads: int | None = None) -> Place:
    """Where a run on `device` would be, told without torch.

    Parameters
    ----------
    device : str
        As `runner.device`. "auto" is taken for the accelerator that torch was built for, where
        there is one.
    threads : int, optional
        As `runner.threads`.
    """
    kind, _, index = device.partition(":")
    if kind == "auto":
        kind = _accelerator() or "cpu"
    return Place(
        device=_hardware(kind, int(index or 0) if index.isdecimal() or not index else 0),
        device_type=kind,
        threads=threads or _usual_threads(),
        torch=_version("torch"),
        timm=_version("timm"),
    )


def paces(
    runner: RunnerConfig | None = None,
    training: TrainingConfig | None = None,
    book: SpeedBook | None = None,
) -> Paces:
    """Paces of models where a run would be, from all that was measured there.

    Parameters
    ----------
    runner : RunnerConfig, optional
        Says where.
    training : TrainingConfig, optional
        Its precision and memory format: where they are left open, a step is as fast as the
        self-test of an earlier run of the same model, image size and batch has made it.
    book : SpeedBook, optional
    """
    runner, training = runner or RunnerConfig(), training or TrainingConfig()
    place = this_place(runner.device, runner.threads)
    found = gains(place, training, runner.threads)
    return Paces((book or SpeedBook()).speeds(place), catalogue(), found)


def _key(speed: Speed) -> Sequence[object]:
    place = (speed.device, speed.device_type, speed.threads, speed.torch, speed.timm)
    return (*place, speed.name, speed.image_size, speed.batch_size, speed.trained)


def _usual_threads() -> int:
    chosen = os.environ.get("OMP_NUM_THREADS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _accelerator() -> str:
    """Type of the accelerator that torch would find; empty where there is none."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    return "cuda" if _built_for_cuda() and _visible_gpus() else ""


@cache
def _built_for_cuda() -> bool:
    found = find_spec("torch")
    for place in (found and found.submodule_search_locations) or ():
        try:
            text = Path(place, "version.py").read_text(encoding="utf-8")
        except OSError:
            continue
        lines = [line for line in text.splitlines() if line.startswith("cuda")]
        return not any(line.endswith("None") for line in lines)
    return False


def _hardware(kind: str, index: int) -> str:
    if kind == "cuda":
        gpus = _visible_gpus()
        return gpus[index] if index < len(gpus) else "NVIDIA GPU"
    return _cpu() if kind in ("cpu", "mps") else kind


def _visible_gpus() -> list[str]:
    """Names of the GPUs that `CUDA_VISIBLE_DEVICES` leaves, in its order."""
    gpus = _gpus()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return list(gpus)
    places = [place.strip() for place in chosen.split(",") if place.strip()]
    if all(place.isdecimal() for place in places):
        return [gpus[int(place)] for place in places if int(place) < len(gpus)]
    # Ids that only the driver can tell apart; -1 hides all.
    return [] if places[0] == "-1" else list(gpus)


@cache
def _gpus() -> tuple[str, ...]:
    """Names of the GPUs, in the driver's order."""
    told = [path.read_text(errors="replace") for path in sorted(_DRIVER.glob("*/information"))]
    lines = [line for text in told for line in text.splitlines() if line.startswith("Model:")]
    if lines:
        return tuple(line.partition(":")[2].strip() for line in lines)
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_ASK_DRIVER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(done.stdout.split("\n")[:-1]) if done.returncode == 0 else ()


@cache
def _cpu() -> str:
    if sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        return done.stdout.strip() or platform.machine()
    try:
        lines = _CPU_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
