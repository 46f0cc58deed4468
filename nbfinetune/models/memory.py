"""Whether a model can be trained in the memory that is there, asked before any is taken."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

from nbfinetune.errors import ModelTooLarge

__all__ = ["available_bytes", "check_fits", "needed_bytes"]

BYTES_OF_WEIGHT = 4
BYTES_OF_GRADIENT_AND_MOMENTS = 12

_CGROUP = Path("/sys/fs/cgroup")
# Limit and use; the first pair is of cgroups v2, the second of v1.
_CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
    ),
)


def needed_bytes(parameters: int, trained: int) -> int:
    """Memory of weights, and of gradients and two moments (AdamW) for what is trained; float32.

    Activations, which depend on the batch, come on top.
    """
    return BYTES_OF_WEIGHT * parameters + BYTES_OF_GRADIENT_AND_MOMENTS * trained


def available_bytes(device: torch.device) -> int:
    """Memory that can still be taken: the device's own, or the machine's and its container's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([int(psutil.virtual_memory().available), *_left_in_cgroup(_CGROUP)])


def check_fits(name: str, needed: int, available: int) -> None:
    """Refuse a model before it takes the memory of everything else.

    Raises
    ------
    ModelTooLarge
        With both figures in GB.
    """
    if needed > available:
        raise ModelTooLarge(
            f"{name} needs {needed / 1e9:.1f} GB for weights, gradients and optimizer, and "
            f"{available / 1e9:.1f} GB are free; choose a smaller model, "
            "or freeze='backbone' to train the head alone"
        )


def _left_in_cgroup(root: Path) -> list[int]:
    for limit_name, use_name, stat_name in _CGROUP_FILES:
        try:
            limit = int((root / limit_name).read_text())
            used = int((root / use_name).read_text())
            stat = dict(line.split() for line in (root / stat_name).read_text().splitlines())
        except (OSError, ValueError):
            # No such cgroup, or "max": there is no limit.
            continue
        # Cached files count as used, but are given up on demand.
        return [max(0, limit - used + int(stat.get("inactive_file", 0)))]
    return []
