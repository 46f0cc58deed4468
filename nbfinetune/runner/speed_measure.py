"""How fast models are on this machine, measured in the background in a process of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbfinetune.errors import ConfigError
from nbfinetune.models.speed import Speed
from nbfinetune.models.training_choice import choice_settings
from nbfinetune.records import (
    DataConfig,
    FineTuneConfig,
    Folder,
    ModelConfig,
    RunnerConfig,
    TrainingConfig,
    checked,
    encode,
)
from nbfinetune.runner.child import Child
from nbfinetune.runner.child_work import ChildWork
from nbfinetune.runner.speed_book import SpeedBook, this_place

__all__ = ["Measuring", "SpeedMeasure"]

MODULE = "nbfinetune.runner.measuring"
SECONDS = 4.0
"""Of steps for each model."""

_MEASURED = ("name", "image_size", "images", "forward_ms", "train_ms", "peak_mb", "busy")


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How models are measured.

    Parameters
    ----------
    batch_size : int
    image_size : int, optional
        Default: each model's own.
    classes : int
        Of the new head.
    device : str
        As `runner.device`.
    threads : int, optional
        As `runner.threads`.
    trained : str
        What of each model: a name of `nbfinetune.models.training_choice`.
    seconds : float
        Of steps for each model, about; building it comes on top.
    """

    batch_size: int = 32
    image_size: int | None = None
    classes: int = 10
    device: str = "auto"
    threads: int | None = None
    trained: str = "all"
    seconds: float = SECONDS

    def config(self, name: str) -> FineTuneConfig:
        """The run whose steps are measured; it has no data.

        Raises
        ------
        ConfigError
            If a value can't be.
        """
        return checked(
            FineTuneConfig(
                data=DataConfig(source=Folder(path=""), image_size=self.image_size),
                model=ModelConfig(name=name, pretrained=False, **choice_settings(self.trained)),
                training=TrainingConfig(batch_size=self.batch_size),
                runner=RunnerConfig(device=self.device, threads=self.threads),
            )
        )


class SpeedMeasure(ChildWork):
    """Times forward passes and training steps of models, one after the other.

    What is found is kept in the cache (`nbfinetune.runner.speed_book`), where estimates find it.

    Parameters
    ----------
    names : sequence of str
        Models, as `fine_tune` takes them.
    how : Measuring
    book : SpeedBook, optional
        Where results are kept; default in the cache directory.

    Attributes
    ----------
    how : Measuring
    status : {"waiting", "running", "done", "cancelled", "failed"}
    results : dict of Speed
        By name, of the models that are through.
    errors : dict of str
        By name, why a model could not be measured.
    now : str
        The model that is being measured.
    error : str
        Why nothing more could be measured, in a sentence.

    Raises
    ------
    ConfigError
        If there are no names, or a value of `how` can't be.
    """

    def __init__(
        self, names: Sequence[str], how: Measuring | None = None, book: SpeedBook | None = None
    ) -> None:
        super().__init__()
        self.how, self._book = how or Measuring(), book or SpeedBook()
        if not names or isinstance(names, str):
            raise ConfigError(f"names is {names!r}; give a list of models, such as ['resnet18']")
        self.names = tuple(dict.fromkeys(names))
        self._configs = [self.how.config(name) for name in self.names]
        self._forget()

    @property
    def progress(self) -> tuple[int, int]:
        """Models that are through, and all."""
        return len(self.results) + len(self.errors), len(self.names)

    def start(self) -> None:
        """Begin, in the background; a measurement that runs already just goes on."""
        with self._guard:
            if self.status == "running":
                return
            self._forget()
            self._ended.clear()
            order = {
                "configs": [json.loads(encode(config)) for config in self._configs],
                "classes": self.how.classes,
                "seconds": self.how.seconds,
            }
            self._child, self.status = Child(MODULE, order), "running"
            follower = threading.Thread(
                target=self._follow, args=(self._child,), name="follow measuring", daemon=True
            )
        follower.start()

    def _idle(self) -> None:
        self.now = ""

    def _forget(self) -> None:
        self.results: dict[str, Speed] = {}
        self.errors: dict[str, str] = {}
        self.now, self.error = "", ""

    def _follow(self, child: Child) -> None:
        device, trouble = self.how.device, ""
        for said in child.lines():
            device = said.get("device", device)
            if "name" not in said:
                trouble = said.get("error", "")
            if self._heard(child, said, device):
                self._listeners.tell()

        def say_how() -> None:
            done, count = self.progress
            self.error = trouble
            if done < count and not trouble:
                self.error = f"the measuring process ended early (status {child.status()})"
            self.status = "failed" if self.error else "done"

        self._end(child, say_how)

    def _heard(self, child: Child, said: Mapping[str, Any], device: str) -> bool:
        """Take in what the process said; False where nobody asks it any more."""
        with self._guard:
            if self._child is not child:
                return False
            self.now = said.get("now", "")
            if "name" not in said:
                return True
            if "error" in said:
                self.errors[said["name"]] = said["error"]
                return True
            speed = self._speed(said, device)
            self.results[said["name"]] = speed
        self._keep(speed)
        return True

    def _speed(self, said: Mapping[str, Any], device: str) -> Speed:
        place = this_place(device, self.how.threads)
        return Speed(
            device=place.device,
            device_type=place.device_type,
            threads=place.threads,
            torch=place.torch,
            timm=place.timm,
            batch_size=self.how.batch_size,
            trained=self.how.trained,
            **{name: said[name] for name in _MEASURED},
        )

    def _keep(self, speed: Speed) -> None:
        try:
            self._book.add([speed])
        except OSError as error:
            with self._guard:
                self.errors[speed.name] = f"{self._book.path} can't be written: {error}"
