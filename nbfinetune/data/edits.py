"""What a person changed about single images: kept in a small file, laid over the index of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

import msgspec

from nbfinetune.data.image_index import ImageIndex, printable
from nbfinetune.data.splits import LEFT_OUT, TRAIN, VAL
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataEdit, Exclude, MoveTo, Relabel
from nbfinetune.records.coding import decode
from nbfinetune.whole_files import write_whole

OnSkip: TypeAlias = Callable[[str, str], None]

_PARTS = {"train": TRAIN, "val": VAL}
_LOOKED_THROUGH = 5_000


class EditsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `edits.json` holds."""

    edits: tuple[DataEdit, ...]
    format: int = 1


def apply_edits(
    index: ImageIndex, edits: Sequence[DataEdit], on_skip: OnSkip | None = None
) -> ImageIndex:
    """The same images with the same ids; those that are excluded are `LEFT_OUT`.

    Parameters
    ----------
    index : ImageIndex
        As the split left it: no edit changes which of the other images validate.
    edits : sequence of DataEdit
        Of two edits of one kind the later holds; an excluded image stays out whatever else is
        said of it.
    on_skip : callable (item, reason), optional
        Told of each edit whose image is not there (it may have been deleted since).

    Raises
    ------
    DataError
        If an image is given a class that the data do not have.
    """
    if not edits:
        return index
    ids = _ids_by_item(index, {_key(edit.item) for edit in edits})
    labels, split = index.labels.copy(), index.split.copy()
    for edit in sorted(edits, key=lambda edit: isinstance(edit, Exclude)):
        found = ids.get(_key(edit.item), [])
        if not found and on_skip is not None:
            on_skip(edit.item, f"{_what(edit)}, but there is no such image any more")
        if isinstance(edit, Relabel):
            labels[found] = _class_number(index, edit)
        else:
            split[found] = LEFT_OUT if isinstance(edit, Exclude) else _PARTS[edit.part]
    return replace(index, labels=labels, split=split)


def require_known(index: ImageIndex, edits: Sequence[DataEdit]) -> None:
    """Refuse edits of images that the index does not have.

    Raises
    ------
    ConfigError
        Names the first, with the closest names that there are.
    """
    known = _ids_by_item(index, {_key(edit.item) for edit in edits})
    unknown = [edit.item for edit in edits if _key(edit.item) not in known]
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        names = [_key(index.item(image)) for image in range(len(index))]
        raise ConfigError(
            f"edits: there is no image {unknown[0]!r}{more}; {_closest(unknown[0], names)}"
        )


def merged(edits: Iterable[DataEdit], new: Iterable[DataEdit]) -> tuple[DataEdit, ...]:
    """Old and new edits in one order; of an item's edits of one kind only the newest is left."""
    newest: dict[tuple[str, type[DataEdit]], DataEdit] = {}
    for edit in (*edits, *new):
        newest.pop((edit.item, type(edit)), None)  # so that it moves to the end
        newest[edit.item, type(edit)] = edit
    return tuple(newest.values())


def load_edits(path: str | os.PathLike[str]) -> tuple[DataEdit, ...]:
    """Edits out of a file that `save_edits` wrote.

    Raises
    ------
    DataError
        If the file can't be read.
    """
    try:
        record: EditsFile = decode(Path(path).expanduser().read_bytes(), EditsFile)
    except (OSError, ConfigError) as error:
        raise DataError(f"the edits in {os.fspath(path)} can't be read ({error})") from error
    return record.edits


def save_edits(path: Path, edits: Iterable[DataEdit]) -> None:
    """Write a file of edits whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.encode(EditsFile(tuple(edits)))
    write_whole(path, msgspec.json.format(written, indent=1))


def _ids_by_item(index: ImageIndex, wanted: Collection[str]) -> dict[str, list[int]]:
    """A list may name one file in several rows."""
    if not index.items:
        return {row: [int(row)] for row in wanted if row.isdecimal() and int(row) < len(index)}
    ids: dict[str, list[int]] = {}
    for image, item in enumerate(index.items):
        # Almost every name is plain; of a hundred thousand each step would be felt.
        key = item if item.isascii() and os.sep == "/" else _key(printable(item))
        if key in wanted:
            ids.setdefault(key, []).append(image)
    return ids


def _key(item: str) -> str:
    return item.replace(os.sep, "/")


def _class_number(index: ImageIndex, edit: Relabel) -> int:
    if edit.label not in index.classes:
        raise DataError(
            f"edits: {edit.item!r} is relabelled as {edit.label!r}, but the classes are "
            f"{', '.join(map(repr, index.classes[:20]))}: a new class needs images of its own"
        )
    return index.classes.index(edit.label)


def _what(edit: DataEdit) -> str:
    if isinstance(edit, Relabel):
        return f"relabelled as {edit.label!r}"
    return f"moved to {edit.part!r}" if isinstance(edit, MoveTo) else "excluded"


def _closest(item: str, known: list[str]) -> str:
    same = [name for name in known if name.rpartition("/")[2] == item.rpartition("/")[2]]
    near = same[:3] or get_close_matches(item, known[:_LOOKED_THROUGH], n=3) or known[:3]
    return f"closest: {', '.join(map(repr, near))}"
