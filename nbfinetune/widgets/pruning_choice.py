"""What a person wants of a pruning, as the slider holds it: each value checked, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from nbfinetune.errors import ConfigError
from nbfinetune.models.catalogue import most_like
from nbfinetune.records import PruningConfig, checked
from nbfinetune.widgets.fields import Field
from nbfinetune.widgets.typed import in_words, read

CRITERIA = (
    ("taylor", "change of the loss", "How much the loss would change without a channel"),
    ("l2", "squared weights", "The mean square of the weights that go with a channel"),
    ("l1", "absolute weights", "The mean size of the weights that go with a channel"),
    ("bn_scale", "batch norm’s scale", "The scale of its batch norm"),
    ("lamp", "share of its layer", "Its weights against all in its layer that are no smaller"),
    ("entropy", "activation entropy", "How much its activation varies from image to image"),
    ("random", "chance", "What every other criterion has to beat"),
)
"""Name, label and help of what may make a channel important."""

EPOCHS = Field("recover_epochs", "Epochs", "integer", "Length of the run that recovers")
MOST_EPOCHS = 10_000
OFFERED = 3
SETTINGS = ("amount", "target", "method", "criterion", "uniform", "gradual", "recover_epochs")
"""What is taken one by one, as the page sends it."""

_JUDGED = ("method", "criterion", "uniform", "round_to", "protect", "pushed")


@dataclass(frozen=True)
class PruningChoice:
    """Amount and wishes of a pruning, and how long what is left recovers.

    Parameters
    ----------
    config : PruningConfig
    epochs : int
        Of the run that recovers.
    """

    config: PruningConfig = field(default_factory=lambda: PruningConfig(amount=0.5))
    epochs: int = 2

    @classmethod
    def of(cls, amount: float, epochs: int, wishes: Mapping[str, Any]) -> PruningChoice:
        """A choice as keywords give it.

        Raises
        ------
        ConfigError
            If one is unknown or can't be.
        """
        known = PruningConfig.__struct_fields__
        for name in wishes:
            if name not in known:
                raise ConfigError(f"a pruning has no setting {name!r}; {closest(name, known)}")
        config = checked(PruningConfig(amount=_part(amount), **wishes))
        return cls(config).taken("recover_epochs", epochs)

    def taken(self, name: str, raw: Any) -> PruningChoice:
        """The choice with another value, as the page sends it; one of `SETTINGS`.

        Raises
        ------
        ConfigError
            If the value can't be.
        """
        if name == "amount":
            return self._with(amount=_part(raw))
        if name == "recover_epochs":
            return self._lasting(_epochs(raw))
        if name in ("uniform", "gradual") and not isinstance(raw, bool):
            raise ConfigError(f"{name} is {raw!r}; it is on or off")
        if name == "gradual":
            return self._rising(on=raw)
        return self._with(**{name: raw})

    def protecting(self, layer: str, *, on: bool) -> PruningChoice:
        """The choice with a layer that keeps all it has, or no longer does."""
        others = tuple(name for name in self.config.protect if name != layer)
        return self._with(protect=(*others, layer) if on else others)

    def pushing(self, layer: str, factor: Any) -> PruningChoice:
        """The choice with a layer's importance multiplied; 1 leaves it as it is.

        Raises
        ------
        ConfigError
            If the factor is not above 0.
        """
        others = {name: value for name, value in self.config.pushed.items() if name != layer}
        number = _number("the push of a layer", factor)
        if not 0 < number < math.inf:
            raise ConfigError(f"the push of a layer is {factor!r}; it lies above 0, 1 is none")
        return self._with(pushed=others if number == 1 else {**others, layer: number})

    def unaltered(self) -> PruningChoice:
        """The choice with every layer treated alike."""
        return self._with(protect=(), pushed={})

    @property
    def gradual(self) -> bool:
        """Whether the amount rises while it is trained."""
        return self.config.gradual_epochs > 0

    @property
    def judged(self) -> dict[str, Any]:
        """What a study is to plan with."""
        axis = "parameters" if self.config.target == "parameters" else "macs"
        return {"target": axis, **{name: getattr(self.config, name) for name in _JUDGED}}

    def wishes(self, *, live: bool = False) -> dict[str, Any]:
        """Keywords of `Run.prune` besides the amount: all that is not as usual.

        Parameters
        ----------
        live : bool
            Of a pruning of the live run itself, which trains on as long as it would.
        """
        usual, config = PruningConfig(), self.config
        named = ("method", "target", "criterion")
        if config.method == "unstructured":
            kept: tuple[str, ...] = ("method",)
        else:
            others = ("uniform", "round_to", "protect", "pushed")
            kept = (*named, *(n for n in others if getattr(config, n) != getattr(usual, n)))
        wishes = {name: getattr(config, name) for name in kept}
        if live:
            return wishes
        if self.gradual:
            wishes["gradual_epochs"] = config.gradual_epochs
        return {**wishes, "recover_epochs": self.epochs}

    def _rising(self, *, on: bool) -> PruningChoice:
        if on and _at_once(self.config):
            raise ConfigError(
                "a time, and whole blocks, are taken out at once; choose channels or weights, by "
                "multiply-accumulates or parameters, to take them out little by little"
            )
        return self._with(gradual_epochs=self.epochs / 2 if on else 0.0)

    def _with(self, **values: Any) -> PruningChoice:
        try:
            config = checked(replace(self.config, **values))
        except ConfigError as error:
            raise ConfigError(in_words(str(error))) from error
        if _at_once(config):
            config = replace(config, gradual_epochs=0.0)
        return PruningChoice(config, self.epochs)

    def _lasting(self, epochs: int) -> PruningChoice:
        config = self.config
        if self.gradual:
            config = replace(config, gradual_epochs=epochs / 2)
        return PruningChoice(config, epochs)


def _at_once(config: PruningConfig) -> bool:
    return config.target == "latency" or config.method == "depth"


def closest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers names that are like one that is not there."""
    names = list(known)
    near = most_like(name, names, OFFERED) or names[:OFFERED]
    return f"closest: {', '.join(near)}" if near else "there are none"


def _part(raw: Any) -> float:
    number = _number("amount", raw)
    if not 0 <= number < 1:
        raise ConfigError(
            f"amount is {raw!r}; give the part that goes, between 0 and 1, such as 0.5"
        )
    return number


def _number(name: str, raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise ConfigError(f"{name} is {raw!r}; a number is needed")
    return float(raw)


def _epochs(raw: Any) -> int:
    # A spinner sends 2.0 for 2.
    whole = int(raw) if isinstance(raw, float) and raw.is_integer() else raw
    epochs = read(EPOCHS, whole)
    if isinstance(raw, bool) or not 1 <= epochs <= MOST_EPOCHS:
        raise ConfigError(f"{raw!r} epochs are out of range: 1 to {MOST_EPOCHS:,} can recover")
    return int(epochs)
