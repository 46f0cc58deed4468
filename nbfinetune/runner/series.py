"""A series of runs that one process drives in the background: where it lies, who is at it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from nbfinetune.errors import RunError, StoreError
from nbfinetune.records import LIVE, encode
from nbfinetune.runner.run import Run
from nbfinetune.store import layout
from nbfinetune.store.liveness import alive, here, started_at

_DRIVER, _STOP = "driver.json", "stop"


class Kind(NamedTuple):
    """What a series is.

    Parameters
    ----------
    name : str
        What a message calls it.
    place : str
        Folder of all of them, in `NBFINETUNE_HOME`.
    plan : str
        File in each one's folder that says what it does.
    """

    name: str
    place: str
    plan: str


def new_folder(kind: Kind, hint: str, plan: Struct) -> Path:
    """Folder of a new series under `NBFINETUNE_HOME`, with its plan in it.

    Raises
    ------
    StoreError
        If nothing can be written there.
    """
    place = layout.home() / kind.place
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    try:
        place.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{moment}-{layout.words(hint)}-", dir=place))
        (folder / kind.plan).write_bytes(encode(plan))
    except OSError as error:
        raise StoreError(
            f"can't make a {kind.name} in {place}: {error.strerror or error}; "
            "set NBFINETUNE_HOME to a folder that you may write to"
        ) from error
    return folder


def find_folder(kind: Kind, id_or_path: str | os.PathLike[str]) -> Path:
    """Folder of a series, given as its path or its id.

    Raises
    ------
    NoSuchRun
        If there is none; the message offers the closest ids.
    """
    return layout.find_folder(id_or_path, layout.home() / kind.place, kind.plan, kind.name)


def stop_run(run: Run) -> None:
    """End a run that may come to its end in the same moment."""
    try:
        run.stop()
    except RunError:
        if run.status in LIVE:
            raise


class Driver:
    """The mark of the process that drives a series; there is one at a time."""

    def __init__(self, folder: Path) -> None:
        self._mark, self._stop = folder / _DRIVER, folder / _STOP

    def present(self) -> bool:
        """Whether some process is at it."""
        try:
            pid, started, place = json.loads(self._mark.read_text())
        except (OSError, ValueError):
            return False
        return place == here() and alive(pid, started)

    def take(self) -> bool:
        """Become it; False where another one is."""
        if self.present():
            return False
        self._mark.unlink(missing_ok=True)
        try:
            with self._mark.open("x") as file:
                json.dump([os.getpid(), started_at(os.getpid()), here()], file)
        except FileExistsError:
            return False
        self._stop.unlink(missing_ok=True)
        return True

    def leave(self) -> None:
        """Be it no more."""
        self._mark.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Have it leave the run in hand and begin no other."""
        self._stop.touch()

    def is_asked_to_stop(self) -> bool:
        """Whether it is to leave."""
        return self._stop.exists()
