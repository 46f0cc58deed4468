"""How good a model is on parts of the images: by a column of a table, by tag, by anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from nbfinetune.errors import DataError
from nbfinetune.evaluation.averages import count, macro_f1
from nbfinetune.evaluation.intervals import share
from nbfinetune.evaluation.metrics import losses

By: TypeAlias = "Mapping[str, Any] | pd.Series[Any] | pd.DataFrame | Callable[[str], Any]"

NAME_COLUMNS = ("path", "name")


def slice_values(by: By, names: Sequence[str], column: str | None = None) -> pd.Series[Any]:
    """What `by` says of each image; an image that has several tags comes once for each.

    Parameters
    ----------
    by
        As in `Evaluation.slices`.
    names : sequence of str
        Of the images.
    column : str, optional
        Which column of a DataFrame.

    Returns
    -------
    Series
        Index: places in `names`. Values: NaN where nothing is said of an image.

    Raises
    ------
    DataError
        If `by` is none of these, or says nothing of any image.
    """
    if isinstance(by, pd.DataFrame):
        by = _column_of(by, column)
    if callable(by):
        values = [by(name) for name in names]
    elif isinstance(by, (Mapping, pd.Series)):
        values = _looked_up(by, names)
    else:
        raise DataError(
            f"a {type(by).__name__} does not say which slice an image is in: give a dict or Series "
            "by image name, a DataFrame with a column path or name, or a function of the name"
        )
    said = pd.Series(values, dtype=object).explode()
    if not said.notna().any():
        raise DataError(
            f"nothing is said of any of the {len(names)} images; they are called like "
            f"{names[0]!r}. Use these names, or give a function of the name"
        )
    return said.infer_objects()


def slice_figures(values: pd.Series[Any], logits: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Figures of each value, in its order; what has no value is the last row, NaN.

    Parameters
    ----------
    values : Series
        Of `slice_values`.
    logits : ndarray, (N, C)
    labels : ndarray of int, (N,)

    Returns
    -------
    DataFrame
        Columns images, accuracy, low and high (Wilson's 95 % interval of the accuracy), macro_f1
        (over the classes of the slice), loss.
    """
    predicted, loss = logits.argmax(axis=1), losses(logits, labels)

    def figures(places: np.ndarray) -> dict[str, float]:
        own, told = labels[places], predicted[places]
        low, high = share(float((own == told).sum()), len(places))
        return {
            "images": len(places),
            "accuracy": float((own == told).mean()),
            "low": low,
            "high": high,
            "macro_f1": float(macro_f1(count(own, told, logits.shape[1]))),
            "loss": float(loss[places].mean()),
        }

    groups = values.groupby(values, dropna=False, observed=True)
    rows = {value: figures(group.index.to_numpy()) for value, group in groups}
    index = pd.Index(list(rows), name=values.name)
    return pd.DataFrame(list(rows.values()), index=index)


def _column_of(table: pd.DataFrame, column: str | None) -> pd.Series[Any]:
    key = next((name for name in NAME_COLUMNS if name in table.columns), None)
    others = [name for name in table.columns if name != key]
    if key is None:
        raise DataError(
            f"the DataFrame has the columns {', '.join(map(str, table.columns))}: one called path "
            "or name must say which image a row is about"
        )
    if column is None and len(others) == 1:
        column = others[0]
    if column not in others:
        raise DataError(
            f"column is {column!r}: name the one to slice by, of {', '.join(map(str, others))}"
        )
    return pd.Series(table[column].to_numpy(), index=table[key].map(str), name=column)


def _looked_up(by: Mapping[str, Any] | pd.Series[Any], names: Sequence[str]) -> list[Any]:
    """Values by name; paths that are relative count from where we are."""
    if isinstance(by, pd.Series) and not by.index.is_unique:
        twice = by.index[by.index.duplicated()][0]
        raise DataError(f"{twice!r} is there more than once; give one row per image")
    known = {str(name): value for name, value in by.items()}
    absolute = {str(Path(name).absolute()): value for name, value in known.items()}
    return [known.get(name, absolute.get(name, np.nan)) for name in names]
