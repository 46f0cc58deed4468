"""Trackers that a run can be mirrored to, and where: what `Run.track` is given, checked."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from nbfinetune.errors import ConfigError
from nbfinetune.records import checked
from nbfinetune.records.fields import ConfigRecord

Name = Annotated[str, Meta(min_length=1)]


class TargetRecord(ConfigRecord, frozen=True, kw_only=True, tag_field="tracker"):
    """Base of the places that a run is mirrored to."""


class TensorBoard(TargetRecord, tag="tensorboard", frozen=True, kw_only=True):
    """Event files.

    Parameters
    ----------
    folder : str, optional
        Log directory, in which the run has a folder of its own; default ``tensorboard`` in the
        run's folder, so that ``tensorboard --logdir nbfinetune-runs`` shows all runs.
    """

    folder: Name | None = None


class MLflow(TargetRecord, tag="mlflow", frozen=True, kw_only=True):
    """A run of an MLflow experiment.

    Parameters
    ----------
    uri : str
        Tracking server or database. Default: `MLFLOW_TRACKING_URI`, else ``mlflow.db`` where we
        are, which is where MLflow 3 itself looks.
    experiment : str
        Made if it is absent.
    """

    uri: Name
    experiment: Name = "nbfinetune"


class WandB(TargetRecord, tag="wandb", frozen=True, kw_only=True):
    """A run of a Weights & Biases project.

    Parameters
    ----------
    project : str
    entity : str, optional
        User or team; default the account's own.
    mode : {"online", "offline", "disabled"}
        Default: `WANDB_MODE`, else online. Offline runs lie in ``wandb`` in the run's folder, from
        where ``wandb sync`` sends them.
    """

    project: Name = "nbfinetune"
    entity: Name | None = None
    mode: Literal["online", "offline", "disabled"] = "online"


Target: TypeAlias = TensorBoard | MLflow | WandB

Trackers: TypeAlias = str | Sequence[str] | Mapping[str, Mapping[str, Any]]
"""What `fine_tune` takes: ``"wandb"``, several names, or each with where it leads to."""

_RECORDS: dict[str, type[Target]] = {
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": WandB,
}


def target_of(tracker: str, where: Mapping[str, Any]) -> Target:
    """Target out of keywords, as `Run.track` takes them; the same wherever a later call is made.

    Parameters
    ----------
    tracker : {"tensorboard", "mlflow", "wandb"}
    where : mapping
        Fields of `TensorBoard`, `MLflow` or `WandB`; None stands for the default.

    Raises
    ------
    ConfigError
        If there is no such tracker or keyword, a value can't be, or the tracker is not installed.
    """
    record = _RECORDS.get(str(tracker))
    if record is None:
        near = difflib.get_close_matches(str(tracker).lower(), _RECORDS, n=1, cutoff=0.5)
        known = f"closest: {near[0]!r}" if near else f"there are {', '.join(_RECORDS)}"
        raise ConfigError(f"there is no tracker {tracker!r}; {known}")
    fields = record.__struct_fields__
    if unknown := [name for name in where if name not in fields]:
        raise ConfigError(
            f"{unknown[0]}={where[unknown[0]]!r}: {tracker} takes {', '.join(fields)}"
        )
    given = {name: value for name, value in where.items() if value is not None}
    target: Target = checked(record(**_settled(tracker, given)))
    _require(tracker)
    return target


def targets_of(trackers: Trackers) -> tuple[Target, ...]:
    """Targets out of what `fine_tune` takes as trackers.

    Raises
    ------
    ConfigError
        As `target_of`, or if `trackers` is something else.
    """
    given: Any = (trackers,) if isinstance(trackers, str) else trackers
    where: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    if not isinstance(given, (Mapping, Sequence)) or not all(
        isinstance(where.get(name, {}), Mapping) for name in given
    ):
        raise ConfigError(
            f"trackers is {trackers!r}; give a name such as 'tensorboard', several in a tuple, or "
            "each with where it leads: {'wandb': {'project': 'birds'}}"
        )
    return tuple(target_of(name, where.get(name, {})) for name in given)


def name_of(target: Target) -> str:
    """What a person calls the tracker: ``"mlflow"``."""
    return str(target.__struct_config__.tag)


def _settled(tracker: str, given: dict[str, Any]) -> dict[str, Any]:
    """Keywords with what depends on the environment and on where we are put in."""
    if tracker == "tensorboard" and "folder" in given:
        return given | {"folder": _absolute(given["folder"])}
    if tracker == "mlflow":
        uri = given.get("uri") or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        return given | {"uri": _absolute_uri(uri)}
    if tracker == "wandb":
        return {"mode": os.environ.get("WANDB_MODE") or "online"} | given
    return given


def _absolute(path: Any) -> Any:
    return str(Path(path).expanduser().absolute()) if isinstance(path, (str, os.PathLike)) else path


def _absolute_uri(uri: Any) -> Any:
    """Address of a tracking store that means the same from every folder."""
    text = os.fspath(uri) if isinstance(uri, (str, os.PathLike)) else uri
    if not isinstance(text, str) or text == "databricks":
        return text
    scheme, mark, path = text.partition("://")
    if not mark:
        return _absolute(text)
    # SQLAlchemy's form: three slashes and a relative path, four and an absolute one.
    if scheme.startswith("sqlite") and path.startswith("/") and path != "/:memory:":
        return f"{scheme}:///{Path(path[1:]).absolute()}"
    return text


def _require(tracker: str) -> None:
    """See that the tracker's library is there.

    Raises
    ------
    ConfigError
        With the line that installs it.
    """
    found = find_spec(tracker)
    # A folder of that name where we are, such as W&B makes, would pass for a package.
    if found is None or found.origin is None:
        raise ConfigError(
            f"{tracker} is not installed here, so that nothing can be mirrored to it; "
            f"run: pip install 'nbfinetune[{tracker}]'"
        )
