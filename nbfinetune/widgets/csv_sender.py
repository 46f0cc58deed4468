"""A file on its way to the page, in parts that every Jupyter server lets through."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbfinetune.errors import DataError
from nbfinetune.widgets.thumbnails import Pace

MOST_BYTES = 200_000_000
"""Of a file that goes to the page, which holds it in memory."""

PART_BYTES = 400_000


class CsvSender:
    """Sends CSV files from a thread, one at a time.

    Parameters
    ----------
    send : callable (content, buffers)
        A widget's.
    """

    def __init__(self, send: Callable[[dict[str, Any], list[bytes]], None]) -> None:
        self._send, self._pace = send, Pace()
        self._one_at_a_time = threading.Lock()
        self._closed = threading.Event()

    def start(self, path: Path) -> None:
        """Begin to send a file; its last part says that it is the last.

        Raises
        ------
        DataError
            If it is gone, or too large for a page.
        """
        try:
            size = path.stat().st_size
            file = path.open("rb")
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror or error}") from error
        if size > MOST_BYTES:
            file.close()
            raise DataError(
                f"{path.name} has {size / 1e6:,.0f} MB, too much for a page; see {path}"
            )
        threading.Thread(target=self._work, args=(file,), name="send csv", daemon=True).start()

    def close(self) -> None:
        """Send no more."""
        self._closed.set()

    def _work(self, file: Any) -> None:
        with self._one_at_a_time, file:
            part, first = file.read(PART_BYTES), True
            while not self._closed.is_set():
                following = file.read(PART_BYTES)
                self._send({"kind": "csv", "first": first, "last": not following}, [part])
                if not following or self._closed.wait(self._pace.take(len(part))):
                    return
                part, first = following, False
