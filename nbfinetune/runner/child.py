"""A process of its own that hears lines and answers with lines, until its input closes.

`Child` is the caller's side; `speaker`, and `leave_when_unheard` or `orders` are the process's.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from nbfinetune.runner.spawning import spawn

Say: TypeAlias = Callable[[Mapping[str, Any]], None]


class Child:
    """A process that works for this one, and leaves when nobody wants its answers any more.

    Parameters
    ----------
    module : str
        What `python -m` runs.
    order : mapping
        What it hears first.
    process : Popen, optional
        One with pipes that is there already, and listens as the module would.

    Attributes
    ----------
    pid : int
    """

    def __init__(
        self,
        module: str,
        order: Mapping[str, Any],
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", module]
        self._process = process or spawn(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        self._speaking = threading.Lock()
        self.tell(order)

    def tell(self, order: Mapping[str, Any]) -> None:
        """Have it hear one more order; from any thread."""
        # A process that is gone already says so by the end of its output.
        with self._speaking, contextlib.suppress(OSError, ValueError):
            self._input.write(json.dumps(order).encode() + b"\n")
            self._input.flush()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Its records, as they come; they end with the process."""
        with self._output as output:
            for line in output:
                if line.endswith(b"\n"):  # not what a killed process leaves in the middle
                    yield json.loads(line)
        self._process.wait()
        self.dismiss()

    def status(self) -> int | None:
        """Exit status; None while it lives."""
        return self._process.poll()

    def dismiss(self) -> None:
        """Close its input, at which it leaves."""
        with contextlib.suppress(OSError):
            self._input.close()

    @property
    def _input(self) -> Any:
        return self._process.stdin

    @property
    def _output(self) -> Any:
        return self._process.stdout


def speaker() -> Say:
    """Voice of the child: a record a line. What libraries print by themselves goes elsewhere."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(record: Mapping[str, Any]) -> None:
        # Whoever listened may have gone; the closed input then ends the process.
        with contextlib.suppress(OSError):
            output.write(json.dumps(record) + "\n")
            output.flush()

    return say


def leave_when_unheard() -> None:
    """End the child in the middle of anything once its input closes."""
    threading.Thread(target=_listen, name="listen", daemon=True).start()


def orders() -> queue.SimpleQueue[dict[str, Any]]:
    """What the caller says from now on, as it comes; its end ends the child in the middle."""
    heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(heard.put,), name="listen", daemon=True).start()
    return heard


def _listen(hear: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    for line in sys.stdin:
        hear(json.loads(line))
    os._exit(0)
