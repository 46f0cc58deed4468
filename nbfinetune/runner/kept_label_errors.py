"""Label errors of a run, kept beside its predictions so that they are looked for only once."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbfinetune.data.index import ImageIndex, load_index
from nbfinetune.evaluation.left_out import LeftOut
from nbfinetune.records import FineTuneConfig
from nbfinetune.store import layout
from nbfinetune.store.layout import Which
from nbfinetune.whole_files import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from nbfinetune.evaluation.batches import OnBatch

__all__ = ["Found", "found_label_errors", "label_errors", "read", "stored"]

_READ_BYTES = 2**20


class Found(NamedTuple):
    """Label errors as numbers, the most probable first.

    Parameters
    ----------
    ids : int64 array (N,)
        Of the images in the run.
    suggested : int64 array (N,)
        Classes suggested instead.
    score : float64 array (N,)
    likely : bool array (N,)
    """

    ids: NDArray[np.int64]
    suggested: NDArray[np.int64]
    score: NDArray[np.float64]
    likely: NDArray[np.bool_]

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> Found:
        """Out of arrays or lists by these names.

        Raises
        ------
        KeyError, ValueError
            If one is missing, or of another length.
        """
        found = cls(
            np.asarray(arrays["ids"], np.int64),
            np.asarray(arrays["suggested"], np.int64),
            np.asarray(arrays["score"], np.float64),
            np.asarray(arrays["likely"], np.bool_),
        )
        if {each.shape for each in found} != {found.ids.shape}:
            raise ValueError("arrays of label errors that differ in length")
        return found

    def frame(self, index: ImageIndex) -> pd.DataFrame:
        """As `Run.label_errors` gives them.

        Raises
        ------
        IndexError
            If the index has no such images or classes.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "name": [index.name(number) for number in self.ids.tolist()],
                "label": [index.classes[label] for label in index.labels[self.ids].tolist()],
                "suggested": [index.classes[label] for label in self.suggested.tolist()],
                "score": self.score,
                "likely": self.likely,
            },
            index=pd.Index(self.ids, name="image"),
        )


def label_errors(folder: Path, config: FineTuneConfig, which: Which = "best") -> pd.DataFrame:
    """What `Run.label_errors` gives: what was kept, or found now and kept."""
    kept = stored(folder) if which == "best" else None
    if kept is not None:
        return kept
    return read(folder, found_label_errors(folder, config, which)._asdict())


def stored(folder: Path) -> pd.DataFrame | None:
    """Label errors of a run's best model that were found before, without torch.

    None where there are none, or where the model is another by now.
    """
    try:
        # numpy leaves a damaged file open when it opens the file itself.
        with (
            layout.label_errors(folder).open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            if str(arrays["model"]) != _digest(folder, "best"):
                return None
            return read(folder, arrays)
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile):
        return None  # what can't be read can be found again


def read(folder: Path, found: Mapping[str, Any]) -> pd.DataFrame:
    """What the fields of `Found` say of a run, as `Run.label_errors` gives it."""
    return Found.of(found).frame(load_index(layout.index(folder)))


def found_label_errors(
    folder: Path, config: FineTuneConfig, which: Which, on_batch: OnBatch | None = None
) -> Found:
    """Look for them, and keep those of the best model; needs torch.

    A warning says where they could not be kept, and which images could not be read.

    Raises
    ------
    DataError, ModelError
        As `nbfinetune.evaluation.label_errors.find_label_errors`.
    """
    from nbfinetune.evaluation.label_errors import find_label_errors

    # Before the model is read: what a newer one says is never taken for this one's.
    model = _digest(folder, which)
    frame = find_label_errors(folder, config, which, on_batch)
    places = {name: place for place, name in enumerate(load_index(layout.index(folder)).classes)}
    found = Found.of(
        {
            "ids": frame.index,
            "score": frame["score"],
            "likely": frame["likely"],
            "suggested": [places[name] for name in frame["suggested"]],
        }
    )
    if which == "best":
        _keep(found, layout.label_errors(folder), model)
    return found


def _keep(found: Found, path: Path, model: str) -> None:
    data = io.BytesIO()
    np.savez(data, model=np.array(model), **found._asdict())
    try:
        write_whole(path, data.getvalue())
    except OSError as error:
        warnings.warn(
            f"the label errors could not be kept in {path} ({error.strerror or error}), so they "
            "will be looked for again",
            LeftOut,
            stacklevel=4,
        )


def _digest(folder: Path, which: Which) -> str:
    """Tells the weights of a checkpoint from all others."""
    digest = hashlib.sha256()
    with layout.checkpoint(folder, which).open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
