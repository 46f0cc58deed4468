"""A run trained again on edited images, followed, and compared with the run before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nbfinetune.errors import ConfigError, NbFinetuneError, RunError
from nbfinetune.evaluation.paired import PairedComparison
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.evaluation.stored import stored_evaluation
from nbfinetune.records import LIVE, DataEdit, EpochDone, Status
from nbfinetune.runner.endings import failure, interruption
from nbfinetune.runner.fine_tune import begin
from nbfinetune.runner.replay import with_edits
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.follower import Follower
from nbfinetune.widgets.history import Update
from nbfinetune.widgets.review import Review


class TrainingAgain:
    """The button that trains again, and what comes of it.

    Parameters
    ----------
    run : Run or None
        None where nothing can be trained again.
    why_not : str
        Why, in a sentence.
    tell : callable ()
        Called from a thread whenever something is new.

    Attributes
    ----------
    again : Run or None
        The run that was begun last.
    differs : str
        How it compares with the run before, in words.
    """

    def __init__(self, run: Run | None, why_not: str, tell: Callable[[], None]) -> None:
        self._run = None if why_not else run
        self._why_not, self._tell = why_not, tell
        self._follower: Follower | None = None
        self._review: Review | None = None
        self._status: Status | None = None
        self._words = self.differs = ""
        self.again: Run | None = None

    def start(self, review: Review, edits: Sequence[DataEdit]) -> Run:
        """Begin the run anew with these edits, on the same settings, seed and split.

        Raises
        ------
        ConfigError
            If there is nothing new to train on, or it trains already.
        NbFinetuneError
            As `fine_tune`.
        """
        if self._run is None:
            raise ConfigError(self._why_not)
        if self.again is not None and self._status in LIVE:
            raise ConfigError(f"run {self.again.id} trains already; stop() it to begin another")
        if not self._news(edits):
            raise ConfigError("there are no edits that the run did not have; edit an image first")
        self._leave()
        self.again = begin(*with_edits(self._run, edits))
        self._review, self._status, self._words = review, "starting", "starting"
        self.differs = ""
        self._follower = Follower.of(self.again.path)
        self._follower.subscribe(self._hear)
        return self.again

    def compare(self, review: Review, before: Run) -> None:
        """Say how what is reviewed compares with a run before it."""
        try:
            new = _renamed(review.evaluation, review)
            self.differs = compared(new.compare(_by_item(before)))
        except NbFinetuneError as error:
            self.differs = f"not compared with {before.id}: {error}"

    def state(self, edits: Sequence[DataEdit]) -> dict[str, Any]:
        """What the button says and does, for the page."""
        run = "" if self.again is None else self.again.id
        if self._run is None:
            return {"state": "none", "words": self._why_not, "run": ""}
        if self._status in LIVE:
            return {"state": "running", "words": f"{run}: {self._words}", "run": run}
        news = self._news(edits)
        if self.again is not None and self._status in ("failed", "interrupted"):
            return {"state": "failed", "words": f"{run}: {self._words}", "run": run}
        if news:
            what = "1 edit" if news == 1 else f"{news:,} edits"
            return {"state": "ready", "words": f"Train again with {what}", "run": run}
        if self.again is not None:
            return {"state": "done", "words": f"{run}: {self._words}", "run": run}
        return {"state": "none", "words": "Relabel or exclude images to train again", "run": ""}

    def close(self) -> None:
        """Follow no more; the run trains on."""
        self._leave()

    def _news(self, edits: Sequence[DataEdit]) -> int:
        """Images whose edits are others than those of the newest run."""
        newest = self.again or self._run
        assert newest is not None  # noqa: S101 - asked only where there is one
        had = newest.config.data.edits
        return len({edit.item for edit in set(edits) ^ set(had)})

    def _leave(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.unsubscribe(self._hear)

    def _hear(self, update: Update) -> None:
        again = self.again
        if again is None:
            return
        before, self._status = self._status, update.status
        epochs = [event for event in update.events if isinstance(event, EpochDone)]
        if update.status in LIVE:
            if epochs:
                of = again.config.training.epochs
                last = epochs[-1]
                self._words = f"epoch {last.epoch} of {of}, accuracy {last.accuracy:.3f}"
            if epochs or before != update.status:
                self._tell()
        elif before != update.status:
            # Not here: the follower tells others, too, and this takes a while.
            threading.Thread(
                target=self._end, args=(again,), name="nbft-again", daemon=True
            ).start()

    def _end(self, again: Run) -> None:
        try:
            words, differs = self._ended(again)
        except NbFinetuneError as error:
            words, differs = str(error), ""
        if self.again is again:
            self._words, self.differs = words, differs
            self._tell()

    def _ended(self, again: Run) -> tuple[str, str]:
        with RunStore.open(again.path) as store:
            status = store.status()
            if status in ("failed", "interrupted"):
                return str(failure(store) if status == "failed" else interruption(store)), ""
        assert self._review is not None  # noqa: S101 - set before it is followed
        new = _by_item(again)
        old = _renamed(self._review.evaluation, self._review)
        return f"accuracy {new.accuracy:.3f}", compared(new.compare(old))


def compared(pair: PairedComparison) -> str:
    """How the run after the edits compares with the one before, in a sentence."""
    left_out = f" ({pair.relabelled:,} with another label left out)" if pair.relabelled else ""
    sure = pair.p_value < 1 - pair.level
    verdict = ("better" if pair.difference > 0 else "worse") if sure else "no sure difference"
    return (
        f"On the {pair.images:,} images that both have{left_out}: accuracy "
        f"{pair.other_accuracy:.3f} → {pair.accuracy:.3f}, {100 * pair.level:.0f} % interval of "
        f"the difference {pair.low:+.3f} to {pair.high:+.3f}: {verdict} "
        f"(McNemar, p = {pair.p_value:.2g})"
    )


def _by_item(run: Run) -> Evaluation:
    found = stored_evaluation(run.path)
    if found is None:
        raise RunError("it ended before it had a model")
    from nbfinetune.data.index import FILE_NAME, load_index

    assert found.ids is not None  # noqa: S101 - a run's own images are numbered
    index = load_index(run.path / FILE_NAME)
    return replace(found, names=tuple(index.item(int(image)) for image in found.ids))


def _renamed(evaluation: Evaluation, review: Review) -> Evaluation:
    """Copies of images lie in the folder of each run: only their items are the same."""
    names = tuple(review.index.item(image) for image in review.ids.tolist())
    return replace(evaluation, names=names)
