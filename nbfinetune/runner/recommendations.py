"""Three models to try, each with its reason and the settings to train it with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, overload

from nbfinetune.models.choosing import Candidate, Role, Situation
from nbfinetune.models.training_choice import choice_settings
from nbfinetune.runner.durations import span
from nbfinetune.runner.quantities import bytes_in_words, millions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recommendation", "Recommendations", "epochs", "reasons"]

_WAYS = {
    "head": "only the head is trained",
    "gentle": "all of it is trained, the first layers gently",
    "all": "all of it is trained",
}


@dataclass(frozen=True)
class Recommendation:
    """A model to try.

    Parameters
    ----------
    role : {"fast", "balanced", "best"}
    name : str
        As `fine_tune(model=)` takes it.
    why : str
        One sentence with figures.
    settings : dict
        Keywords for `fine_tune`: model, image and batch size, epochs, and what is trained.
    seconds : float
        For all epochs, about.
    """

    role: Role
    name: str
    why: str
    settings: dict[str, Any]
    seconds: float


class Recommendations(Sequence[Recommendation]):
    """What `recommend` found: the quickest first, the best last.

    Parameters
    ----------
    found : iterable of Recommendation
    said : str
        What holds for all of them.
    """

    def __init__(self, found: Sequence[Recommendation], said: str) -> None:
        self._found, self.said = tuple(found), said

    @overload
    def __getitem__(self, place: int) -> Recommendation: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Recommendation, ...]: ...
    def __getitem__(self, place: int | slice) -> Recommendation | tuple[Recommendation, ...]:
        return self._found[place]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self._found)

    def __repr__(self) -> str:
        lines = [f"{one.role}: {one.name}. {one.why}" for one in self]
        return "\n".join([self.said, *lines])

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><th>{one.role}</th><td><code>{escape(one.name)}</code></td>"
            f'<td style="text-align:left">{escape(one.why)}</td></tr>'
            for one in self
        ]
        return f"<p>{escape(self.said)}</p><table>{''.join(rows)}</table>"

    def to_frame(self) -> pd.DataFrame:
        """Table with a row for each role."""
        import pandas as pd

        rows = [{"name": r.name, "seconds": r.seconds, **r.settings, "why": r.why} for r in self]
        roles = pd.Index([one.role for one in self], name="role")
        return pd.DataFrame(rows, index=roles).drop(columns="model", errors="ignore")


def epochs(count: int) -> str:
    """Their number in words: `1 epoch`, `5 epochs`."""
    return "1 epoch" if count == 1 else f"{count} epochs"


def reasons(chosen: dict[Role, Candidate], situation: Situation) -> list[Recommendation]:
    """A sentence and settings for each choice."""
    return [
        Recommendation(
            role=role,
            name=one.facts.name,
            why=_why(one, situation),
            settings={
                "model": one.facts.name,
                "image_size": one.task.image_size,
                "batch_size": one.task.batch_size,
                "epochs": situation.epochs,
                **choice_settings(one.task.trained),
            },
            seconds=one.seconds,
        )
        for role, one in chosen.items()
    ]


def _why(one: Candidate, situation: Situation) -> str:
    facts = one.facts
    return (
        f"{facts.top1:.1f} % on ImageNet with {millions(facts.parameters)} parameters, "
        f"about {span(one.seconds)} for {epochs(situation.epochs)} at {one.task.image_size} pixels "
        f"({one.pace.words}) and {bytes_in_words(one.needed_bytes)} of memory; "
        f"{_WAYS[one.task.trained]}{_because(one, situation)}.{_besides(one, situation)}"
    )


def _because(one: Candidate, situation: Situation) -> str:
    if one.task.trained == "all":
        return ""
    if one.task.trained == situation.trained:
        return f", as {situation.images:,} images of {situation.classes} classes are few"
    return ", which is quicker"


def _besides(one: Candidate, situation: Situation) -> str:
    said = ""
    if situation.budget_s is not None and one.seconds > situation.budget_s:
        said += f" That is more than {span(situation.budget_s)}: nothing better is quicker."
    if one.facts.name in situation.cached:
        return said
    if situation.offline:
        return f"{said} Its weights are not on this machine."
    return f"{said} {bytes_in_words(one.facts.weights_bytes)} are to be downloaded first."
