"""A run measured by what it said of its validation images; without torch where that is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from nbfinetune.data.index import FILE_NAME, ImageIndex, load_index
from nbfinetune.errors import StoreError
from nbfinetune.evaluation.calibration import fit_temperature
from nbfinetune.evaluation.metrics import Predictions, load_predictions
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.records import FineTuneConfig


def evaluate(
    run_folder: Path,
    config: FineTuneConfig,
    data: Any = None,
    which: Literal["best", "last"] = "best",
) -> Evaluation:
    """Measure a run's model.

    Parameters
    ----------
    data : optional
        Whatever can be trained on; of data with a validation part, that part. Its classes are
        matched by name with the run's. Default: the run's own validation images.
    which : {"best", "last"}
        Predictions are stored of the best model alone.

    Raises
    ------
    DataError
        If the data hold a class that the run does not know.
    StoreError
        If stored predictions are damaged, or not those of this run.
    """
    stored = stored_evaluation(run_folder) if which == "best" else None
    if data is None and stored is not None:
        return stored
    from nbfinetune.evaluation.inference import measure_anew

    temperature = None if stored is None else stored.temperature
    return measure_anew(run_folder, config, data, which, temperature)


def stored_evaluation(run_folder: Path, temperature: float | None = None) -> Evaluation | None:
    """Evaluation of a run's best model out of its stored predictions; None where there are none.

    Parameters
    ----------
    temperature : float, optional
        Of that model, where it was fitted on other predictions; default fitted on these.

    Raises
    ------
    StoreError
        If they are damaged, or do not fit the run's index.
    """
    stored = stored_predictions(run_folder)
    return None if stored is None else evaluation_of(*stored, temperature)


def evaluation_of(
    kept: Predictions, index: ImageIndex, temperature: float | None = None
) -> Evaluation:
    """Evaluation of predictions that have been read; the file may be of a newer model by now.

    Parameters
    ----------
    kept : Predictions
        Their ids are numbers in `index`.
    temperature : float, optional
        As for `stored_evaluation`.
    """
    return Evaluation.from_logits(
        kept.logits,
        kept.labels,
        index.classes,
        [index.name(int(number)) for number in kept.ids],
        ids=kept.ids,
        temperature=temperature or fit_temperature(kept.logits, kept.labels),
    )


def stored_predictions(run_folder: Path) -> tuple[Predictions, ImageIndex] | None:
    """What a run's best model said of its validation images, and the index that numbers them.

    Raises
    ------
    DataError
        If there is no readable index.
    StoreError
        If the predictions are damaged, or do not fit the index.
    """
    path = run_folder / "predictions" / "best.npz"
    if not path.exists():
        return None
    kept, index = load_predictions(path), load_index(run_folder / FILE_NAME)
    outputs, last = kept.logits.shape[-1], int(max(kept.ids, default=-1))
    if outputs != len(index.classes) or last >= len(index):
        raise StoreError(
            f"{path} has {outputs} outputs and images up to number {last}, but the run's index "
            f"has {len(index.classes)} classes and {len(index)} images: one of them is of another "
            "run; put the right file back, or remove the predictions and evaluate again"
        )
    return kept, index
