"""Where everything of a run lies: paths as functions of the run's folder."""

from __future__ import annotations

import difflib
import os
import re
import secrets
import time
from pathlib import Path
from typing import Literal, TypeAlias

from nbfinetune.errors import NoSuchRun, StoreError

Which: TypeAlias = Literal["best", "last"]

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_ATTEMPTS = 100


def home() -> Path:
    """Folder that holds the runs: `NBFINETUNE_HOME`, else `nbfinetune-runs` where we are."""
    return Path(os.environ.get("NBFINETUNE_HOME") or "nbfinetune-runs").expanduser().absolute()


def database(folder: Path) -> Path:
    """Config, events, metrics, commands and heartbeat of the run."""
    return folder / "run.sqlite"


def checkpoint(folder: Path, which: Which) -> Path:
    """The weights of the best epoch, or of the last save."""
    return folder / "checkpoints" / f"{which}.safetensors"


def predictions(folder: Path) -> Path:
    """What the best epoch predicted on the validation images."""
    return folder / "predictions" / "best.npz"


def label_errors(folder: Path) -> Path:
    """Images whose label is probably wrong, once they were looked for."""
    return folder / "predictions" / "label_errors.npz"


def worker_log(folder: Path) -> Path:
    """Everything that the run's workers printed."""
    return folder / "worker.log"


def index(folder: Path) -> Path:
    """The images of the run, their labels and their split."""
    return folder / "index.json"


def data_folder(home: Path, hint: str, key: str) -> Path:
    """What belongs to a data set rather than to a run of it: edits, the scan, placed arrays.

    Parameters
    ----------
    home : Path
        Where the runs lie.
    hint : str
        What a person knows the data by.
    key : str
        Tells it from data of the same name; see `nbfinetune.data.identity.data_key`.

    Returns
    -------
    Path
        The folder that is there, whatever hint it was made with: the key alone says what data it
        belongs to. Else the one to be made.
    """
    there = sorted((home / "data").glob(f"*-{key}"))
    return there[0] if there else home / "data" / f"{words(hint) or 'data'}-{key}"


def new_run_folder(home: Path, hint: str) -> Path:
    """Make an empty run folder that nobody else may enter.

    Parameters
    ----------
    home : Path
        Where the runs lie; made if it is absent.
    hint : str
        What a person knows the run by, such as the model's name.

    Returns
    -------
    Path
        Like `20261122-093012-resnet18-k3f9`: names sort by time (UTC) and never collide.

    Raises
    ------
    StoreError
        If nothing can be written there.
    """
    known_by = words(hint) or "run"
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    try:
        home.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            tail = "".join(secrets.choice(_ID_LETTERS) for _ in range(4))
            folder = home / f"{moment}-{known_by}-{tail}"
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            for part in (checkpoint(folder, "last"), predictions(folder)):
                part.parent.mkdir()
            return folder
    except OSError as error:
        raise StoreError(
            f"can't make a run folder in {home}: {error.strerror or error}; "
            "set NBFINETUNE_HOME to a folder that you may write to"
        ) from error
    raise StoreError(f"no free name for a run in {home} after {_ATTEMPTS} attempts")


def words(hint: str) -> str:
    """A hint as it may stand in a folder's name; empty where nothing of it may."""
    return re.sub(r"[^a-z0-9_]+", "-", hint.lower()).strip("-")[:40].strip("-")


def run_folders(home: Path) -> list[Path]:
    """Folders in `home` that hold a run, oldest first; none where `home` is absent."""
    if not home.is_dir():
        return []
    return sorted(folder for folder in home.iterdir() if database(folder).is_file())


def find_run(id_or_path: str | os.PathLike[str]) -> Path:
    """Folder of a run, given as its path or as its id in `home()`.

    Raises
    ------
    NoSuchRun
        If there is none; the message offers the closest ids.
    """
    return find_folder(id_or_path, home(), database(Path()).name, "run")


def find_folder(id_or_path: str | os.PathLike[str], place: Path, mark: str, kind: str) -> Path:
    """Folder given as its path, or as its name in `place`.

    Parameters
    ----------
    mark : str
        Name of the file that every such folder holds.
    kind : str
        What a message calls it: "run".

    Raises
    ------
    NoSuchRun
        If there is none; the message offers the closest names.
    """
    given = Path(id_or_path).expanduser()
    for folder in (given, place / given):
        if (folder / mark).is_file():
            return folder.absolute()
    ids = sorted(found.parent.name for found in place.glob(f"*/{mark}"))
    near = difflib.get_close_matches(given.name, ids, n=3, cutoff=0.5) or ids[-3:]
    offer = f"closest: {', '.join(near)}" if near else f"there are no {kind}s yet"
    raise NoSuchRun(f"no {kind} {os.fspath(id_or_path)!r} here or in {place}; {offer}")
