"""A progress bar over a run that trains elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from nbfinetune.errors import RunTimeout
from nbfinetune.records import LIVE, EpochDone, RunStarted, StepDone
from nbfinetune.runner.endings import raise_bad_ending
from nbfinetune.runner.speed_notes import speed_notes
from nbfinetune.store import RunStore

_LOOK_S = 0.1
_NO_TOTAL = "{desc}{elapsed}"


@dataclass(frozen=True)
class Glance:
    """Where a run stands, in the words of a progress bar."""

    label: str
    step: int = 0
    total: int | None = None
    figures: dict[str, str] = field(default_factory=dict)


def watch(store: RunStore, *, progress: bool = True, timeout_s: float | None = None) -> None:
    """Return when the run has ended.

    Parameters
    ----------
    progress : bool
        Draw a bar meanwhile, in a notebook or a terminal.
    timeout_s : float, optional
        Seconds to wait at most.

    Raises
    ------
    RunFailedError, RunInterrupted
        If it ended badly.
    RunTimeout
        If it has not ended in time; it trains on.
    KeyboardInterrupt
        If the user has seen enough; it trains on.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    bar = _bar() if progress and store.status() in LIVE else None
    told: set[str] = set()
    try:
        while store.status() in LIVE:
            if bar is not None:
                _draw(bar, glance(store))
                _tell(store, told)
            if deadline is not None and time.monotonic() >= deadline:
                raise RunTimeout(
                    f"run {store.path.name} has not ended within {timeout_s:g} s; it trains on"
                )
            time.sleep(_LOOK_S)
        if bar is not None:
            _draw(bar, glance(store))
            _tell(store, told)
    except KeyboardInterrupt:
        _farewell(store)
        raise
    finally:
        if bar is not None:
            bar.close()
    raise_bad_ending(store)


def glance(store: RunStore) -> Glance:
    """Where the run stands now; costs the same however long it is."""
    status = store.status()
    started, phase = store.last(RunStarted), store.phase()
    if started is None or phase:
        return Glance(phase or status)
    step, epoch = store.last(StepDone), store.last(EpochDone)
    done = step.step if step is not None else 0
    epochs = store.epochs_planned()
    current = min(done // started.steps_per_epoch + 1, epochs)
    return Glance(
        label=status if status != "running" else f"epoch {current}/{epochs}",
        step=done,
        total=epochs * started.steps_per_epoch,
        figures=_figures(step, epoch),
    )


def _figures(step: StepDone | None, epoch: EpochDone | None) -> dict[str, str]:
    figures: dict[str, str] = {}
    if step is not None:
        figures |= {"loss": f"{step.loss:.4g}", "lr": f"{step.lr:.3g}"}
    if epoch is not None:
        figures["accuracy"] = f"{epoch.accuracy:.4f}"
    return figures


def _bar() -> Any:
    from tqdm.auto import tqdm

    return tqdm(unit="step", dynamic_ncols=True, bar_format=_NO_TOTAL)


def _draw(bar: Any, view: Glance) -> None:
    """Show where the run stands; in a log file only what a person would want to find there."""
    if bar.total != view.total:
        bar.reset(view.total)
        bar.initial = view.step
        bar.bar_format = None if view.total else _NO_TOTAL
    turned = view.label != bar.desc.removesuffix(": ")
    bar.n = view.step
    bar.set_description(view.label, refresh=False)
    bar.set_postfix(view.figures, refresh=False)
    if turned or _is_redrawn(bar):
        bar.refresh()


def _is_redrawn(bar: Any) -> bool:
    """Whether a new line replaces the old one: in a notebook or a terminal, not in a file."""
    return hasattr(bar, "container") or bool(bar.fp.isatty())


def _tell(store: RunStore, told: set[str]) -> None:
    """Write above the bar what the worker has chosen for the sake of speed, each thing once."""
    from tqdm.auto import tqdm

    for note in speed_notes(store):
        if note.text not in told:
            told.add(note.text)
            tqdm.write(note.text)


def _farewell(store: RunStore) -> None:
    from tqdm.auto import tqdm

    tqdm.write(
        f"run {store.path.name} trains on in the background; run.stop() ends it, "
        "run.wait() watches it again"
    )
