"""The engine on its own: events in a list, commands from a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbfinetune.records import Command, Event, FineTuneConfig, StepDone
from nbfinetune.runner.settings import configure


class Log:
    """A recorder that keeps events in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def flush(self) -> None:
        """Nothing waits."""

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def losses(self) -> list[float]:
        return [done.loss for done in self.of(StepDone)]


class Script:
    """Commands that are given when the log has reached a step, or holds an event of a kind."""

    def __init__(
        self,
        log: Log,
        script: dict[int, Sequence[Command]],
        on_event: dict[type[Event], Sequence[Command]],
    ) -> None:
        self._log = log
        self._script = dict(script)
        self._on_event = dict(on_event)
        self._number = 0

    def poll(self) -> list[tuple[int, Command]]:
        step = max((done.step for done in self._log.of(StepDone)), default=0)
        due = [key for key in self._script if key <= step]
        commands = [command for key in sorted(due) for command in self._script.pop(key)]
        for kind in [kind for kind in self._on_event if self._log.of(kind)]:
            commands += self._on_event.pop(kind)
        start = self._number
        self._number += len(commands)
        return [(start + i, command) for i, command in enumerate(commands, start=1)]


class Outcome:
    """What a run of the engine left."""

    def __init__(self, config: FineTuneConfig, folder: Path, log: Log) -> None:
        self.config, self.folder, self.log = config, folder, log

    def weights(self, which: str = "last") -> dict[str, np.ndarray]:
        from nbfinetune.engine import checkpoint

        state = checkpoint.read(self.folder / "checkpoints" / f"{which}.safetensors")
        return {name: tensor.numpy() for name, tensor in state.part("model").items()}


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    """160 images of 16 px in four classes that differ by colour and place."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 40)
    pixels = rng.integers(0, 80, (160, 16, 16, 3))
    for row, label in enumerate(labels):
        pixels[row, 4 * label : 4 * label + 4, :, label % 3] += 150
    return pixels.astype(np.uint8), labels


@pytest.fixture
def engine(tmp_path: Path, images: tuple[np.ndarray, np.ndarray]) -> Callable[..., Outcome]:
    """``engine(script={step: [commands]}, **settings)`` trains in this process."""
    from nbfinetune.data.sources import accept
    from nbfinetune.engine.train import last_checkpoint, train

    count = 0

    def run(
        script: dict[int, Sequence[Command]] | None = None,
        folder: Path | None = None,
        edits: Sequence[Any] = (),
        told: Sequence[Event] = (),
        on_event: dict[type[Event], Sequence[Command]] | None = None,
        data: Any = None,
        **settings: Any,
    ) -> Outcome:
        nonlocal count
        count += 1
        again = folder is not None
        folder = folder or tmp_path / f"run{count}"
        accepted = accept(images if data is None else data)
        if not again:
            folder.mkdir()
            accepted.place(folder)
        values = {
            "model": "factories:small_cnn",
            "pretrained": False,
            "batch_size": 16,
            "image_size": 16,
            "epochs": 2,
            "lr": 1e-2,
            "loader_threads": 1,
            "augment": "light",
        }
        config = configure(accepted.source, values | settings)
        log = Log()
        outcome = Outcome(config, folder, log)
        state = last_checkpoint(folder) if again else None
        try:
            commands = Script(log, script or {}, on_event or {})
            train(config, folder, log, commands, state=state, edits=edits, told=told)
        except Exception as error:
            error.outcome = outcome
            raise
        return outcome

    return run
