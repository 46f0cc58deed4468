"""`Predictor`: a run's model at work on pictures that are dropped, pasted or taken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import RunError
from nbfinetune.records import LIVE
from nbfinetune.runner.predicted_frame import predicted_frame
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import Which
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.predictor_page import PredictorPage
from nbfinetune.widgets.saved_face import call, listed, under_voila

if TYPE_CHECKING:
    import pandas as pd


class Predictor(PredictorPage):
    """Give pictures to a run's model, and see what it says and where it looked.

    The model works in a process of its own, shared by all who ask it, which is started at once and
    ends when the last of them is closed. Pictures lie in a private folder while they are shown.

    Parameters
    ----------
    run : Run, str or path
        A run, its id, or its folder.
    which : {"best", "last"}
        The weights of the best epoch, or of the last checkpoint.
    folders : bool, optional
        Whether the page may name folders of this machine to predict, and files to write. Default:
        not where Voila serves it to people who have no kernel of their own.

    Raises
    ------
    NoSuchRun, StoreError
        If there is no such run, or it can't be read.

    Examples
    --------
    >>> predictor = Predictor(run)  # doctest: +SKIP
    >>> predictor.predict_folder("inbox/", "inbox.csv")  # doctest: +SKIP
    """

    _follower: Follower | None = None

    def __init__(
        self,
        run: Run | str | os.PathLike[str],
        which: Which = "best",
        *,
        folders: bool | None = None,
    ) -> None:
        run = run if isinstance(run, Run) else Run.open(run)
        super().__init__(run, which, folders=not under_voila() if folders is None else folders)
        if self._trouble and run.status in LIVE:
            self._follower = Follower.of(run.path)
            self._follower.subscribe(self._hear)

    @property
    def run(self) -> Run:
        """The run whose model is asked."""
        return self._run

    @property
    def classes(self) -> tuple[str, ...]:
        """What the model tells apart; empty while the run has no model yet."""
        return self._classes

    def predict(self, images: Any) -> pd.DataFrame:
        """Label and probability per class, one row per image.

        Parameters
        ----------
        images : path, folder, int, PIL image, uint8 array, or a list of these
            An int is the number of an image of the run.

        Returns
        -------
        DataFrame
            As `Run.predict` gives it; the kernel needs no torch for this.

        Raises
        ------
        DataError
            If `images` is none of these, or none of them can be read.
        RunError
            If the run has no model yet, or its process died.
        """
        with self._guard:
            model = self._asked_model()
        return predicted_frame(model, self._classes, images)

    def predict_folder(
        self, folder: str | os.PathLike[str], csv: str | os.PathLike[str] | None = None
    ) -> Path:
        """Predict every image under a folder; the page shows how far it is.

        Parameters
        ----------
        folder : path
        csv : path, optional
            Default ``<folder>.predictions.csv`` beside the folder. A file that is there stays: the
            next free name is taken.

        Returns
        -------
        Path
            The file: ``path`` (below the folder), ``label``, ``probability``, and the probability
            of each class; nothing but the path for images that can't be read.

        Raises
        ------
        DataError, StoreError
            If the folder is not there or holds no images; if the file can't be written, with what
            is kept.
        CommandRefused, RunError
            If another folder is being predicted; if the run has no model yet.
        """
        work = self._begin_folder(folder, csv)
        try:
            work.wait()
        finally:
            work.cancel()
        if work.failure is not None:
            raise work.failure
        if work.status != "done" or work.csv is None:
            kept = f"; what there was is in {work.csv}" if work.csv else ""
            raise RunError(f"predicting {work.folder} was cancelled{kept}")
        return work.csv

    def close(self) -> None:
        """Let go of the page and of the model; pictures are deleted."""
        self._leave()
        super().close()

    def _saved_words(self) -> str:
        run, which = self._run, self._which
        told = self._trouble or f"it tells apart {listed(self._classes)}"
        other = {} if which == "best" else {"which": which}
        return (
            f"Predictor of the {which} model of run {run.id} ({run.config.model.name}): {told}. "
            f"{call(self, run.id, **other)} opens it again."
        )

    def __repr__(self) -> str:
        return f"Predictor({self._run!r})"

    def _hear(self, update: Update) -> None:
        """See whether the run has its first model."""
        if not update.events and update.status in LIVE:
            return
        with self._guard:
            self._examine()
            self._warm_up()
            self._redraw()
        if not self._trouble or update.status not in LIVE:
            self._leave()

    def _leave(self) -> None:
        if self._follower is not None:
            self._follower.unsubscribe(self._hear)
            self._follower = None
