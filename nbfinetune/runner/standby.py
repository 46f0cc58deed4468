"""A worker that has imported torch already and waits for its run.

It listens on its standard input, one JSON record a line, and leaves when that closes: with its
kernel, unless a run has begun. `nbfinetune.runner.standing_by` is its own side of this.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbfinetune.records import FineTuneConfig, encode
from nbfinetune.runner.spawning import spawn

MODULE = "nbfinetune.runner.standing_by"


class Standby:
    """The waiting process of this kernel.

    Attributes
    ----------
    pid : int
        Of the process.
    """

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", MODULE]
        self._process = spawn(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self._made_in = _surroundings()
        self._asking, self._writing = threading.Lock(), threading.Lock()
        self._over = False
        self.pid = self._process.pid

    def fits(self) -> bool:
        """Whether it lives, and began in the surroundings that a worker started now would have."""
        return self._process.poll() is None and self._made_in == _surroundings()

    def describe(self, config: FineTuneConfig, folder: Path | None = None) -> dict[str, Any]:
        """What a run of `config` would be: images, classes, parameters, device.

        Waits until torch is imported there. Empty where the process has gone or has other work.

        Parameters
        ----------
        folder : Path, optional
            Where a relative path of arrays starts from.
        """
        said = {"describe": json.loads(encode(config)), "folder": str(folder or "")}
        with self._asking:
            if self._over:
                return {}
            try:
                self._say(said)
                line = self._output.readline()
            except (OSError, ValueError):  # a closed pipe: it has gone, or begun a run
                line = b""
        if self._over:
            self._hang_up()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def begin(self, folder: Path, log: Path) -> bool:
        """Hand it its run; it is nobody's standby from then on.

        Returns
        -------
        bool
            False if it has gone meanwhile.
        """
        try:
            self._say({"begin": str(folder), "log": str(log)})
        except (OSError, ValueError):
            return False
        self.dismiss()
        return self._process.poll() is None

    def hand_over(self, work: str) -> subprocess.Popen[bytes] | None:
        """Its process with open pipes, for other work than a run; it is nobody's standby then.

        Parameters
        ----------
        work : str
            Name of the module that does it: its ``work(say, heard)`` is called.

        Returns
        -------
        Popen or None
            None if it has gone meanwhile, or is answering a question.
        """
        if not self._asking.acquire(blocking=False):
            return None
        try:
            self._say({"work": work})
            self._over = True
        except (OSError, ValueError):
            return None
        else:
            return self._process
        finally:
            self._asking.release()

    def dismiss(self) -> None:
        """Say no more to it; without a run it leaves."""
        self._over = True
        # Whatever it was not told any more does not matter to a process that is gone.
        with self._writing, contextlib.suppress(OSError):
            self._input.close()
        self._hang_up()

    def _hang_up(self) -> None:
        # Whoever still waits for an answer hangs up after it.
        if self._asking.acquire(blocking=False):
            try:
                self._output.close()
            finally:
                self._asking.release()

    @property
    def _input(self) -> Any:
        return self._process.stdin

    @property
    def _output(self) -> Any:
        return self._process.stdout

    def _say(self, record: Mapping[str, Any]) -> None:
        with self._writing:
            self._input.write(json.dumps(record).encode() + b"\n")
            self._input.flush()


_guard = threading.Lock()
_waiting: Standby | None = None


def prepare() -> Standby:
    """Standby of this kernel, started if there is none that fits; returns at once."""
    global _waiting  # noqa: PLW0603 - one for the whole kernel, however many widgets there are
    with _guard:
        if _waiting is None or not _waiting.fits():
            if _waiting is not None:
                _waiting.dismiss()
            _waiting = Standby()
        return _waiting


def take(folder: Path, log: Path) -> int | None:
    """Let the standby, if there is one that fits, become the worker of a run.

    Returns
    -------
    int or None
        Its process number; None where a worker must be started from scratch.
    """
    global _waiting
    with _guard:
        standby, _waiting = _waiting, None
    if standby is None:
        return None
    if standby.fits() and standby.begin(folder, log):
        return standby.pid
    standby.dismiss()
    return None


def take_for(work: str) -> subprocess.Popen[bytes] | None:
    """Process of the standby, if there is one that fits and has nothing to do, for other work.

    `prepare` starts the next one.

    Parameters
    ----------
    work : str
        As in `Standby.hand_over`.
    """
    global _waiting  # noqa: PLW0603 - as above
    with _guard:
        standby = _waiting
        if standby is None or not standby.fits():
            return None
        process = standby.hand_over(work)
        if process is not None:
            _waiting = None
    return process


def _surroundings() -> tuple[dict[str, str], str, list[str]]:
    return dict(os.environ), str(Path.cwd()), list(sys.path)
