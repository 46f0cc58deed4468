"""MLflow: a run of an experiment, on a tracking server or in a local database."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from nbfinetune.records import Status
from nbfinetune.runner.trackers.notes import Note, lines
from nbfinetune.runner.trackers.pages import Ending, Page, Point, Subject
from nbfinetune.runner.trackers.targets import MLflow

RUN_TAG, STATUS_TAG = "nbfinetune.run", "nbfinetune.status"
_DESCRIPTION = "mlflow.note.content"
_LONGEST_TAG = 5000
_METRICS_A_CALL, _PARAMS_A_CALL = 1000, 100
_STATUS: dict[Status, str] = {"finished": "FINISHED", "failed": "FAILED"}


class MLflowWriter:
    """A run of an MLflow experiment, found again by a tag that holds our run's id.

    Parameters
    ----------
    target : MLflow
    subject : Subject
    """

    def __init__(self, target: MLflow, subject: Subject) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient(tracking_uri=target.uri)
        experiment = _experiment(self._client, target.experiment)
        self._run = self._open(experiment, subject)
        self.where = f"run {self._run} of experiment {target.experiment!r} in {target.uri}"
        settings = [Param(name, str(value)) for name, value in subject.settings.items()]
        for piece in _pieces(settings, _PARAMS_A_CALL):
            self._client.log_batch(self._run, params=piece)

    def write(self, page: Page, story: Sequence[Note]) -> None:
        """Log the points of a page; the notes are the run's description, the newest if all is much.

        A point that was logged before with the same time is not doubled in a database.
        """
        metrics = [metric for point in page.points for metric in _metrics(point)]
        for piece in _pieces(metrics, _METRICS_A_CALL):
            self._client.log_batch(self._run, metrics=piece)
        if page.notes:
            self._client.set_tag(self._run, _DESCRIPTION, _newest(lines(story)))

    def end(self, ending: Ending) -> None:
        """Log the best epoch's measures and the status, and end MLflow's run."""
        if ending.best is not None:
            self._client.log_batch(self._run, metrics=_metrics(ending.best))
        self._client.set_tag(self._run, STATUS_TAG, ending.status)
        status = _STATUS.get(ending.status, "KILLED")
        self._client.set_terminated(self._run, status, end_time=_ms(ending.time))

    def _open(self, experiment: str, subject: Subject) -> str:
        mine = f"tags.`{RUN_TAG}` = '{subject.id}'"
        found = self._client.search_runs([experiment], filter_string=mine, max_results=1)
        if found:
            self._client.update_run(found[0].info.run_id, status="RUNNING")
            return str(found[0].info.run_id)
        made = self._client.create_run(
            experiment,
            start_time=_ms(subject.created),
            tags={RUN_TAG: subject.id},
            run_name=subject.id,
        )
        return str(made.info.run_id)


def _experiment(client: Any, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            # The mirror of another run may have made it in the same moment.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _metrics(point: Point) -> list[Any]:
    from mlflow.entities import Metric

    at = _ms(point.time)
    return [Metric(name, value, at, point.step) for name, value in point.values.items()]


def _pieces(entries: Sequence[Any], size: int) -> list[list[Any]]:
    rest = iter(entries)
    return list(iter(lambda: list(islice(rest, size)), []))


def _newest(told: Sequence[str]) -> str:
    """As many of the last lines as a tag has room for."""
    text = "\n".join(told)
    return text if len(text) <= _LONGEST_TAG else f"…{text[1 - _LONGEST_TAG :]}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
