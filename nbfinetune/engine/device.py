"""Which device trains, in which precision and memory format."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache

import psutil
import torch

from nbfinetune.errors import ConfigError
from nbfinetune.records import FineTuneConfig

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """Where tensors live and how the forward pass computes.

    Parameters
    ----------
    device : torch.device
    precision : {"fp32", "bf16", "fp16"}
        Type of the autocast region; the weights stay float32.
    channels_last : bool
        Memory format of images and convolution weights.
    """

    device: torch.device
    precision: str
    channels_last: bool

    @property
    def dtype(self) -> torch.dtype:
        """Type of the autocast region."""
        return PRECISIONS[self.precision]

    @property
    def memory_format(self) -> torch.memory_format:
        """Memory format of images and convolution weights."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def asynchronous(self) -> bool:
        """Whether the device works on its own stream, behind the Python code."""
        return self.device.type in ("cuda", "xpu")

    def autocast(self) -> torch.autocast:
        """Context in which the forward pass computes in `precision`."""
        return torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.precision != "fp32", cache_enabled=True
        )

    def name(self) -> str:
        """Name of the device as people know it."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        if self.device.type == "cpu":
            return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
        return self.device.type.upper()

    def memory_mb(self) -> float:
        """Memory in use: of the accelerator at its peak, or of this process's own."""
        if self.asynchronous:
            return torch.accelerator.max_memory_allocated(self.device) / 2**20
        memory = _this_process().memory_info()
        # Pages of files (Linux tells them apart) are the system's to take back: a mapped cache of
        # images is no memory that the run needs.
        return float(memory.rss - getattr(memory, "shared", 0)) / 2**20


@cache
def _this_process() -> psutil.Process:
    return psutil.Process()


def place(config: FineTuneConfig, rank: int = 0) -> Placement:
    """Choose the device, the precision and the memory format of one process.

    Raises
    ------
    ConfigError
        If this machine lacks the device, or the device the precision.
    """
    device = _device(config, rank)
    channels_last = config.training.channels_last
    if channels_last is None:
        channels_last = device.type != "mps"
    return Placement(device, _precision(config.training.precision, device), channels_last)


def wanted_device(wanted: str) -> torch.device:
    """What `runner.device` names, be it here or not: "auto" is the accelerator if there is one.

    Raises
    ------
    ConfigError
        If torch knows no such device.
    """
    if wanted == "auto":
        return _accelerator() or torch.device("cpu")
    try:
        return torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(
            f"runner.device is {wanted!r}, which torch does not know; "
            "use 'auto', 'cpu', 'cuda', 'cuda:1', 'mps' or 'xpu'"
        ) from error


def _device(config: FineTuneConfig, rank: int) -> torch.device:
    wanted = config.runner.device
    device, accelerator = wanted_device(wanted), _accelerator()
    if device.type == "cpu":
        return device
    if accelerator is None or device.type != accelerator.type:
        here = accelerator.type if accelerator else "no accelerator"
        raise ConfigError(
            f"runner.device is {wanted!r}, but this machine has {here}; use device='auto' or 'cpu'"
        )
    index = rank if config.runner.devices > 1 else (device.index or 0)
    if index >= torch.accelerator.device_count():
        raise ConfigError(
            f"device {device.type}:{index} was asked for, but this machine has "
            f"{torch.accelerator.device_count()}; lower `device` or `devices`"
        )
    return torch.device(device.type, index)


def _accelerator() -> torch.device | None:
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


def _precision(wanted: str, device: torch.device) -> str:
    bf16 = device.type in ("cpu", "xpu") or (
        device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    if wanted == "auto":
        if device.type in ("cpu", "mps"):
            return "fp32"
        return "bf16" if bf16 else "fp16"
    if wanted == "bf16" and not bf16:
        raise ConfigError(
            f"training.precision is 'bf16', which {device} lacks; use 'auto', 'fp16' or 'fp32'"
        )
    if wanted == "fp16" and device.type == "cpu":
        raise ConfigError("training.precision is 'fp16', which trains on no CPU; use 'auto'")
    return wanted
