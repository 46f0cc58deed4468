"""Steps through `torch.compile`: real graphs by torch's own tracer, most without a C++ compiler."""

from __future__ import annotations

import os
import shutil
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nbfinetune.engine import compiling
from nbfinetune.records import (
    ChannelsRemoved,
    CompileSkipped,
    Folder,
    LayersUnfrozen,
    PhaseStarted,
    PruningConfig,
    RemoveChannels,
    StepDone,
    Stop,
    Unfreeze,
)
from nbfinetune.runner.settings import configure

COMPILED = {"compile": True, "epochs": 2}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NBFINETUNE_CACHE", str(tmp_path / "cache"))
    # As torch names it, when it is imported; what a run sets is undone afterwards.
    usual = f"{tempfile.gettempdir()}/torchinductor_somebody"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", usual)
    yield
    torch.compiler.reset()


@pytest.fixture
def traced(monkeypatch):
    """Graphs are traced and differentiated, and then computed by torch's own kernels.

    Gives the shapes of the images for which one was made.
    """
    shapes = []

    def backend(graph, inputs):
        from torch._dynamo.backends.debugging import aot_eager

        shapes.append([tuple(i.shape) for i in inputs if i.ndim == 4 and i.shape[1] == 3])
        return aot_eager(graph, inputs)

    monkeypatch.setattr(compiling, "BACKEND", backend)
    return shapes


def phases(log):
    return [(e.phase, e.step) for e in log.of(PhaseStarted) if e.phase.startswith("compiling")]


def same(one, other):
    theirs = other.weights()
    assert list(theirs) == list(one.weights())
    for name, values in one.weights().items():
        np.testing.assert_array_equal(values, theirs[name])


def test_compiled_steps_learn_the_same_under_the_same_names(engine, traced):
    compiled, plain = engine(**COMPILED, ema=0.9), engine(epochs=2, ema=0.9)
    assert len(traced) == 1
    assert phases(compiled.log) == [("compiling factories:small_cnn", 0)]
    assert not compiled.log.of(CompileSkipped)
    assert compiled.log.losses() == plain.log.losses()
    same(compiled, plain)


def test_a_resumed_run_compiles_again_and_goes_on_bit_for_bit(engine, traced):
    alone = engine(**COMPILED)
    stopped = engine({3: [Stop()]}, **COMPILED)
    resumed = engine(folder=stopped.folder, told=stopped.log.events, **COMPILED)
    assert phases(resumed.log) == [("compiling factories:small_cnn", 3)]
    same(resumed, alone)


def test_a_batch_with_fewer_images_needs_no_graph_of_its_own(engine, traced):
    assert engine(**COMPILED, batch_size=30, accumulate=4).log.of(StepDone)
    assert len(traced) == 1


def test_fewer_images_than_a_batch_are_compiled_too(engine, traced):
    engine(**COMPILED, batch_size=500)
    (shapes,) = traced
    assert shapes[0][0] < 160


def test_memory_that_ran_out_leads_to_a_graph_for_fewer_images(engine, traced):
    log = engine(**COMPILED, model="factories:hungry").log
    assert [step for _, step in phases(log)] == [0, 0]
    assert len(log.of(StepDone)) == 16
    assert not log.of(CompileSkipped)


def test_what_is_thawed_is_compiled_anew(engine, traced):
    settings = {**COMPILED, "freeze": "backbone", "feature_views": 0}
    log = engine({4: [Unfreeze()]}, **settings).log
    thawed = log.of(LayersUnfrozen)[0].step
    assert [step for _, step in phases(log)] == [0, thawed]
    assert len(traced) == 2


def test_kept_features_are_not_compiled_and_the_thawed_model_is(engine, traced):
    log = engine(compile=True, epochs=4, freeze_epochs=3, feature_views=1).log
    (skipped,) = log.of(CompileSkipped)
    assert "the head alone is trained" in skipped.reason
    assert [step for _, step in phases(log)] == [3 * 8]


def test_a_model_that_lost_channels_is_compiled_anew(engine, traced):
    edit = RemoveChannels(pruning=PruningConfig(amount=0.5, target="parameters"))
    log = engine({4: [edit]}, **COMPILED).log
    assert len(phases(log)) == len(traced) == 2


def test_a_model_that_becomes_smaller_by_and_by_is_compiled_when_that_is_done(engine, traced):
    pruning = PruningConfig(amount=0.5, round_to=1, gradual_epochs=1.0)
    log = engine({2: [RemoveChannels(pruning=pruning)]}, compile=True, epochs=3).log
    (skipped,) = log.of(CompileSkipped)
    assert "by and by" in skipped.reason
    assert skipped.step == 2
    assert [step for _, step in phases(log)] == [0, 2 + 8]
    assert all(event.step <= 2 + 8 for event in log.of(ChannelsRemoved))
    assert len(traced) == 2


def test_several_processes_are_not_compiled():
    told = []
    training = SimpleNamespace(
        config=configure(Folder(path="photos"), {"compile": True}),
        world=SimpleNamespace(size=2),
        progress=SimpleNamespace(step=7),
        recorder=SimpleNamespace(emit=told.append),
    )
    compiling.begin(training)
    assert [event.reason for event in told] == ["2 processes train together, which is not compiled"]


def test_one_that_fails_in_the_backward_pass_leaves_the_run_as_it_was(engine, monkeypatch, capfd):
    def backend(graph, inputs):
        from torch._dynamo.backends.common import aot_autograd

        def fails(graph, inputs):
            raise OSError("the disk is full\nand more")

        return aot_autograd(fw_compiler=lambda g, _: g.forward, bw_compiler=fails)(graph, inputs)

    monkeypatch.setattr(compiling, "BACKEND", backend)
    compiled, plain = engine(**COMPILED), engine(epochs=2)
    (skipped,) = compiled.log.of(CompileSkipped)
    assert "OSError: the disk is full (more in the worker's log)" in skipped.reason
    assert "and more" in capfd.readouterr().err
    assert len(phases(compiled.log)) == 1
    same(compiled, plain)


def test_without_a_cpp_compiler_the_run_trains_on_and_says_what_to_install(
    engine, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    log = engine(**COMPILED).log
    (skipped,) = log.of(CompileSkipped)
    assert "no C++ compiler" in skipped.reason
    assert len(log.of(StepDone)) == 16


def test_a_folder_that_cannot_be_written_is_named(engine, traced, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    log = engine(**COMPILED, cache=False).log
    (skipped,) = log.of(CompileSkipped)
    assert str(tmp_path / "cache") in skipped.reason


def test_a_folder_of_the_users_choice_stays(tmp_path, monkeypatch):
    chosen = str(tmp_path / "mine")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", chosen)
    compiling.keep_in_own_cache()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == chosen
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_a_second_run_starts_from_what_the_first_has_compiled(engine, tmp_path):
    from torch._dynamo.utils import counters

    first = engine(**COMPILED)
    folder = tmp_path / "cache" / "compiled"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(folder)
    counters.clear()
    second = engine(**COMPILED)
    assert counters["aot_autograd"]["autograd_cache_hit"] == 1
    assert not counters["inductor"]["fxgraph_cache_miss"]
    assert not first.log.of(CompileSkipped)
    same(first, second)
    stopped = engine({3: [Stop()]}, **COMPILED)
    resumed = engine(folder=stopped.folder, told=stopped.log.events, **COMPILED)
    assert resumed.log.losses()
    same(first, resumed)
