"""What became of a model by 8-bit integers: its file, its accuracy, its size, its speed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from nbfinetune.evaluation.report import Evaluation
from nbfinetune.export.forms import Measured
from nbfinetune.export.int8 import Method
from nbfinetune.export.onnx_model import OnnxModel

__all__ = ["Quantized"]


@dataclass(frozen=True, repr=False)
class Quantized:
    """A run's model with 8-bit integers, and how it stands beside the model itself.

    Parameters
    ----------
    path : Path
        An ONNX file, which runs without nbfinetune and without torch.
    method : {"static", "dynamic"}
    parameters, macs : int
        The same in all forms.
    forms : dict of str to Measured
        ``torch`` (the run's model), ``onnx`` (the same in ONNX Runtime), ``int8``.
    """

    path: Path
    method: Method
    parameters: int
    macs: int
    forms: dict[str, Measured]

    @property
    def evaluation(self) -> Evaluation:
        """The quantized model on the run's validation images."""
        return self.forms["int8"].evaluation

    @property
    def agreement(self) -> float:
        """Part of the validation images for which it says the same class as the run's model."""
        before = self.forms["torch"].evaluation
        return float(np.mean(self.evaluation.predicted == before.predicted))

    def comparison(self) -> pd.DataFrame:
        """Accuracy, size and speed of the forms, one row each.

        Returns
        -------
        DataFrame
            Index `torch`, `onnx`, `int8`; columns accuracy, macro_f1, parameters, macs, size_mb
            (millions of bytes), latency_ms (one image) and latency_ms_32 (32 at a time).
        """
        rows = [
            {
                "accuracy": form.evaluation.accuracy,
                "macro_f1": form.evaluation.macro_f1,
                "parameters": self.parameters,
                "macs": self.macs,
                "size_mb": form.size_bytes / 1e6,
                "latency_ms": form.latency_ms[1],
                "latency_ms_32": form.latency_ms[32],
            }
            for form in self.forms.values()
        ]
        return pd.DataFrame(rows, index=pd.Index(self.forms, name="model"))

    def load_model(self) -> OnnxModel:
        """The quantized model in ONNX Runtime, with `.classes` and `.preprocess`.

        Raises
        ------
        ModelError
            If the file is gone, or another one lies there.
        """
        return OnnxModel(self.path)

    def __repr__(self) -> str:
        was, now = self.forms["torch"], self.forms["int8"]
        return (
            f"Quantized ({self.method}) {self.path}: "
            f"accuracy {now.evaluation.accuracy:.4f} (was {was.evaluation.accuracy:.4f}, "
            f"the same class for {self.agreement:.1%} of {len(now.evaluation)} images), "
            f"{now.size_bytes / 1e6:.1f} MB (was {was.size_bytes / 1e6:.1f}), "
            f"{now.latency_ms[1]:.2f} ms an image (was {was.latency_ms[1]:.2f})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self.path.name}</p>" + self.comparison().to_html(float_format="{:.4g}".format)
