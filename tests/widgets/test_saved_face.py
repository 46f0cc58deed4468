"""What widgets leave in a notebook that is read without a kernel, run by nbclient, as HTML."""

from __future__ import annotations

import os
import re
import sys
from html import unescape
from pathlib import Path

import nbformat
import numpy as np
import pytest
from chart_runs import epoch_done
from fold_runs import fold_run
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from reviewed_runs import reviewed_run
from tiny_run import SMALL, tiny_run

import nbfinetune as nf
from nbfinetune.evaluation.stored import stored_evaluation
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.widgets.evaluation_view import EvaluationView

NO_TORCH = "import sys\nprint('torch' in sys.modules)"
AWAIT = """
import time
deadline = time.monotonic() + 120
while {!r} not in {}._saved._published:
    assert time.monotonic() < deadline
    time.sleep(0.05)
"""
"""What is drawn after a cell is through comes while another runs: else nobody listens."""


def read_without_kernel(*cells: str) -> list[str]:
    """What each cell shows in the HTML that `jupyter nbconvert` makes, scripts left out."""
    first = "import nbfinetune as nf"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(c) for c in (first, *cells)]
    )
    NotebookClient(notebook, kernel_name="python3", timeout=180).execute()
    outputs = []
    for cell in notebook.cells[1:]:
        alone = nbformat.v4.new_notebook(cells=[cell])
        exporter = HTMLExporter(template_name="basic", exclude_input=True)
        html, _ = exporter.from_notebook_node(alone)
        outputs.append(unescape(re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)))
    return outputs


def classes(count: int, images: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images of so many classes."""
    labels = np.arange(images) % count
    pixels = np.random.default_rng(0).integers(0, 255, (images, 8, 8, 3))
    return pixels.astype(np.uint8), labels


def test_an_evaluation_leaves_its_figures_classes_and_confusion(home: Path) -> None:
    run = reviewed_run(classes(3))
    found = stored_evaluation(run.path)
    low, high = found.interval("log_loss")
    wait = AWAIT.format(f"{low:.4f} – {high:.4f}", "v")
    shown, _, torch = read_without_kernel(f"v = nf.EvaluationView({run.id!r})\nv", wait, NO_TORCH)
    assert f"{found.accuracy:.4f}" in shown
    # The intervals came after the cell was through, and took their place in it.
    assert f"{low:.4f} – {high:.4f}" in shown
    assert f"{found.roc_auc:.4f}" in shown
    assert "Classes, the lowest F1 first" in shown
    assert "Images by label and predicted class" in shown
    assert f"EvaluationView('{run.id}')" in shown
    assert "False" in torch


def test_the_evaluation_of_a_thousand_classes_stays_small(home: Path) -> None:
    view = EvaluationView(reviewed_run(classes(1000, 5000)))
    html = view._saved_html()
    view.close()
    assert "classes with a higher F1" in html
    assert "Most confused" in html
    assert len(html) < 20_000


def test_names_of_classes_are_escaped(home: Path, tmp_path: Path) -> None:
    pixels, labels = classes(2)
    view = EvaluationView(reviewed_run((pixels, np.array(["<b>x", "y"])[labels])))
    html = view._saved_html()
    view.close()
    assert "&lt;b&gt;x" in html
    assert "<b>x" not in html


def test_a_run_without_a_model_says_so(home: Path) -> None:
    run = reviewed_run(classes(2))
    (run.path / "predictions" / "best.npz").unlink()
    view, predictor = read_without_kernel(
        f"nf.EvaluationView({run.id!r})", f"nf.Predictor({run.id!r})"
    )
    assert "no best model to evaluate yet" in view
    assert f"Predictor('{run.id}')" in predictor
    assert "no 'best' checkpoint yet" in predictor


def test_a_cross_validation_leaves_its_folds_their_curves_and_its_evaluation(home: Path) -> None:
    for fold in range(3):
        measured(fold_run(home, fold), 1, 2 + fold)
    cv = "cv = nf.CrossValidation(tuple(nf.runs()), 3)\nv = nf.CrossValidationView(cv)\nv"
    wait = AWAIT.format("60 images", "v")
    shown, _, torch = read_without_kernel(
        "from nbfinetune.runner.cross_validation import CrossValidation\n"
        f"nf.CrossValidation = CrossValidation\n{cv}", wait, NO_TORCH,
    )  # fmt: skip
    accuracy = [epoch_done(epoch).accuracy for epoch in (2, 3, 4)]
    for value in (*accuracy, np.mean(accuracy)):
        assert f"{value:.4f}" in shown
    assert "fold 3" in shown
    assert "data:image/svg+xml" in shown
    assert "60 images" in shown
    assert "False" in torch


@pytest.mark.slow
def test_a_predictor_and_exports_leave_what_they_are_and_what_was_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The model is one of the tests' own.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    run = tiny_run()
    name = str(tmp_path / "out" / "mine")
    predictor, panel, _, _, torch = read_without_kernel(
        f"p = nf.Predictor({run.id!r})\np",
        f"e = nf.ExportPanel({run.id!r}, name={name!r})\ne",
        "for suffix in ('.safetensors', '.md'):\n    e.export(suffix).wait()\np.close()",
        AWAIT.format("mine.md", "e"),
        NO_TORCH,
    )
    assert "factories:small_cnn" in predictor
    assert "tells apart 0 and 1" in predictor
    assert f"Predictor('{run.id}')" in predictor
    assert "mine.safetensors" in panel
    assert "the same class as the run" in panel
    assert "mine.md" in panel
    assert "mine.onnx" not in panel
    assert "False" in torch


@pytest.mark.slow
def test_a_sweep_leaves_its_runs_and_their_curves(home: Path) -> None:
    sweep = nf.sweep(classes(2), lrs=[1e-3], epochs=1, **SMALL)
    sweep.wait(progress=False)
    view = nf.SweepView(sweep)
    html = view._saved_html()
    view.close()
    assert "finished" in html
    assert "0.001" in html
    assert f"Sweep.open('{sweep.id}')" in unescape(html)
    assert "data:image/svg+xml" in html


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("nf.ModelPicker(model='resnet18', batch_size=16)", "model='resnet18'"),
        ("nf.LRScheduleEditor('one_cycle', epochs=7)", "epochs=7"),
        ("nf.PruningSlider(amount=0.4)", "40 %"),
    ],
)
def test_what_was_chosen_can_be_read(cell: str, said: str, home: Path) -> None:
    [shown] = read_without_kernel(cell)
    assert said in shown


def test_a_preview_leaves_its_classes_and_their_numbers(home: Path) -> None:
    given = (
        "import numpy as np\nlabels = np.arange(9) % 2\nimages = np.zeros((9, 8, 8, 3), 'uint8')\n"
    )
    shown, _ = read_without_kernel(
        given + "v = nf.DatasetPreview((images, labels))\nv",
        AWAIT.format("9 images", "v"),
    )
    assert "9 images" in shown
    counted = re.findall(r"<th[^>]*>(\d)</th><td[^>]*>(\d)</td><td[^>]*>(\d)</td>", shown)
    assert [(name, int(a) + int(b)) for name, a, b in counted] == [("0", 5), ("1", 4)]


def measured(run: Run, *epochs: int) -> None:
    """Epochs on record, whose last is the best."""
    with RunStore.open(run.path) as store:
        store.append([epoch_done(epoch, best=True) for epoch in epochs])
