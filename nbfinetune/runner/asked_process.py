"""The process that a run's model is asked in; `nbfinetune.runner.asked_model` is its caller.

It hears questions and which of them nobody has any more, a line each, says line by line what it
knows of them, and leaves in the middle of anything when its input closes.
"""

from __future__ import annotations

import json
import queue
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from nbfinetune.errors import NbFinetuneError
from nbfinetune.evaluation.left_out import LeftOut
from nbfinetune.records import Source, decode
from nbfinetune.runner.child import Say, orders, speaker
from nbfinetune.runner.model_answers import ModelAnswers
from nbfinetune.runner.priority import give_way

if TYPE_CHECKING:
    from nbfinetune.evaluation.batches import OnBatch

Order: TypeAlias = Mapping[str, Any]
Heard: TypeAlias = "queue.SimpleQueue[dict[str, Any]]"

FEW = 8
"""Images that are predicted in the middle of a longer question."""


def main() -> None:
    """Answer what the lines of the input ask, as long as there is one who asks."""
    work(speaker(), orders())


def work(say: Say, heard: Heard) -> None:
    """Answer what is heard; whatever goes wrong is said."""
    try:
        order = heard.get()
        answers = ModelAnswers(Path(order["run"]), order["which"], order["threads"])
        _import_torch()
        Desk(answers, heard, say).work()
    except NbFinetuneError as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a person hears of it, wherever it came from
        details = traceback.format_exc()
        said = f"the model could not be asked: {type(error).__name__}: {error}"
        say({"error": said, "details": details})


class Withdrawn(Exception):
    """Nobody waits for the answer to the question in hand any more."""


class Desk:
    """Answers one question after the other, short ones between the batches of long ones.

    Parameters
    ----------
    answers : ModelAnswers
    heard : queue
        Of orders: a ``question`` (its number) with its ``kind`` and what belongs to it; or the
        number of one to ``cancel``.
    say : callable (record)
        Told, with the number of the ``question``: its ``progress``, in words and as images
        ``done`` and ``of``; a ``part`` of its answer; the ``answer``, with a ``note`` of what is
        missing in it; or the ``error`` that is the answer.
    """

    def __init__(self, answers: ModelAnswers, heard: Heard, say: Say) -> None:
        self._answers, self._heard, self._say = answers, heard, say
        self._waiting: list[Order] = []
        self._withdrawn: set[int] = set()
        self._begun = False

    def work(self) -> NoReturn:
        """Answer for ever."""
        while True:
            self._listen(wait=not self._waiting)
            if self._waiting:
                # Of equals the first: `min` takes it.
                self._answer(min(self._waiting, key=_is_long))

    def _listen(self, *, wait: bool) -> None:
        while True:
            try:
                order = self._heard.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if "cancel" in order:
                self._withdrawn.add(order["cancel"])
                self._waiting = [
                    one for one in self._waiting if one["question"] not in self._withdrawn
                ]
            else:
                self._waiting.append(order)

    def _answer(self, order: Order) -> None:
        self._waiting.remove(order)
        number = order["question"]
        self._say({"question": number, "progress": "" if self._begun else "loading the model"})
        self._begun = True
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("ignore")
                warnings.simplefilter("always", LeftOut)
                answer = self._result(order)
            note = "; ".join(str(one.message) for one in told)
            self._say({"question": number, "answer": answer, "note": note})
        except Withdrawn:
            return
        except NbFinetuneError as error:
            self._say({"question": number, "error": str(error)})
        except Exception as error:  # noqa: BLE001 - as above, and the other questions have answers
            details = traceback.format_exc()
            said = f"the model could not answer: {type(error).__name__}: {error}"
            self._say({"question": number, "error": said, "details": details})
        if _is_long(order):
            give_way()  # for good, so not after a short one: a person waits for the next of those

    def _result(self, order: Order) -> Any:
        on_batch = self._turn_of(order)
        if order["kind"] == "predict":
            number = order["question"]
            return self._answers.predict(
                order["images"],
                lambda part: self._say({"question": number, "part": part}),
                on_batch,
            )
        if order["kind"] == "heat_map":
            return self._answers.heat_map(order["image"], order["target"], order["method"])
        if order["kind"] == "label_errors":
            return self._answers.label_errors(on_batch)
        source = decode(json.dumps(order["source"]), Source)
        return self._answers.measure(source, Path(order["folder"]), on_batch)

    def _turn_of(self, order: Order) -> OnBatch:
        """What is done between the batches of a question."""

        def on_batch(done: int, of: int) -> None:
            words = f"{done:,} of {of:,} images"
            if done == of and order["kind"] == "label_errors":
                words = "judging the labels"
            said = {"progress": words, "done": done, "of": of}
            self._say({"question": order["question"], **said})
            if _is_long(order):
                self._turn(order["question"])

        return on_batch

    def _turn(self, number: int) -> None:
        self._listen(wait=False)
        while short := next((one for one in self._waiting if not _is_long(one)), None):
            self._answer(short)
            self._listen(wait=False)
        if number in self._withdrawn:
            raise Withdrawn


def _is_long(order: Order) -> bool:
    if order["kind"] == "predict":
        return len(order["images"]) > FEW
    return bool(order["kind"] != "heat_map")


def _import_torch() -> None:
    from nbfinetune.engine.lean_torch import leave_out_compiler

    leave_out_compiler()


if __name__ == "__main__":
    main()
