"""What the page of an evaluation sees and asks; what Python code calls is in `evaluation_view`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import traitlets as t

from nbfinetune.data.images import ImageSet
from nbfinetune.errors import ConfigError, DataError, NbFinetuneError
from nbfinetune.runner.run import Run
from nbfinetune.widgets import evaluation_figures as drawn
from nbfinetune.widgets.edit_book import FILE_NAME, book_of
from nbfinetune.widgets.error_hunt import ErrorHunt, no_hunt
from nbfinetune.widgets.evaluation_figures import Depth
from nbfinetune.widgets.evaluation_requests import Explain
from nbfinetune.widgets.gallery_page import GalleryPage
from nbfinetune.widgets.gallery_requests import EditAsked, asked
from nbfinetune.widgets.heat_maps import HeatMaps
from nbfinetune.widgets.newer_best import NewerBest
from nbfinetune.widgets.renewal import Renewal
from nbfinetune.widgets.review import Review
from nbfinetune.widgets.review_browsing import ReviewBrowsing
from nbfinetune.widgets.review_models import ReviewModels
from nbfinetune.widgets.review_subject import Subject
from nbfinetune.widgets.saved_face import SavedPanel
from nbfinetune.widgets.training_again import TrainingAgain


class EvaluationPage(SavedPanel, GalleryPage):
    """The page's side of `EvaluationView`: traits that it draws, and answers to what it asks.

    Parameters
    ----------
    subject : Subject
        What is evaluated.
    show : callable (Run), optional
        Told of a run that is begun anew.
    before : Run, optional
        What it is compared with.
    """

    bundle_name = "evaluation_view"

    state = t.Dict().tag(sync=True)
    figures: t.List[dict[str, Any]] = t.List().tag(sync=True)
    notes: t.List[str] = t.List().tag(sync=True)
    confusion = t.Dict().tag(sync=True)
    per_class: t.List[list[Any]] = t.List().tag(sync=True)
    calibration = t.Dict().tag(sync=True)
    errors = t.Dict().tag(sync=True)
    again = t.Dict().tag(sync=True)
    differs = t.Dict().tag(sync=True)

    def __init__(
        self,
        subject: Subject,
        show: Callable[[Run], object] | None,
        before: Run | None = None,
    ) -> None:
        self._subject, self._show_run, self._before = subject, show, before
        self._browsing = ReviewBrowsing()
        self._models = ReviewModels()
        self._heat_maps = HeatMaps(self._models, self._send_map)
        self._hunt: ErrorHunt | None = None
        # Who follows a run is told under a lock: to wait for the guard there could be for ever.
        self._redrawing = Renewal(self._redraw, "nbft-redraw")
        self._again = TrainingAgain(subject.run, subject.why_not_again(), self._redrawing.ask)
        self._newer = NewerBest(subject.run, self._best_news)
        self._phase: tuple[str, str, int, int] = ("measuring", "", 0, 0)
        self._trouble: NbFinetuneError = DataError("it is still being measured; try again later")
        self._measured: dict[str, Any] = drawn.nothing()
        self._read_once, self._closed = threading.Event(), False
        self._deepening = Renewal(self._deepen, "nbft-evaluation")
        self._reading = Renewal(self._read, "nbft-reading")
        acts = {
            "show": self._show,
            "explain": self._explain,
            "find errors": lambda _: self._find_errors(),
            "stop errors": lambda _: self._stop_errors(),
            "train again": lambda _: self._train_again(),
            "renew": lambda _: self._renew(),
        }
        super().__init__(self._browsing, book_of(subject.edits_folder() / FILE_NAME), acts)
        if subject.at_once:
            self._read()
        else:
            self._reading.ask()
        self._newer.follow()

    def _let_go(self) -> None:
        self._closed = True
        self._newer.close()
        self._again.close()
        self._models.close()
        self._subject.close()
        super()._let_go()

    # What the page asks.

    def _show(self, value: Any) -> None:
        self._browsing.show(value)
        self._redraw()

    def _explain(self, value: Any) -> None:
        self._heat_maps.ask(asked(Explain, value), self._reviewed())

    def _described(self, image: int) -> dict[str, Any]:
        review = self._reviewed()
        try:
            facts = super()._described(image)
        except DataError:  # the images are gone: the picture says so
            facts = {"path": review.index.name(image), "width": 0, "height": 0, "bytes": 0}
        return {**facts, "scores": review.scores(image)}

    def _write_edit(self, images: list[int], wish: EditAsked) -> None:
        if wish.do != "suggested":
            super()._write_edit(images, wish)
            return
        index, found = self._reviewed().index, self._browsing.suspects
        suggested = {} if found is None else found.suggested
        labels = {i: index.classes[suggested[i]] for i in images if i in suggested}
        if not labels:
            raise ConfigError("nothing is suggested for these images; find label errors first")
        self._book.relabel(index, labels)

    def _find_errors(self) -> None:
        self._reviewed()
        assert self._hunt is not None  # noqa: S101 - it comes with the review
        self._hunt.start()
        self._redraw()

    def _stop_errors(self) -> None:
        if self._hunt is not None:
            self._hunt.stop()

    def _train_again(self) -> None:
        self._book.refresh()
        run = self._again.start(self._reviewed(), self._book.edits)
        self._redraw()
        if self._show_run is not None:
            self._show_run(run)

    def _renew(self) -> None:
        self._phase = ("measuring", "reading what is newest", 0, 0)
        self._reading.ask()
        self._redraw()

    def _send_map(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        if not self._closed:
            self.send(content, buffers)

    # What is new.

    def _read(self) -> None:
        """Read the evaluation, or say why there is none; a first look, then in depth."""
        try:
            self._newer.reading()
            review = self._subject.read(self._progressed)
        except NbFinetuneError as error:
            self._told(error)
        except Exception as error:  # noqa: BLE001 - whatever it was, a person waits
            said = f"the evaluation could not be read: {type(error).__name__}: {error}"
            self._told(DataError(said))
        else:
            self._take(review)
            self._deepening.ask()
        self._read_once.set()

    def _progressed(self, words: str, done: int, of: int) -> None:
        with self._guard:
            self._phase = ("measuring", words, done, of)
            self._redraw()

    def _told(self, trouble: NbFinetuneError) -> None:
        with self._guard:
            self._trouble = trouble
            kept = self._browsing.review is not None
            self._phase = ("ready" if kept else "failed", str(trouble), 0, 0)
            self._redraw()

    def _take(self, review: Review) -> None:
        with self._guard:
            if self._closed:
                return
            self._phase = ("ready", "", 0, 0)
            self._hunt = ErrorHunt(review, self._models, self._hunted)
            self._browsing.turn_to(review, self._book.edits)
            self._measured = drawn.measured(review.verdicts, review.classes, Depth())
            self._redraw()

    def _deepen(self) -> None:
        """Measure what takes longer: curves and temperature, known label errors, intervals."""
        review, hunt = self._browsing.review, self._hunt
        if review is None or hunt is None:
            return
        try:
            evaluation = review.evaluation
            self._deeper(review, Depth(evaluation))
            hunt.recall()
            self._hunted()
            intervals: dict[str, drawn.Interval] = {}
            for name in drawn.names(len(review.classes)):
                if self._closed or self._browsing.review is not review:
                    return
                intervals |= drawn.interval(evaluation, name)
            self._deeper(review, Depth(evaluation, intervals))
            if self._before is not None:
                self._again.compare(review, self._before)
                self._redrawing.ask()
        except NbFinetuneError as error:
            self._told(error)
        except Exception as error:  # noqa: BLE001 - the first look stays, and says what it lacks
            self._told(DataError(f"not all could be measured: {type(error).__name__}: {error}"))

    def _deeper(self, review: Review, depth: Depth) -> None:
        told = drawn.measured(review.verdicts, review.classes, depth)
        with self._guard:
            if self._browsing.review is review and not self._closed:
                self._measured = told
                self._redraw()

    def _hunted(self) -> None:
        with self._guard:
            found = None if self._hunt is None else self._hunt.found
            if found is not self._browsing.suspects:
                self._browsing.suspect(found)
            self._redraw()

    def _best_news(self) -> None:
        """The run has a newer best model; the first one is taken without being asked."""
        if self._browsing.review is None and self._newer.newer:
            self._reading.ask()
        self._redrawing.ask()

    # What is drawn.

    def _reviewed(self) -> Review:
        review = self._browsing.review
        if review is None:
            raise self._trouble
        return review

    def _complete(self) -> ImageSet:
        self._reviewed()
        images = self._browsing.images
        assert images is not None  # noqa: S101 - they come with the review
        return images

    def _pictured(self) -> ImageSet:
        return self._reviewed().images

    def _redraw(self) -> None:
        if not self._closed:
            super()._redraw()

    def _drawn(self) -> dict[str, Any]:
        review, hunt = self._browsing.review, self._hunt
        phase, words, done, of = self._phase
        said = {"words": words or self._newer.words(), "newer": self._newer.newer}
        return {
            **super()._drawn(),
            **self._measured,
            "about": {
                "title": self._subject.title,
                "total": 0 if review is None else len(review.ids),
                "complete": review is not None,
                "trouble": words if phase == "failed" else "",
                "classes": self._browsing.classes(),
            },
            "state": {"phase": phase, "done": done, "of": of, **said},
            "errors": no_hunt() if hunt is None else hunt.state(),
            "again": self._again.state(self._book.edits),
            "differs": {"words": self._again.differs},
        }
