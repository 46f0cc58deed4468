"""Data sets of Hugging Face's `datasets`, known by their features: nothing is imported from there.

Images are taken as they were stored, so no JPEG is decoded and encoded anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbfinetune.data.opened import Opened, Unit
from nbfinetune.errors import ConfigError, DataError

LABEL_COLUMNS = ("label", "labels", "fine_label")


def is_hugging_face(data: Any) -> bool:
    """Whether this is a `datasets.Dataset`, or an object like it."""
    return isinstance(getattr(data, "features", None), Mapping) and hasattr(data, "cast_column")


def open_hugging_face(dataset: Any, labels: str | None, groups: str | None) -> Opened:
    """A data set with an image column and a label column.

    Parameters
    ----------
    dataset : datasets.Dataset
    labels, groups : str or None
        Columns. By default the label is the only `ClassLabel`, or what `LABEL_COLUMNS` names.

    Raises
    ------
    ConfigError
        If it has not such columns; names those that there are.
    """
    features = dataset.features
    image, label = _image_column(features), labels or _label_column(features)
    wanted = list(dict.fromkeys(name for name in (image, label, groups) if name))
    for name in wanted:
        if name not in features:
            raise ConfigError(f"the data set has no column {name!r}: it has {_shown(features)}")
    stored = (
        dataset.with_format(None)
        .select_columns(wanted)
        .cast_column(image, type(features[image])(decode=False))
    )

    def units(rows: Sequence[int]) -> Iterator[Unit]:
        for row, item in zip(rows, stored.select(rows), strict=True):
            yield Unit(
                _image(item[image], row),
                _label(item[label], row),
                item[groups] if groups else None,
            )

    names = getattr(features[label], "names", None)
    return Opened(len(dataset), units, tuple(names) if names else None)


def _image_column(features: Mapping[str, Any]) -> str:
    found = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    if len(found) != 1:
        raise ConfigError(
            f"{len(found)} columns of the data set hold images, one is needed: it has "
            f"{_shown(features)}; use dataset.cast_column(name, datasets.Image()) or "
            "dataset.remove_columns(names)"
        )
    return found[0]


def _label_column(features: Mapping[str, Any]) -> str:
    known = [name for name in LABEL_COLUMNS if name in features]
    kinds = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    if known or len(kinds) == 1:
        return (known or kinds)[0]
    raise ConfigError(
        f"no column of the data set is surely the label: it has {_shown(features)}; "
        "pass labels= with its name"
    )


def _image(stored: Any, row: int) -> Any:
    if isinstance(stored, Mapping):
        if stored.get("bytes") is not None:
            return stored["bytes"]
        if stored.get("path"):
            return Path(stored["path"])
    raise DataError(f"row {row} of the data set has no image: remove it")


def _label(label: Any, row: int) -> Any:
    if label is None or (isinstance(label, int) and label < 0):
        raise DataError(
            f"row {row} of the data set has no label ({label!r}): this part is not labelled; "
            "choose another or remove the row"
        )
    return label


def _shown(features: Mapping[str, Any]) -> str:
    return ", ".join(f"{name!r} ({type(kind).__name__})" for name, kind in features.items())
