"""The export's own process: writes one file, says how it went, and leaves."""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from typing import Any

from nbfinetune.errors import ExportMismatch, NbFinetuneError
from nbfinetune.export.exported import NotCompared
from nbfinetune.runner.child import leave_when_unheard, speaker
from nbfinetune.runner.run import Run


def main() -> None:
    """Write what the first line of the input says."""
    say = speaker()
    order = json.loads(sys.stdin.readline())
    leave_when_unheard()
    try:
        say({"written": True, "warning": export(order)})
    except ExportMismatch as error:
        say({"error": str(error), "marked": True})
    except (NbFinetuneError, OSError) as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a person hears of it, wherever it came from
        details = traceback.format_exc()
        said = f"the export failed: {type(error).__name__}: {error}"
        say({"error": said, "details": details})
    # Threads of libraries may still be at work that nobody waits for.
    os._exit(0)


def export(order: dict[str, Any]) -> str:
    """Write a run's file; gives why it was not compared, where it was not."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Run.open(order["run"]).export(order["path"], order["which"], input=order["input"])
    return "; ".join(str(one.message) for one in said if issubclass(one.category, NotCompared))


if __name__ == "__main__":
    main()
