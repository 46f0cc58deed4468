"""One thing that a process of its own was asked in the background, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.runner.child_work import WorkStatus
from nbfinetune.runner.listeners import Listeners


class Question:
    """A handle like that of other work in the background: listened to, cancelled, waited for.

    Parameters
    ----------
    take : callable (answer) -> result
        Makes the result out of what the process answers; called from a thread.
    on_part : callable (part), optional
        Has what the process answers before its last word; called from the same thread.
    withdraw : callable (question), optional
        Has the process do no more for it.

    Attributes
    ----------
    status : {"waiting", "running", "done", "cancelled", "failed"}
    done, of : int
        Images that are through, and images in all; 0 while that is not known.
    progress : str
        What is being done, in words: "starting torch", "1,200 of 3,670 images".
    result
        Once it is done.
    note : str
        What was left out of the result, in a sentence; empty where nothing was.
    error : str
        Why it failed, in a sentence.
    """

    def __init__(
        self,
        take: Callable[[Any], Any],
        on_part: Callable[[Any], None] | None = None,
        withdraw: Callable[[Question], None] | None = None,
    ) -> None:
        self.status: WorkStatus = "waiting"
        self.done = self.of = 0
        self.progress = self.note = self.error = ""
        self.result: Any = None
        self._take, self._on_part, self._withdraw = take, on_part, withdraw
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._listeners = Listeners()

    @classmethod
    def answered(cls, result: Any) -> Question:
        """One whose answer is there already."""
        question = cls(lambda answer: answer)
        question.hear({"answer": result})
        return question

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called after every change, from a thread.

        Also at once, where nothing will change any more.
        """
        self._listeners.add(callback)
        if self._ended.is_set():
            callback()

    def cancel(self) -> None:
        """Want no answer any more; one that has ended stays as it is."""
        if self._end("cancelled") and self._withdraw is not None:
            self._withdraw(self)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, however it ends; whether it has come."""
        return self._ended.wait(timeout_s)

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take in what the process said of it; nothing, once it has ended."""
        if self._ended.is_set():
            return
        try:
            self._hear(said)
        except NbFinetuneError as error:
            self.fail(str(error))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            self.fail(f"the answer could not be taken in: {type(error).__name__}: {error}")

    def fail(self, sentence: str) -> None:
        """End it without a result."""
        if self._end("failed", error=sentence) and self._withdraw is not None:
            self._withdraw(self)

    def _hear(self, said: Mapping[str, Any]) -> None:
        if "error" in said:
            self._end("failed", error=said["error"])
        elif "answer" in said:
            self._end("done", result=self._take(said["answer"]), note=said.get("note", ""))
        elif "part" in said:
            if self._on_part is not None:
                self._on_part(said["part"])
        else:
            with self._guard:
                if self._ended.is_set():
                    return
                self.status = "running"
                self.done, self.of = said.get("done", self.done), said.get("of", self.of)
                self.progress = said.get("progress", self.progress)
            self._listeners.tell()

    def _end(
        self, status: WorkStatus, *, result: Any = None, note: str = "", error: str = ""
    ) -> bool:
        """Whether this was the end: there is only one."""
        with self._guard:
            if self._ended.is_set():
                return False
            self.status, self.result, self.note, self.error = status, result, note, error
            self.progress = ""
            self._ended.set()
        self._listeners.tell()
        return True
