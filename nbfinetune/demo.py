"""`make demo`: fine-tunes a small network on handwritten digits through the public API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbfinetune as nf
from nbfinetune.errors import NbFinetuneError

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ["train_loss", "val_loss", "accuracy", "macro_f1", "roc_auc", "seconds"]

BEFORE = f"""\
nbfinetune {nf.__version__}: resnet10t learns scikit-learn's 1,797 handwritten digits, from random
weights (this demo asks for no network). A worker process trains; this one only watches.
"""
AFTER = """\
The run lies in {path}
It can be taken up again from any Python in which nbfinetune is installed; here, {python}:

    import nbfinetune as nf
    run = nf.Run.open({path!r})
    run.evaluate().confusion
"""


def main() -> int:
    """Fine-tune, print the table of epochs and where the run lies.

    Returns
    -------
    int
        Exit status: 0, or 1 where the run failed (its sentence is printed).
    """
    print(BEFORE)
    try:
        run = nf.fine_tune(
            "digits",
            model="resnet10t",
            pretrained=False,
            image_size=32,
            augment="light",
            flip=False,
            epochs=8,
            batch_size=64,
            lr=2e-3,
        )
        run.wait()
        print(_table(run.metrics()))
    except NbFinetuneError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    print(AFTER.format(path=str(run.path), python=_python()))
    return 0


def _table(epochs: pd.DataFrame) -> str:
    best = int(epochs["accuracy"].argmax())
    drawn = epochs[SHOWN].to_string(float_format="{:.4f}".format)
    right = f"{epochs['accuracy'].iloc[best]:.1%} of the validation images right"
    return f"\n{drawn}\n\nBest: {right}, after epoch {epochs.index[best]}.\n"


def _python() -> str:
    """Name this Python as one would type it here."""
    python, here = Path(sys.executable), Path.cwd()
    return str(python.relative_to(here) if python.is_relative_to(here) else python)


if __name__ == "__main__":
    sys.exit(main())
