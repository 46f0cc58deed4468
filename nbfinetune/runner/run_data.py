"""Where what belongs to the data of a run lies: the edits that all its runs and views share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from nbfinetune.data.accepted import Accepted, nothing
from nbfinetune.data.arrays import load_saved, saved_pieces
from nbfinetune.data.file_lists import FILE_NAME
from nbfinetune.data.identity import data_key
from nbfinetune.errors import DataError
from nbfinetune.records import Archive, Arrays, Files, Folder, FolderPair, Idx, Named, Source
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import data_folder, home

__all__ = ["data_place", "edits_place"]


def data_place(accepted: Accepted) -> Path:
    """Folder of a data set: its edits, its scan, and what of it was placed."""
    return data_folder(home(), accepted.hint, data_key(accepted))


def edits_place(run: Run) -> Path:
    """Folder of a run's data set: the one in which `DatasetPreview` of the same data keeps edits.

    Images in memory and lists of files are known by what of them travels with the run.

    Raises
    ------
    DataError
        If what should lie in the run's folder can't be read.
    """
    source = run.config.data.source
    content = partial(_content, source, run.path)
    return data_place(Accepted(source, nothing, _name(source), content))


def _content(source: Source, folder: Path) -> Iterable[bytes]:
    """What `Accepted.content` gave before it was placed in the folder of a run."""
    if not isinstance(source, (Arrays, Files)) or Path(source.path).is_absolute():
        return ()
    if isinstance(source, Arrays):
        return saved_pieces(load_saved(folder / source.path, source.classes))
    path = folder / source.path / FILE_NAME
    try:
        written = path.read_bytes()
        record = json.loads(written)
        if not record["root"] or Path(record["root"]).is_absolute():
            return (written,)
        # Copies: where they lie was not known before.
        return (json.dumps({**record, "root": ""}).encode("ascii"),)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"the list of images {path} can't be read ({error!r})") from error


def _name(source: Source) -> str:
    """What `accept` calls a source, as far as its record tells."""
    if isinstance(source, (Folder, Idx)):
        return Path(source.path).name
    if isinstance(source, FolderPair):
        return Path(source.train).name
    if isinstance(source, Archive):
        return Path(source.path).name.partition(".")[0]
    if isinstance(source, Named):
        return source.name
    return "arrays" if isinstance(source, Arrays) else "files"
