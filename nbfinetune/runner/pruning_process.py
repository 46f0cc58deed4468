"""The process that sees what prunings make of a model; `runner.pruning_study` is its caller.

It hears what is wished for and what is to be timed, a line each, says line by line what it has
measured, and leaves in the middle of anything when its input closes.
"""

from __future__ import annotations

import itertools
import json
import queue
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import PruningConfig, decode
from nbfinetune.runner.child import Say, orders, speaker
from nbfinetune.runner.priority import give_way
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint

if TYPE_CHECKING:
    from nbfinetune.engine.pruning_course import Course

Order: TypeAlias = Mapping[str, Any]
Records: TypeAlias = Iterator[Mapping[str, Any]]


def main() -> None:
    """Do what the lines of the input say, as long as there is one who says it."""
    work(speaker(), orders())


def work(say: Say, heard: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Do what is heard; whatever goes wrong is said."""
    try:
        order = heard.get()
        course = _course(Path(order["run"]), order["threads"], say)
        follow(course, order, heard, say)
    except NbFinetuneError as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a person hears of it, wherever it came from
        details = traceback.format_exc()
        said = f"the model could not be looked at: {type(error).__name__}: {error}"
        say({"error": said, "details": details})


def follow(
    course: Course, order: Order, heard: queue.SimpleQueue[dict[str, Any]], say: Say
) -> None:
    """Do one order after the other, for ever; new wishes end the work on those before.

    Parameters
    ----------
    course : Course
    order : mapping
        ``order`` (its number), and ``wishes`` (a `PruningConfig`) or ``time`` (amount, target).
    heard : queue
        Of orders that follow.
    say : callable (record)
        Told what the course has, with the number of the ``wish`` that it is of; and ``through``,
        the number of the last order, once nothing is left to be done, with an ``error`` where it
        could not be.
    """
    todo: Records = iter(())
    wish = 0
    while True:
        if "time" in order:
            todo = itertools.chain(course.times(**order["time"]), todo)
        else:
            wish, wishes = order["order"], decode(json.dumps(order["wishes"]), PruningConfig)
            todo = course.profile(wishes)
        ended: dict[str, Any] = {"through": order["order"]}
        try:
            for record in todo:
                say({**record, "wish": wish})
                if "point" in record:
                    give_way()  # but not before: a person waits for the first one
                if not heard.empty():
                    break
            else:
                say(ended)
        except NbFinetuneError as error:
            todo = iter(())
            say({**ended, "error": str(error)})
        order = heard.get()


def _course(folder: Path, threads: int | None, say: Say) -> Course:
    def tell(doing: str) -> None:
        say({"progress": doing})

    tell("starting torch")
    from nbfinetune.engine.pruning_course import Course
    from nbfinetune.engine.pruning_study import Bench, trained

    with RunStore.open(folder) as store:
        config = store.config
    size_bytes = checkpoint(folder, "best").stat().st_size
    return Course(Bench(trained(folder, config, threads, tell), size_bytes))


if __name__ == "__main__":
    main()
