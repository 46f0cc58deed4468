"""The scan's own process: it takes all cores, and gives way to whoever else wants them.

It hears one line (what to scan, and where the result is kept), says how far it is, and leaves when
its input closes: with the notebook, or when nobody wants to know any more.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np

from nbfinetune.data.duplicates import twins
from nbfinetune.data.machine import default_threads
from nbfinetune.data.scan_facts import FILE_NAME, ScanFacts, load_facts, save_facts
from nbfinetune.data.source_reading import read_source
from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import Source, decode
from nbfinetune.runner.child import Say, speaker
from nbfinetune.runner.priority import give_way
from nbfinetune.runner.survey import Survey

TELL_EVERY_S = 0.2
SAVE_EVERY_S = 10.0


class Listener:
    """Notices that the input has closed.

    Attributes
    ----------
    over : threading.Event
        Nobody wants to know any more.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self._keeping = threading.Lock()
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def keeping(self) -> threading.Lock:
        """While this is held the process goes on, so that what it has seen can be kept."""
        return self._keeping

    def _listen(self) -> None:
        sys.stdin.read()
        self.over.set()
        with self._keeping:
            os._exit(0)


def main() -> None:
    """Scan what the first line of the input says, and leave."""
    say = speaker()
    order = json.loads(sys.stdin.readline())
    listener = Listener()
    give_way()
    try:
        scan(decode(json.dumps(order["source"]), Source), Path(order["folder"]), listener, say)
    except (NbFinetuneError, OSError) as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a person hears of it, wherever it came from
        details = traceback.format_exc()
        say({"error": f"the scan failed: {type(error).__name__}: {error}", "details": details})
    # Threads may be in the middle of an image that nobody waits for.
    os._exit(0)


def scan(source: Source, folder: Path, listener: Listener, say: Say) -> None:
    """Look at all images of a source, and keep in `folder` what was found.

    Parameters
    ----------
    source : Source
    folder : Path
        Where arrays and lists of files were placed, and where `scan.npz` lies.
    listener : Listener
    say : callable (record)
        Told how far it is, and that it is done.
    """
    path = folder / FILE_NAME
    survey = Survey(read_source(source, folder), load_facts(path))
    count, saved_at = len(survey.facts), time.monotonic()

    def tick() -> bool:
        nonlocal saved_at
        say({"done": survey.done, "of": count})
        # A machine that is switched off does not say so before.
        if time.monotonic() - saved_at > SAVE_EVERY_S and not survey.nothing_new:
            save_facts(survey.facts, path)
            saved_at = time.monotonic()
        return not listener.over.is_set()

    with listener.keeping():
        tick()
        at_end = survey.run(default_threads(), tick, TELL_EVERY_S)
        if not survey.nothing_new:
            save_facts(survey.facts, path)
    if at_end and not survey.nothing_new:
        save_facts(_with_twins(survey.facts), path)
    say({"done": survey.done, "of": count, "saved": at_end})


def _with_twins(facts: ScanFacts) -> ScanFacts:
    rows = facts.rows
    sides = np.minimum(rows["width"], rows["height"])
    return replace(facts, twins=twins(rows["digest"], rows["print"], sides), complete=True)


if __name__ == "__main__":
    main()
