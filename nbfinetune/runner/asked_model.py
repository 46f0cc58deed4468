"""A run's model that is asked from a kernel without torch, in a process of its own.

`nbfinetune.runner.asked_process` is that process's side.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import RunError
from nbfinetune.records import Source, encode
from nbfinetune.runner import kept_label_errors, standby
from nbfinetune.runner.answered import AskedImage, DrawnMap, Predicted, drawn, named
from nbfinetune.runner.child import Child
from nbfinetune.runner.model_face import folder_with
from nbfinetune.runner.question import Question
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import Which

if TYPE_CHECKING:
    from nbfinetune.evaluation.report import Evaluation

__all__ = ["AskedImage", "AskedModel", "DrawnMap", "Predicted", "Question"]

MODULE = "nbfinetune.runner.asked_process"

_KILLED = -9


class AskedModel:
    """Answers questions about images while the notebook stays free.

    The first question starts the process, which then waits for others; short ones are answered in
    the middle of long ones. One that fails leaves the others alone, and where the process itself
    is gone, what was open has failed and the next question starts another.

    Parameters
    ----------
    run : Run
        Live or over; a newer checkpoint is taken as soon as it is there.
    which : {"best", "last"}
    threads : int, optional
        CPU threads of the process; default the run's own.
    """

    def __init__(self, run: Run, which: Which = "best", *, threads: int | None = None) -> None:
        self.run, self.which = run, which
        self._threads = threads or run.config.runner.threads
        self._guard = threading.RLock()
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[Child, Question]] = {}
        self._child: Child | None = None
        self._holders = 1

    @classmethod
    def of(cls, run: Run, which: Which = "best") -> AskedModel:
        """The one of this kernel for a run's model, shared by all who ask for it.

        Each who does must `close` it once; with the last of them the process goes.
        """
        key = (run.path, which)
        with _registering:
            asked = _shared.get(key)
            if asked is None:
                asked = _shared[key] = cls(run, which)
            else:
                asked._holders += 1
        return asked

    def close(self) -> None:
        """Let go of it; the last one to do so ends the process and cancels what is open."""
        with _registering:
            self._holders = max(0, self._holders - 1)
            if self._holders:
                return
            if _shared.get((self.run.path, self.which)) is self:
                del _shared[self.run.path, self.which]
        with self._guard:
            child, self._child = self._child, None
            still_open = [question for _, question in self._open.values()]
            self._open.clear()
        if child is not None:
            child.dismiss()
        for question in still_open:
            question.cancel()

    # ---- questions ----

    def predict(
        self,
        images: Iterable[AskedImage],
        on_answer: Callable[[Sequence[Predicted]], None] | None = None,
    ) -> Question:
        """What the model says of images; one that can't be read has a reason instead.

        Parameters
        ----------
        images : iterable of int, str or path
        on_answer : callable (sequence of Predicted), optional
            Told of them as they come, in their order and from a thread. What it raises ends the
            question.

        Returns
        -------
        Question
            Its result is a list of `Predicted` in the order of `images`; an empty one where
            `on_answer` had them: of many images, they would not all fit in memory.

        Raises
        ------
        ConfigError
            If an image is neither a number nor a path.
        RunError
            If the run has no such checkpoint yet, or this is closed.
        """
        listed = list(images)
        found: list[Predicted] = []
        take_some = found.extend if on_answer is None else on_answer

        def on_part(part: Mapping[str, Any]) -> None:
            first = part["first"]
            take_some(
                [
                    Predicted(listed[first + place], label, tuple(probabilities), reason)
                    for place, (label, probabilities, reason) in enumerate(part["rows"])
                ]
            )

        told = [named(image) for image in listed]
        return self._ask({"kind": "predict", "images": told}, lambda _: found, on_part)

    def heat_map(
        self, image: AskedImage, *, target: str | None = None, method: str = "auto"
    ) -> Question:
        """Where the model finds a class in an image.

        Parameters
        ----------
        image : int, str or path
        target : str, optional
            A class; default what the model predicts.
        method : str
            As in `nbfinetune.explain.explaining.heat_maps`.

        Returns
        -------
        Question
            Its result is a `DrawnMap`. It fails where the image can't be read, the model has no
            layer with positions, or there is no such class or method.

        Raises
        ------
        ConfigError, RunError
            As `predict`.
        """
        order = {"kind": "heat_map", "image": named(image), "target": target, "method": method}
        return self._ask(order, drawn)

    def label_errors(self) -> Question:
        """Images of the run whose label is probably wrong; kept with the run once they are found.

        Returns
        -------
        Question
            Its result is what `Run.label_errors` gives; done at once where it was kept.

        Raises
        ------
        RunError
            As `predict`.
        """
        folder = folder_with(self.run, self.which)
        kept = kept_label_errors.stored(folder) if self.which == "best" else None
        if kept is not None:
            return Question.answered(kept)
        return self._ask(
            {"kind": "label_errors"}, lambda answer: kept_label_errors.read(folder, answer)
        )

    def measure(self, source: Source, folder: str | os.PathLike[str]) -> Question:
        """Measure the model on other data.

        Parameters
        ----------
        source : Source
            Of it the validation part, or all where it has none; its classes are matched by name
            with the run's.
        folder : path
            A folder of the caller's, in which the arrays or lists of `source` are placed; it has
            ``index.json`` and ``predictions/best.npz`` afterwards.

        Returns
        -------
        Question
            Its result is the `Evaluation`; its ids are the numbers of the images in that index.

        Raises
        ------
        RunError
            As `predict`.
        """
        place = Path(folder).absolute()
        order = {
            "kind": "measure",
            "source": json.loads(encode(source)),
            "folder": str(place),
        }
        return self._ask(order, lambda _: self._measured(place))

    def _measured(self, folder: Path) -> Evaluation | None:
        from nbfinetune.evaluation.stored import stored_evaluation

        own = stored_evaluation(self.run.path) if self.which == "best" else None
        return stored_evaluation(folder, None if own is None else own.temperature)

    # ---- the process ----

    def _ask(
        self,
        order: Mapping[str, Any],
        take: Callable[[Any], Any],
        on_part: Callable[[Any], None] | None = None,
    ) -> Question:
        folder_with(self.run, self.which)
        number = next(self._numbers)
        question = Question(take, on_part, lambda _: self._withdraw(number))
        with self._guard:
            if not self._holders:
                raise RunError(f"the model of run {self.run.id} was closed; make another to ask")
            child = self._child
            if child is None or child.status() is not None:
                child = self._child = self._started()
                question.progress = "starting torch"
            self._open[number] = (child, question)
        child.tell({**order, "question": number})
        return question

    def _started(self) -> Child:
        order = {"run": str(self.run.path), "which": self.which, "threads": self._threads}
        warm = standby.take_for(MODULE)
        child = Child(MODULE, order, warm)
        threading.Thread(
            target=self._follow, args=(child, warm is not None), name="follow model", daemon=True
        ).start()
        return child

    def _withdraw(self, number: int) -> None:
        with self._guard:
            child, _ = self._open.pop(number, (None, None))
        if child is not None:
            child.tell({"cancel": number})

    def _follow(self, child: Child, was_standby: bool) -> None:  # noqa: FBT001
        last = ""
        for said in child.lines():
            if "question" not in said:
                last = said.get("error", "")
                continue
            over = "answer" in said or "error" in said
            with self._guard:
                found = self._open.pop if over else self._open.get
                _, question = found(said["question"], (None, None))
            if question is not None:
                question.hear(said)
            if was_standby and over:
                # Not before: a person waits for the answer, and torch takes a core to import.
                was_standby = False
                standby.prepare()
        self._lost(child, last or _ended_early(child.status()))

    def _lost(self, child: Child, why: str) -> None:
        with self._guard:
            if self._child is child:
                self._child = None
            numbers = [number for number, (asked, _) in self._open.items() if asked is child]
            lost = [self._open.pop(number)[1] for number in numbers]
        for question in lost:
            question.fail(why)


_registering = threading.Lock()
_shared: dict[tuple[Path, Which], AskedModel] = {}


def _ended_early(status: int | None) -> str:
    killed = "; it was killed, as systems do where memory runs out" if status == _KILLED else ""
    return f"the model's process ended early (status {status}{killed}); ask again to start another"
