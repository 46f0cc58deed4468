"""Weights & Biases: a run of a project, online or offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nbfinetune.runner.trackers.notes import Note, lines
from nbfinetune.runner.trackers.pages import Ending, Page, Subject
from nbfinetune.runner.trackers.targets import WandB


class WandBWriter:
    """A run of a W&B project; it has our run's id, by which it is gone on with.

    Parameters
    ----------
    target : WandB
    run_folder : Path
        In whose ``wandb`` the library keeps its files.
    subject : Subject
    """

    def __init__(self, target: WandB, run_folder: Path, subject: Subject) -> None:
        import wandb

        self._run = wandb.init(
            project=target.project,
            entity=target.entity,
            mode=target.mode,
            id=subject.id,
            name=subject.id,
            dir=run_folder,
            config=subject.settings,
            resume="allow",
            # The console and the load of this process say nothing about the run.
            settings=wandb.Settings(console="off", x_disable_stats=True, disable_git=True),
        )
        self.where = self._run.url or str(Path(self._run.dir).parent)

    def write(self, page: Page, story: Sequence[Note]) -> None:
        """Log the points of a page by their step; the notes are those of W&B's run."""
        for point in page.points:
            self._run.log({"_timestamp": point.time, **point.values}, step=point.step)
        if page.notes:
            self._run.notes = "\n".join(lines(story))

    def end(self, ending: Ending) -> None:
        """Put the best epoch's measures and the status into the summary, and finish."""
        best = {} if ending.best is None else ending.best.values
        self._run.summary.update({"status": ending.status, **best})
        self._run.finish(exit_code=0 if ending.well else 1)
