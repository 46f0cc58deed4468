"""A run's steps through `torch.compile`, or the reason why they are taken as they are."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nbfinetune.data.machine import cache_home
from nbfinetune.engine.rehearsal import without_trace
from nbfinetune.records import CompileSkipped, PhaseStarted

if TYPE_CHECKING:
    from nbfinetune.engine.training import Training

Forward = Callable[[Tensor], Tensor]

BACKEND = "inductor"

_FOLDER, _FOLDER_VARIABLE = "compiled", "TORCHINDUCTOR_CACHE_DIR"


def begin(training: Training) -> None:
    """Let the steps of a run go through a compiled graph, where its config asks for it."""
    if not training.config.training.compile:
        return
    if training.world.size > 1:
        reason = f"{training.world.size} processes train together, which is not compiled"
        training.recorder.emit(CompileSkipped(step=training.progress.step, reason=reason))
        return
    training.stepper.compiling = Compiling(training)


class Compiling:
    """The model's forward pass as a graph that is compiled for one number of images.

    Other pieces (the rest of a split batch, a batch with an unreadable image) go through the model
    itself: a graph for each number would be compiled for minutes, and a graph for all of them
    would make what a resumed run computes depend on what its first worker had met.

    The model itself is never wrapped, so checkpoints, averages and prunings see it as it is.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._graph: Forward | None = None
        self._images = 0
        self._failed = False
        self._told: set[str] = set()

    def forget(self) -> None:
        """Compile anew before the next step, since the model is another one now."""
        self._graph = None

    def forward(self, images: int, try_out: Callable[[Forward], object]) -> Forward | None:
        """What a piece of a batch goes through; None is the model as it is.

        Parameters
        ----------
        images : int
            In the piece.
        try_out : callable
            Takes what is compiled forward and backward once. The weights, the random streams and
            the batch norms are afterwards as they were.
        """
        training = self._training
        usual = min(training.stepper.micro_batch, len(training.parts.train.ids))
        if self._failed or images != usual:
            return None
        reason = self._held_back()
        if reason is not None:
            self._tell(reason)
            return None
        if self._graph is None or self._images != images:
            self._graph, self._images = self._compiled(try_out), images
        return self._graph

    def _held_back(self) -> str | None:
        """Why this step is not worth a graph, though a later one may be."""
        progress = self._training.progress
        if progress.feature_views:
            return "the head alone is trained, on kept features; what is thawed will be compiled"
        if progress.gradual is not None and progress.gradual.pruning.method != "unstructured":
            return "the model becomes smaller by and by; once it stays, it is compiled"
        return None

    def _compiled(self, try_out: Callable[[Forward], object]) -> Forward | None:
        training = self._training
        model, device = training.stepper.model, training.parts.placement.device
        phase = f"compiling {training.config.model.name}"
        training.recorder.emit(PhaseStarted(step=training.progress.step, phase=phase))
        try:
            with without_trace(model, device):
                keep_in_own_cache()
                torch.compiler.reset()  # graphs of what the model was before are of no more use
                graph = graph_of(model)
                try_out(graph)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the model trains without
            traceback.print_exc()
            self._failed = True
            self._tell(_sentence(error))
            return None
        finally:
            training.clock.lap()  # time of the run, but not of this step
        return graph

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            told = CompileSkipped(step=self._training.progress.step, reason=reason)
            self._training.recorder.emit(told)


def graph_of(model: nn.Module) -> Forward:
    """The forward pass of a model, to be compiled when it is called, for that number of images."""
    graph: Forward = torch.compile(model, backend=BACKEND, dynamic=False)
    return graph


def keep_in_own_cache() -> None:
    """Let torch keep what it compiles where it stays, and where nobody else can write.

    It loads libraries and pickles from there. A folder of the user's choice stays.

    Raises
    ------
    OSError
        If the folder can't be made, or is someone else's.
    """
    chosen = os.environ.get(_FOLDER_VARIABLE)
    # torch names one in the folder for temporary files as soon as it is imported.
    if chosen and not Path(chosen).match(f"{tempfile.gettempdir()}/torchinductor_*"):
        return
    folder = cache_home() / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # refused where the folder is someone else's
    os.environ[_FOLDER_VARIABLE] = str(folder)


def _sentence(error: Exception) -> str:
    cause = getattr(error, "inner_exception", error)
    if type(cause).__name__ == "InvalidCxxCompiler":  # of a private module
        return (
            "torch finds no C++ compiler on this machine; install g++, clang or MSVC, or name "
            "yours in the environment variable CXX"
        )
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    first = lines[0] if lines else "no reason was given"
    return f"torch.compile failed with {type(cause).__name__}: {first} (more in the worker's log)"
