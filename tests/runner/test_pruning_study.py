"""A trained model studied in a real process: its curve, its layers, its times, and what ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import numpy as np
import pytest

import nbfinetune as nf
from nbfinetune.errors import ConfigError, RunError
from nbfinetune.records import ChannelsRemoved
from nbfinetune.runner.comparison import compare
from nbfinetune.runner.pruning_study import PruningStudy
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import checkpoint
from nbfinetune.store.liveness import started_at

DEADLINE_S = 180


@pytest.fixture
def trained() -> Callable[..., Run]:
    """A run that is over, of stripes in four places."""

    def train(model: str = "factories:small_cnn", epochs: int = 4) -> Run:
        rng = np.random.default_rng(3)
        labels = np.repeat(np.arange(4), 40)
        pixels = rng.integers(0, 90, (160, 24, 24, 3))
        for row, label in enumerate(labels):
            pixels[row, :, 6 * label : 6 * label + 6, label % 3] += 140
        run = nf.fine_tune(
            (pixels.astype(np.uint8), labels), model=model, pretrained=False, epochs=epochs,
            image_size=24, batch_size=16, lr=1e-2, device="cpu", threads=1, loader_threads=1,
        )  # fmt: skip
        return run.wait(progress=False, timeout_s=DEADLINE_S)

    return train


def check_comparison(run: Run, half: Run, removed: ChannelsRemoved) -> None:
    table = half.comparison()
    assert list(table.index) == ["before", "after"]
    assert table.macs.tolist() == list(removed.macs)
    assert table.accuracy.tolist() == [run.metrics().accuracy.max(), half.metrics().accuracy.max()]
    assert (table[["size_mb", "latency_ms", "latency_ms_32"]] > 0).all(axis=None)
    alone = compare([run], latency=False)
    assert alone.loc[run.id, "parameters"] == removed.parameters[0]
    assert alone.latency_ms.isna().all()


def done(study: PruningStudy) -> PruningStudy:
    assert study.wait(DEADLINE_S)
    assert (study.status, study.error) == ("done", "")
    return study


@pytest.mark.slow
def test_a_study_tells_what_a_pruning_does_before_it_is_done_and_goes_on_with_other_wishes(
    trained: Callable[..., Run], until: Callable[..., None]
) -> None:
    run = trained()
    before = checkpoint(run.path, "best").read_bytes()
    study = PruningStudy(run)
    assert (study.status, study.points, study.whole) == ("waiting", (), None)
    seen: list[tuple[str, int]] = []
    study.on_change(lambda: seen.append((study.progress, len(study.points))))
    study.start()
    child = study._child
    study.start()
    assert study._child is child
    done(study)
    assert ("starting torch", 0) in seen
    assert seen.index(("starting torch", 0)) < next(i for i, one in enumerate(seen) if one[1] > 1)
    assert study.whole.accuracy == pytest.approx(run.metrics().accuracy.max())
    assert study.whole.parameters == sum(p.numel() for p in run.load_model().parameters())
    assert {group.name for group in study.structure.groups} == set(study.sensitivities)

    what = study.prospect(0.5)
    told = study.predicted(what)
    half = run.prune(0.5, method="structured", recover_epochs=1).wait(progress=False)
    [removed] = [event for event in half.events() if isinstance(event, ChannelsRemoved)]
    assert (removed.parameters[1], removed.macs[1]) == (what.parameters, what.macs)
    assert {name: after for name, (_, after) in removed.layers.items()} == what.left
    assert told.accuracy == pytest.approx(removed.accuracy, abs=0.05)
    assert told.low <= told.accuracy <= told.high

    check_comparison(run, half, removed)

    study.measure_latency(0.5)
    assert study.status == "running"
    done(study)
    assert [(one.batch, one.amount) for one in study.latencies] == [(1, 0.5), (32, 0.5)]
    assert all(one.after_ms > 0 and one.before_ms > 0 for one in study.latencies)
    assert study.board("latency").target == "latency"

    points = study.points
    told: list[object] = []
    study.on_change(lambda: told.append(study.points))
    study.wish(criterion="l1", target="parameters")
    done(study)
    assert () not in told, "the old points stay until there are new ones"
    assert study.points != points
    assert study.board("parameters").accuracy[0] == study.whole.accuracy
    with pytest.raises(ConfigError, match="closest"):
        study.wish(protect=("first",))

    assert checkpoint(run.path, "best").read_bytes() == before
    study.cancel()
    study.cancel()
    until(lambda: started_at(child.pid) is None)
    assert (study.status, study.wait(0)) == ("cancelled", True)
    assert study.predicted(what) is not None
    with pytest.raises(RunError, match="the study is cancelled"):
        study.measure_latency(0.5)


@pytest.mark.slow
def test_a_model_that_cannot_be_traced_is_told_and_single_weights_can_still_be_studied(
    trained: Callable[..., Run],
) -> None:
    study = PruningStudy(trained("factories:branching", epochs=1))
    study.start()
    assert study.wait(DEADLINE_S)
    assert study.status == "failed"
    assert "unstructured" in study.error
    study.wish(method="unstructured")
    assert study.status == "running"
    done(study)
    assert study.points[0].amount == 0
    assert 0.9 < study.points[-1].amount < 1
    study.cancel()


def test_a_process_that_is_killed_is_a_failure_that_can_be_started_again(
    trained: Callable[..., Run],
) -> None:
    study = PruningStudy(trained(epochs=1))
    study.start()
    os.kill(study._child.pid, signal.SIGKILL)
    assert study.wait(DEADLINE_S)
    assert study.status == "failed"
    assert "ended early" in study.error
    study.start()
    assert study.status == "running"
    study.cancel()


def test_a_run_without_a_best_model_is_refused_in_a_sentence(new_run: Callable[..., Run]) -> None:
    run = new_run()
    with pytest.raises(RunError, match="has no best model yet"):
        PruningStudy(run).start()
    with pytest.raises(RunError, match="has no best model"):
        compare([run])
    with pytest.raises(ConfigError, match="runs is empty"):
        compare([])
