"""The mirror's own process: it reads a run's store and writes to one tracker until the run is over.

It outlives whoever started it, gives way to training, and says how it stands in its bookmark.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

from filelock import FileLock, Timeout
from msgspec.structs import replace

from nbfinetune.records import LIVE
from nbfinetune.runner.priority import give_way
from nbfinetune.runner.trackers import bookmark
from nbfinetune.runner.trackers.bookmark import Bookmark
from nbfinetune.runner.trackers.notes import NOTED, notes_of
from nbfinetune.runner.trackers.pages import Subject, ending, page_of, settings_of
from nbfinetune.runner.trackers.targets import name_of
from nbfinetune.runner.trackers.writer import Writer, open_writer
from nbfinetune.store import RunStore

EVENTS_A_PAGE = 2_000
LOOK_S = 1.0
PATIENCE_S = 5.0
"""For another mirror of the same target that is about to leave."""


def main(run_folder: Path, path: Path) -> int:
    """Mirror a run as its bookmark at `path` says; returns the exit status."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        return 0
    give_way()
    try:
        mirror(run_folder, path)
    except Exception as error:  # noqa: BLE001 - libraries raise anything, and a person hears of it
        traceback.print_exc()
        mark = bookmark.load(path)
        bookmark.save(path, replace(mark, status="failed", error=_sentence(mark, error)))
        return 1
    return 0


def mirror(run_folder: Path, path: Path) -> None:
    """Give a tracker everything that is new, until the run is over and nothing is."""
    with RunStore.open(run_folder) as store:
        subject = Subject(run_folder.name, store.created, settings_of(store.config))
        mark = replace(bookmark.load(path), status="mirroring", error="")
        news = True
        while news:
            bookmark.save(path, mark)
            writer = open_writer(run_folder, subject, mark)
            mark = follow(store, writer, replace(mark, where=writer.where), path)
            writer.end(ending(store.status(), mark.steps_to, store.best_epoch()))
            # The run may have been resumed while the tracker was being closed.
            news = store.status() in LIVE or store.last_seq() > mark.seq
        bookmark.save(path, replace(mark, status="done"))


def follow(store: RunStore, writer: Writer, mark: Bookmark, path: Path) -> Bookmark:
    """Give a tracker page after page until the run is over; the bookmark follows each of them."""
    while True:
        # The status is asked first: what was written before the end counts.
        over = store.status() not in LIVE
        events = store.events(mark.seq, EVENTS_A_PAGE)
        page, mark = page_of(events, mark)
        writer.write(page, notes_of(store.events_of(*NOTED)) if page.notes else [])
        bookmark.save(path, mark)
        if len(events) == EVENTS_A_PAGE:
            continue
        if over:
            return mark
        time.sleep(LOOK_S)


def _sentence(mark: Bookmark, error: Exception) -> str:
    name = name_of(mark.target)
    cause = str(error).strip().partition("\n")[0] or "no reason given"
    return (
        f"{name} takes no more ({type(error).__name__}: {cause}); the run itself is not touched, "
        f"and track({name!r}, ...) again goes on from here"
    )


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    if status:
        # Threads of the tracker's library may wait for a network that never answers.
        os._exit(status)
