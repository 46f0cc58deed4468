"""A run as Weights & Biases keeps it offline, read back out of its own file."""

from __future__ import annotations

import json
import struct
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

BLOCK, HEADER = 32_768, struct.Struct("<IHB")
WHOLE, LAST = 1, 4


def records(folder: Path) -> Iterator[Any]:
    """What an offline run would send: protobuf messages in the log format of LevelDB."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("*.wandb")
    data, place, message = file.read_bytes(), 7, b""  # after the file's own header
    while place + HEADER.size <= len(data):
        if BLOCK - place % BLOCK < HEADER.size:
            place += BLOCK - place % BLOCK
            continue
        _, length, part = HEADER.unpack_from(data, place)
        place += HEADER.size
        message += data[place : place + length]
        place += length
        if part in (WHOLE, LAST):
            record = Record()
            record.ParseFromString(message)
            yield record
            message = b""


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
