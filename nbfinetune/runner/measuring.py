"""The process that measures how fast models are; `nbfinetune.runner.speed_measure` is its caller.

It hears one line (which models, and how they are to be trained), says a line about each as soon as
it is measured, and leaves in the middle of anything when its input closes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from nbfinetune.engine import heap
from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import FineTuneConfig, decode
from nbfinetune.runner.child import Say, leave_when_unheard, speaker

if TYPE_CHECKING:
    from nbfinetune.engine.device import Placement


def main() -> None:
    """Measure what the first line of the input says."""
    say = speaker()
    order = json.loads(sys.stdin.readline())
    leave_when_unheard()
    heap.keep_freed()
    try:
        measure(order, say)
    except NbFinetuneError as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - a person hears of it, wherever it came from
        details = traceback.format_exc()
        said = f"nothing could be measured: {type(error).__name__}: {error}"
        say({"error": said, "details": details})


def measure(order: Mapping[str, Any], say: Say) -> None:
    """Measure one model after the other.

    Parameters
    ----------
    order : mapping
        ``configs`` (of one run each), ``classes``, ``seconds`` for each model.
    say : callable (record)
        Told the ``device`` first, then of each model its ``name`` and either what was measured or
        an ``error``.
    """
    import torch

    from nbfinetune.engine.device import place

    configs = [decode(json.dumps(one), FineTuneConfig) for one in order["configs"]]
    for config in configs:
        if config.runner.threads:
            torch.set_num_threads(config.runner.threads)
        placement = place(config)
        # As runs do, which are to be repeatable.
        torch.backends.cudnn.deterministic = True
        say({"device": str(placement.device), "now": config.model.name})
        told = {"name": config.model.name}
        try:
            say(told | _measured(config, placement, order["classes"], order["seconds"]))
        except NbFinetuneError as error:
            say(told | {"error": str(error)})
        except (RuntimeError, MemoryError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            say(told | {"error": f"{config.model.name} could not be measured: {reason}"})
        _give_back()


def _measured(
    config: FineTuneConfig, placement: Placement, classes: int, seconds: float
) -> dict[str, Any]:
    from nbfinetune.engine.step_timing import time_steps

    peak = _Peak(placement)
    times = time_steps(config, placement, classes=classes, seconds=seconds)
    batch = config.training.batch_size
    return {
        "image_size": times.image_size,
        "images": times.images,
        "forward_ms": times.forward_ms,
        "train_ms": times.train_ms,
        "images_per_s": 1000 * batch / times.train_ms,
        "peak_mb": peak.mb() if times.images == batch else None,
        "busy": times.busy,
    }


class _Peak:
    """Memory that a model takes at its peak, over what the process had before."""

    def __init__(self, placement: Placement) -> None:
        import torch

        self._placement, self._tells = placement, False
        if placement.asynchronous:
            torch.accelerator.reset_peak_memory_stats(placement.device)
        else:
            # The kernel's own peak starts again from here (proc(5)); elsewhere there is none.
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")
                self._tells = True
        self._before: float = psutil.Process().memory_info().rss / 2**20

    def mb(self) -> float | None:
        """MiB; None where the system does not tell."""
        if self._placement.asynchronous:
            return self._placement.memory_mb()
        if not self._tells:
            return None
        lines = Path("/proc/self/status").read_text().splitlines()
        peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
        return max(0.0, peaks[0] / 2**10 - self._before) if peaks else None


def _give_back() -> None:
    """Let go of a model's memory, so that the next one's can be told from it."""
    import torch

    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
    heap.give_back()


if __name__ == "__main__":
    main()
