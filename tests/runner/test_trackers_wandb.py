"""A run as Weights & Biases keeps it offline, read back out of its own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chart_runs
import pytest

from nbfinetune.records import RunFinished
from nbfinetune.runner.trackers import track
from nbfinetune.runner.trackers.pages import settings_of

pytest.importorskip("wandb", reason="pip install 'nbfinetune[wandb]'")
pytestmark = [
    pytest.mark.slow,
    # What the library deprecates is its own to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def records(folder: Path) -> Iterator[Any]:
    """What an offline run would send."""
    from wandb.proto.wandb_internal_pb2 import Record
    from wandb.sdk.internal.datastore import DataStore

    (file,) = folder.glob("*.wandb")
    store = DataStore()
    store.open_for_scan(str(file))
    while (data := store.scan_data()) is not None:
        record = Record()
        record.ParseFromString(data)
        yield record


def values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_settings_measures_notes_and_status_are_in_the_offline_run(home, monkeypatch):
    monkeypatch.delenv("WANDB_DIR", raising=False)
    with chart_runs.filled(home / "over", 250) as store:
        store.append([RunFinished(step=250, reason="completed", best_epoch=2)])
        mirror = track(store.path, "wandb", {"project": "birds", "mode": "offline"}).wait(120)
        known = store.events()
        best, settings = store.best_epoch(), settings_of(store.config)
    found = list(records(Path(mirror.where)))
    (run,) = [record.run for record in found if record.HasField("run") and record.run.run_id][:1]
    assert (run.run_id, run.project) == ("over", "birds")
    config = values(run.config.update)
    assert {name: config[name] for name in settings} == settings
    rows = [values(record.history.item) for record in found if record.HasField("history")]
    losses = {row["_step"]: row["step/loss"] for row in rows if "step/loss" in row}
    assert losses == {step: chart_runs.loss_at(step) for step in range(1, 251)}
    assert [row["_step"] for row in rows if "epoch/accuracy" in row] == [100, 200]
    assert rows[0]["_timestamp"] == pytest.approx(known[1].time)
    summary: dict[str, Any] = {}
    for record in found:
        if record.HasField("summary"):
            summary |= values(record.summary.update)
    assert summary["status"] == "finished"
    assert summary["best/accuracy"] == best.accuracy
