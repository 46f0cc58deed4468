"""A run as MLflow's own client reads it back out of a local database."""

from __future__ import annotations

from pathlib import Path

import chart_runs
import pytest

from nbfinetune.records import OptimizerChanged, RunFinished, RunRestored, RunStopped
from nbfinetune.runner.trackers import bookmark, track
from nbfinetune.runner.trackers.pages import settings_of
from nbfinetune.store import RunStore

pytest.importorskip("mlflow", reason="pip install 'nbfinetune[mlflow]'")
pytestmark = [
    pytest.mark.slow,
    # What the library and its database layer deprecate is theirs to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/tracked.db"


@pytest.fixture
def mirrored(uri: str):
    """``mirrored(store)`` gives MLflow's client and its one run."""
    from mlflow import MlflowClient

    def mirror(store: RunStore):
        track(store.path, "mlflow", {"uri": uri, "experiment": "birds"}).wait(120)
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name("birds").experiment_id
        (run,) = client.search_runs([experiment])
        return client, run

    return mirror


def steps(client, run, name: str = "step/loss") -> list[int]:
    return sorted(point.step for point in client.get_metric_history(run.info.run_id, name))


def test_settings_measures_notes_and_status_are_there(home, mirrored):
    with chart_runs.filled(home / "over", 250) as store:
        store.append([OptimizerChanged(step=250, values={"weight_decay": 0.05})])
        store.append([RunFinished(step=250, reason="completed", best_epoch=2)])
        mirrored(store)
        (path,) = bookmark.places(store.path)
        path.unlink()  # all is given to MLflow once more
        client, run = mirrored(store)
        best = store.best_epoch()
        settings = settings_of(store.config)
    assert run.info.run_name == "over"
    assert run.info.status == "FINISHED"
    assert run.data.params == {name: str(value) for name, value in settings.items()}
    assert steps(client, run) == list(range(1, 251))
    history = client.get_metric_history(run.info.run_id, "step/loss")
    assert {point.step: point.value for point in history}[37] == chart_runs.loss_at(37)
    assert steps(client, run, "epoch/accuracy") == [100, 200]
    assert run.data.metrics["best/accuracy"] == best.accuracy
    assert run.data.tags["nbfinetune.status"] == "finished"
    assert "- step 250: optimizer: weight_decay 0.05" in run.data.tags["mlflow.note.content"]


def test_a_resumed_run_goes_on_in_the_same_run_without_doubled_points(home, mirrored):
    with chart_runs.filled(home / "again", 150) as store:
        store.append([RunStopped(step=150, best_epoch=1)])
        _, run = mirrored(store)
        assert run.info.status == "KILLED"
        store.rewind(120)
        store.append([RunRestored(step=120), *chart_runs.progress(121, 180)])
        store.append([RunFinished(step=180, reason="completed", best_epoch=1)])
        client, run = mirrored(store)
        assert run.info.status == "FINISHED"
        assert steps(client, run) == list(range(1, 181))
