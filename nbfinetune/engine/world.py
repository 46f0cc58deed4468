"""The processes of one run: one, or one a device under torch's elastic launcher."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from nbfinetune.errors import TrainingError


class World:
    """One process that trains alone.

    Attributes
    ----------
    rank, size : int
        This process's number and how many there are. Rank 0 speaks to the run store.
    """

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the run."""
        return self.rank == 0

    def share(self, value: Any) -> Any:
        """`value` of rank 0, in every process."""
        return value

    def gather(self, rows: np.ndarray) -> np.ndarray | None:
        """Rows of all processes one behind the other, in rank 0; None elsewhere."""
        return rows

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean of a scalar over the processes."""
        return value

    def close(self) -> None:
        """Leave the group."""


class Group(World):
    """One of several processes that torch's elastic launcher started."""

    def __init__(self, device_type: str) -> None:
        backend = {"cuda": "cpu:gloo,cuda:nccl", "xpu": "cpu:gloo,xpu:xccl"}.get(
            device_type, "gloo"
        )
        dist.init_process_group(backend)
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        talk = dist.new_group(backend="gloo")
        if not isinstance(talk, dist.ProcessGroup):
            raise TrainingError(f"process {self.rank} of {self.size} could not join the others")
        self._talk = talk

    def share(self, value: Any) -> Any:
        """`value` of rank 0, in every process."""
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._talk)
        return box[0]

    def gather(self, rows: np.ndarray) -> np.ndarray | None:
        """Rows of all processes one behind the other, in rank 0; None elsewhere."""
        boxes: list[Any] | None = [None] * self.size if self.leads else None
        dist.gather_object(rows, boxes, dst=0, group=self._talk)
        return np.concatenate(boxes) if boxes else None

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean of a scalar over the processes."""
        dist.all_reduce(value)
        return value / self.size

    def close(self) -> None:
        """Leave the group."""
        dist.destroy_process_group()


def join(device_type: str) -> World:
    """The world that this process was launched into."""
    return Group(device_type) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else World()
