"""What the model of a run can be asked: the part of `Run` that needs torch, when it is called."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from nbfinetune.errors import ConfigError, RunError
from nbfinetune.records import LIVE, FineTuneConfig, Status
from nbfinetune.store import layout
from nbfinetune.store.layout import Which

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from nbfinetune.evaluation.report import Evaluation
    from nbfinetune.explain.evidence import Method
    from nbfinetune.explain.heat_map import HeatMap
    from nbfinetune.export import Exported
    from nbfinetune.export.quantized import Quantized
    from nbfinetune.runner.run import Run


class ModelFace(ABC):
    """Uses of a trained model; `Run` has them all.

    Attributes
    ----------
    path : Path
        The run's folder.
    """

    path: Path

    @property
    @abstractmethod
    def status(self) -> Status:
        """What the run is doing now, in one word."""

    @property
    @abstractmethod
    def config(self) -> FineTuneConfig:
        """What the run was started with."""

    def load_model(self, which: Which = "best") -> nn.Module:
        """The trained model in eval mode, with `.classes` and `.preprocess`.

        Parameters
        ----------
        which : {"best", "last"}
            The weights of the best epoch, or of the last checkpoint.

        Raises
        ------
        RunError
            If the run has no such checkpoint yet.
        """
        folder = self._trained(which)
        from nbfinetune.evaluation import inference

        return inference.load_model(folder, self.config, which)

    def predict(self, images: Any, which: Which = "best") -> pd.DataFrame:
        """Label and probability per class, one row per image."""
        folder = self._trained(which)
        from nbfinetune.evaluation import inference

        return inference.predict(folder, self.config, images, which)

    def evaluate(self, data: Any = None, which: Which = "best") -> Evaluation:
        """Measure the model on `data`, or on the run's own validation images."""
        folder = self._trained(which)
        from nbfinetune.evaluation.stored import evaluate

        return evaluate(folder, self.config, data, which)

    def explain(
        self,
        images: Any,
        *,
        method: Method = "auto",
        target: str | None = None,
        which: Which = "best",
    ) -> list[HeatMap]:
        """Where the model finds a class in images, one map each, in their order.

        Parameters
        ----------
        images : path, folder, PIL image, array, int, name, or a list of these
            What can be predicted; and images of the run, by their numbers or their names.
        method : str
            `"grad_cam"`, `"hires_cam"`, `"eigen_cam"`, `"gradient_attention"` or
            `"attention_rollout"`; by itself, what suits the network.
        target : str, optional
            A class; default what the model predicts for each image.

        Raises
        ------
        ConfigError, DataError, ModelError
            If there is no such method or class, an image can't be read, or the model has no layer
            with positions.
        RunError
            If the run has no such checkpoint yet.
        """
        folder = self._trained(which)
        from nbfinetune.explain.explaining import explain

        config = self.config
        return explain(folder, config, images, method=method, target=target, which=which)

    def label_errors(self, which: Which = "best") -> pd.DataFrame:
        """All images of the run, the one whose label is most probably wrong first.

        Those of the best model are kept with the run, and found without torch from then on.

        Returns
        -------
        DataFrame
            One row an image: its name, label, the class suggested instead, and how sure that is;
            no image is judged by a classifier that has seen it.

        Raises
        ------
        DataError
            If the images are gone, or too few to judge some by others.
        RunError
            If the run has no such checkpoint yet.
        """
        folder = self._trained(which)
        from nbfinetune.runner import kept_label_errors

        return kept_label_errors.label_errors(folder, self.config, which)

    def export(
        self,
        path: str | os.PathLike[str],
        which: Which = "best",
        *,
        input: Literal["normalised", "pixels"] = "normalised",
        check: bool = True,
    ) -> Exported:
        """Write the model, or how it came about, to a file whose suffix says in which form.

        Parameters
        ----------
        path : path
            `.onnx`, `.pt2` or `.safetensors`: the model; `.py` or `.ipynb`: a script or a notebook
            that repeats the run without nbfinetune; `.md`: a model card.
        input : {"normalised", "pixels"}
            What an `.onnx` or `.pt2` takes: floats (N,C,H,W) as the model does, or bytes (N,H,W,C),
            which it normalises itself.
        check : bool
            Compare a file that holds a model with the run's, on the validation images.

        Returns
        -------
        Exported
            The path, with its `parity`.

        Raises
        ------
        ConfigError
            If there is no export of that suffix, or what it needs is not installed.
        ExportMismatch
            If more than one image in a thousand gets another class; the file stays, marked.
        ModelError, StoreError
            If the model can't be written in that form, or the file not at all.
        RunError
            If the run has no such checkpoint yet.
        """
        folder = self._trained(which)
        from nbfinetune.export import export
        from nbfinetune.store import RunStore

        with RunStore.open(folder) as store:
            edits, told = store.edits(), store.events(steps=False)
        return export(
            folder,
            self.config,
            Path(path),
            which,
            input=input,
            check=check,
            edits=edits,
            told=told,
        )

    def comparison(self, *, latency: bool = True) -> pd.DataFrame:
        """The best model before and after the pruning that this run began with.

        Parameters
        ----------
        latency : bool
            Whether to time them, by turns; takes some seconds.

        Returns
        -------
        DataFrame
            Rows `before` and `after`, or the run's own alone where nothing was pruned or the run
            before is gone; columns accuracy, macro_f1, parameters, macs, size_mb, latency_ms (of
            one image) and latency_ms_32 (of 32 at a time).

        Raises
        ------
        RunError
            If the run has no best model yet.
        """
        from nbfinetune.runner import comparison

        self._trained("best")
        return comparison.before_and_after(cast("Run", self), latency=latency)

    def quantize(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        method: Literal["auto", "static", "dynamic"] = "auto",
        images: int = 256,
        which: Which = "best",
    ) -> Quantized:
        """Write the model with 8-bit integers as an ONNX file, and measure it beside itself.

        Parameters
        ----------
        path : path, optional
            Ends in `.onnx`; default `model.int8.onnx` in the run's folder.
        method : {"auto", "static", "dynamic"}
            Ranges of the activations out of training images, once; or out of every image anew,
            which leaves convolutions as they are. By itself: what suits the network.
        images : int
            How many training images the ranges come from.

        Returns
        -------
        Quantized
            Its `comparison()` has accuracy, size and latency before and after.

        Raises
        ------
        ConfigError
            If a value can't be, or `pip install 'nbfinetune[onnx]'` is missing.
        ModelError, StoreError
            If the model can't be written as ONNX, or the file not at all.
        RunError
            If the run has no such checkpoint yet.
        """
        folder = self._trained(which)
        from nbfinetune.export.quantizing import quantize

        target = None if path is None else Path(path)
        return quantize(folder, self.config, target, method=method, images=images, which=which)

    def _trained(self, which: Which) -> Path:
        return folder_with(self, which)


def folder_with(run: ModelFace, which: Which) -> Path:
    """Folder of a run that has such a checkpoint.

    Raises
    ------
    ConfigError
        If there is no checkpoint of that name.
    RunError
        If the run has none yet.
    """
    if which not in get_args(Which):
        raise ConfigError(f"which is {which!r}; a run keeps 'best' and 'last'")
    if not layout.checkpoint(run.path, which).is_file():
        raise RunError(
            f"run {run.path.name} has no {which!r} checkpoint yet (it is {run.status}); "
            + ("wait for one" if run.status in LIVE else "resume() it")
        )
    return run.path
