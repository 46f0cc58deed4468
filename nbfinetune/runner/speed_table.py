"""How fast models are on this machine, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import ConfigError, RunError, RunTimeout
from nbfinetune.models.speed import Gain, Speed, Task, gained
from nbfinetune.records import TrainingConfig
from nbfinetune.runner.speed_book import this_place
from nbfinetune.runner.speed_measure import Measuring, SpeedMeasure
from nbfinetune.runner.tuned_gains import gains

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_table", "measure_speed", "watch"]

_COLUMNS = (
    "images_per_s",
    "tuned_images_per_s",
    "train_ms",
    "forward_ms",
    "peak_mb",
    "image_size",
    "batch_size",
    "images",
    "trained",
    "busy",
)


def measure_speed(
    names: Iterable[str] | str,
    *,
    progress: bool = True,
    timeout_s: float | None = None,
    **how: Any,
) -> pd.DataFrame:
    """Measure how fast models are on this machine: a few seconds each, on images of noise.

    What is found is kept in the cache; estimates and `recommend` use it from then on.

    Parameters
    ----------
    names : iterable of str
        Models, as `fine_tune` takes them.
    progress : bool
        Draw a progress bar.
    timeout_s : float, optional
        Seconds to wait at most; by then no more is measured.
    **how
        Fields of `Measuring`: ``batch_size=32``, ``image_size=None``, ``classes=10``,
        ``device="auto"``, ``threads=None``, ``trained="all"``, ``seconds=4.0``.

    Returns
    -------
    DataFrame
        A row for each model: `images_per_s` in training, `tuned_images_per_s` in the way that the
        self-test of an earlier run of this model, image size and batch has chosen, `train_ms` and
        `forward_ms` of a batch, `peak_mb` of memory where a whole batch went through, `images` that
        went through at a time, and the `error` of what can't be measured.

    Raises
    ------
    ConfigError
        If a keyword or a value can't be.
    RunError
        If nothing can be measured, and why.
    RunTimeout
        If it takes longer than `timeout_s`.
    """
    listed = [names] if isinstance(names, str) else list(names)
    measure = SpeedMeasure(listed, _how(how))
    try:
        measure.start()
        watch(measure, progress=progress, timeout_s=timeout_s)
    finally:
        measure.cancel()
    if measure.error:
        raise RunError(measure.error)
    return as_table(measure)


def _how(given: Mapping[str, Any]) -> Measuring:
    known = [field.name for field in fields(Measuring)]
    for name in given:
        if name not in known:
            raise ConfigError(f"there is no keyword {name!r}; there are {', '.join(known)}")
    return Measuring(**given)


def watch(measure: SpeedMeasure, *, progress: bool = True, timeout_s: float | None = None) -> None:
    """Wait for the end of a measurement, with a progress bar or without.

    Raises
    ------
    RunTimeout
        If it has not come within `timeout_s`.
    """
    if not progress:
        over = measure.wait(timeout_s)
    else:
        from tqdm.auto import tqdm

        with tqdm(total=len(measure.names), unit="model", dynamic_ncols=True) as bar:

            def draw() -> None:
                bar.n = measure.progress[0]
                bar.set_description(f"measuring {measure.now}".strip())

            measure.on_change(draw)
            over = measure.wait(timeout_s)
    if not over:
        raise RunTimeout(f"not all models were measured within {timeout_s:g} s; what was is kept")


def as_table(measure: SpeedMeasure) -> pd.DataFrame:
    """What was measured so far, a row for each model; see `measure_speed`."""
    import pandas as pd

    tested = _gains(measure)
    rows = []
    for name in measure.names:
        found = measure.results.get(name)
        told = _row(found, tested) if found else {}
        rows.append(told | {"error": measure.errors.get(name, "")})
    index = pd.Index(measure.names, name="name")
    return pd.DataFrame(rows, index=index, columns=[*_COLUMNS, "error"])


def _gains(measure: SpeedMeasure) -> dict[tuple[str, Task], Gain]:
    device, threads = measure.how.device, measure.how.threads
    return gains(this_place(device, threads), TrainingConfig(), threads)


def _row(found: Speed, tested: Mapping[tuple[str, Task], Gain]) -> dict[str, Any]:
    told = {column: getattr(found, column, None) for column in _COLUMNS}
    gain = tested.get(gained(found.name, found.task))
    return told | {"tuned_images_per_s": found.images_per_s / gain.share if gain else None}
