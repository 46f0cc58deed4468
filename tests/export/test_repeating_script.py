"""A script that was exported repeats its run in a process without nbfinetune."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from noisy_photos import noisy_photos

import nbfinetune as nf
from nbfinetune.errors import ConfigError
from nbfinetune.export import export
from nbfinetune.records import (
    AppliedEdit,
    Cosine,
    OneCycle,
    PlannedEdit,
    Plateau,
    Prune,
    SetOptimizer,
    SetSchedule,
    Unfreeze,
)
from nbfinetune.store import RunStore

TESTS = Path(__file__).parents[1]
BLOCKING = "import sys; sys.modules['nbfinetune'] = None; sys.path.insert(0, {tests!r})\n"
SMALL = {
    "model": "test_resnet",
    "pretrained": False,
    "lr": 5e-3,
    "device": "cpu",
    "threads": 1,
    "loader_threads": 1,
}


def repeat(script: Path, *arguments: str) -> tuple[float, list[str]]:
    """Accuracy that a script comes to, and the lines that it prints."""
    runner = BLOCKING.format(tests=str(TESTS)) + (
        f"import runpy; sys.argv = [{str(script)!r}, *{list(arguments)!r}]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", runner],
        cwd=script.parent, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    return float(re.search(r"accuracy ([\d.]+)", lines[-1])[1]), lines


def written(run: nf.Run, path: Path) -> Path:
    with RunStore.open(run.path) as store:
        edits, told = store.edits(), store.events(steps=False)
    return export(run.path, run.config, path, edits=edits, told=told)


def best_accuracy(run: nf.Run) -> float:
    return float(run.metrics()["accuracy"].max())


@pytest.mark.slow
def test_a_script_reaches_the_accuracy_of_a_run_on_the_digits(tmp_path):
    run = nf.fine_tune("digits", epochs=4, image_size=32, **SMALL).wait(progress=False)
    script = written(run, tmp_path / "again.py")
    text = script.read_text()
    assert len(text.splitlines()) < 150
    assert "nbfinetune" not in text.partition('"""\n')[2].replace("without nbfinetune", "")
    accuracy, lines = repeat(script)
    expected = best_accuracy(run)
    # Of 360 images: three standard deviations of the difference of two such runs.
    assert abs(accuracy - expected) < 3 * (2 * expected * (1 - expected) / 360) ** 0.5 + 0.02
    assert len(lines) == 5
    assert (tmp_path / "again.model.safetensors").exists()


@pytest.mark.slow
def test_a_script_repeats_the_edits_of_a_run_on_photos(tmp_path):
    planned = (
        PlannedEdit(step=3, edit=SetSchedule(schedule=Cosine(lr=2e-3), epochs=3)),
        PlannedEdit(step=4, edit=SetOptimizer(weight_decay=0.1, clip_norm=1.0)),
        PlannedEdit(step=6, edit=Unfreeze()),
        PlannedEdit(step=8, edit=Prune(amount=0.5)),
    )
    photos = noisy_photos(tmp_path / "photos", ("red", "green"), [(40, 50)] * 60)
    run = nf.fine_tune(photos, epochs=2, image_size=32, freeze="backbone", planned=planned,
                       batch_size=16, feature_views=0, **SMALL).wait(progress=False)  # fmt: skip
    script = written(run, tmp_path / "again.py")
    assert len(script.read_text().splitlines()) < 150
    (tmp_path / "elsewhere").mkdir()
    photos.rename(tmp_path / "elsewhere" / "photos")
    accuracy, lines = repeat(script, str(tmp_path / "elsewhere" / "photos"))
    assert len(lines) == 4
    assert accuracy >= best_accuracy(run) - 0.2
    from safetensors.torch import load_file

    zeros = [
        float((value == 0).float().mean())
        for name, value in load_file(tmp_path / "again.model.safetensors").items()
        if value.ndim > 1 and not name.startswith("fc.")
    ]
    assert np.mean(zeros) > 0.2


