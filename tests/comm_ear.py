"""Hears what widgets say to their page, without a kernel."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import comm
from comm.base_comm import BaseComm

Message = tuple[dict[str, Any], list[bytes]]


class RecordingComm(BaseComm):
    """Keeps what a widget says, as (data, buffers)."""

    said: queue.SimpleQueue[Message]

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys) -> None:
        if msg_type == "comm_msg":
            self.said.put((data, [bytes(buffer) for buffer in buffers or ()]))


@contextmanager
def recording() -> Iterator[queue.SimpleQueue[Message]]:
    """Messages of the widgets that are made inside."""
    said: queue.SimpleQueue[Message] = queue.SimpleQueue()

    class OneComm(RecordingComm):
        pass

    OneComm.said = said
    before = comm.create_comm
    comm.create_comm = OneComm
    try:
        yield said
    finally:
        comm.create_comm = before
