"""What every tracker can do, and which one a target is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from nbfinetune.runner.trackers.bookmark import Bookmark
from nbfinetune.runner.trackers.notes import Note
from nbfinetune.runner.trackers.pages import Ending, Page, Subject
from nbfinetune.runner.trackers.targets import MLflow, TensorBoard


class Writer(Protocol):
    """An open tracker. What goes wrong with it is raised as its library raises it."""

    @property
    def where(self) -> str:
        """Where a person finds the run: a folder or an address."""

    def write(self, page: Page, story: Sequence[Note]) -> None:
        """Give it a page; what returns is kept by the tracker.

        Parameters
        ----------
        page : Page
        story : sequence of Note
            All notes on the run so far, if the page has any.
        """

    def end(self, ending: Ending) -> None:
        """Say how the run ended, and let go of the tracker."""


def open_writer(run_folder: Path, subject: Subject, mark: Bookmark) -> Writer:
    """Open the tracker of a bookmark; one that knows the run already goes on with it.

    Whatever the tracker's library raises is raised.
    """
    target = mark.target
    if isinstance(target, TensorBoard):
        from nbfinetune.runner.trackers.tensorboard import TensorBoardWriter

        return TensorBoardWriter(target, run_folder, subject, mark)
    if isinstance(target, MLflow):
        from nbfinetune.runner.trackers.mlflow import MLflowWriter

        return MLflowWriter(target, subject)
    from nbfinetune.runner.trackers.wandb import WandBWriter

    return WandBWriter(target, run_folder, subject)