@pytest.mark.slow
def test_a_script_repeats_a_run_that_used_very_many_features(tmp_path):
    planned = (
        PlannedEdit(step=8, edit=SetSchedule(schedule=OneCycle(lr=4e-3, base_momentum=0.85))),
        PlannedEdit(step=9, edit=SetOptimizer(weight_decay=0.05, clip_norm=2.0, l1=1e-6)),
        PlannedEdit(step=13, edit=Unfreeze()),
        PlannedEdit(step=18, edit=SetOptimizer(clip_weights=1.5)),
        PlannedEdit(step=20, edit=Prune(amount=0.3)),
        PlannedEdit(step=25, edit=Prune(amount=0.2, scope="layer")),
        PlannedEdit(step=26, edit=SetSchedule(schedule=Plateau(lr=4e-3), epochs=8)),
    )
    photos = noisy_photos(tmp_path / "photos", ("red", "green"), [(40, 50)] * 60)
    settings = {
        "augment": "light", "mixup": 0.2, "cutmix": 1.0, "label_smoothing": 0.05, "ema": 0.8,
        "loss": "focal", "class_weights": "balanced", "monitor": "macro_f1", "accumulate": 2,
        "freeze": "backbone", "layer_decay": 0.9, "head": "mlp", "pooling": "gem", "dropout": 0.1,
        "in_chans": 3, "clip_norm": 5.0, "feature_views": 0, "precision": "bf16",
    }  # fmt: skip
    run = nf.fine_tune(photos, epochs=5, image_size=32, planned=planned, batch_size=16,
                       **settings, **SMALL).wait(progress=False)  # fmt: skip
    with pytest.warns(UserWarning, match="differs from the run"):
        script = written(run, tmp_path / "again.py")
    lines = script.read_text().splitlines()
    assert len(lines) < 150
    assert max(map(len, lines)) <= 98
    assert (tmp_path / "again.run.json").exists()
    accuracy, told = repeat(script)
    assert len(told) == 9
    assert accuracy >= best_accuracy(run) - 0.2


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run of a model of one's own on arrays, over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("NBFINETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        rng = np.random.default_rng(3)
        labels = np.repeat(np.arange(4), 20)
        pixels = rng.integers(0, 90, (80, 24, 24, 3)).astype(np.uint8)
        for row, label in enumerate(labels):
            pixels[row, :, 6 * label : 6 * label + 6] += 140
        settings = SMALL | {"model": "factories:small_cnn"}
        run = nf.fine_tune((pixels, labels), epochs=2, batch_size=16, image_size=24, **settings)
        return run.wait(progress=False)


def test_a_model_of_ones_own_is_built_by_its_function_and_that_is_said(own, tmp_path):
    with pytest.warns(UserWarning, match=r"again\.py differs.*factories:small_cnn"):
        script = written(own, tmp_path / "again.py")
    text = script.read_text()
    assert "from factories import small_cnn" in text
    assert "the model is built by factories:small_cnn" in " ".join(text.split())
    _, lines = repeat(script)
    assert [line.split()[0] for line in lines] == ["1", "2", "best:"]


@pytest.mark.slow
def test_a_notebook_is_the_script_in_cells(own, tmp_path):
    with pytest.warns(UserWarning, match="factories:small_cnn"):
        path = written(own, tmp_path / "again.ipynb")
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], len({cell["id"] for cell in notebook["cells"]})) == (4, 12)
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    script = tmp_path / "cells.py"
    script.write_text("\n".join(code))
    _, lines = repeat(script)
    assert [line.split()[0] for line in lines] == ["1", "2", "best:"]


@pytest.mark.slow
def test_a_run_from_a_checkpoint_has_the_weights_that_it_began_with_beside_it(own, tmp_path):
    from msgspec.structs import replace

    started = str(own.path / "checkpoints" / "best.safetensors")
    config = replace(own.config, model=replace(own.config.model, checkpoint=started))
    edits = [AppliedEdit(1, 2, SetOptimizer(momentum=0.5))]
    with pytest.warns(UserWarning, match="factories:small_cnn"):
        export(own.path, config, tmp_path / "again.py", edits=edits)
    assert (tmp_path / "again.start.safetensors").exists()
    accuracy, _ = repeat(tmp_path / "again.py")
    assert accuracy >= best_accuracy(own) - 0.2


def test_images_of_other_channels_than_a_script_reads_are_named(own, tmp_path):
    from msgspec.structs import replace

    config = replace(own.config, model=replace(own.config.model, in_chans=6))
    with pytest.raises(ConfigError, match=r"6 channels.*\.safetensors"):
        export(own.path, config, tmp_path / "again.py")
