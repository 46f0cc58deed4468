"""The views of a trained model in Notebook 7, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from notebook_page import wait_until
from playwright.sync_api import Page, expect
from test_evaluation_view_lab import View
from trained_digits import digit, trained_digits

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 180_000
"""For what waits for torch."""


def saved_faces_are_hidden(page: Page, count: int) -> None:
    """What the file holds for readers without a kernel is there, and out of the way."""
    faces = page.locator("[id^=nbft-saved-]")
    expect(faces).to_have_count(count)
    for face in faces.all():
        expect(face).to_be_hidden()


def test_a_trained_model_is_looked_through_asked_and_exported(new_notebook, tmp_path: Path) -> None:
    run = trained_digits(tmp_path)
    notebook = new_notebook("notebook")
    page = notebook.page
    notebook.run(f"import nbfinetune as nf\nrun = nf.Run.open({str(run.path)!r})")

    notebook.run("nf.EvaluationView(run)")
    view = View(notebook).ready()
    view.says(re.escape(f"{run.id}"))
    [label, told, number] = next(cell for cell in view.cells() if cell[0] != cell[1])
    view.click_cell(number)
    view.says(f"{label} taken for {told} ×")
    expect(view.tiles().first).to_contain_text(f"{label} → {told}")

    notebook.run("nf.Predictor(run)")
    asked = page.get_by_role("region", name="Predictor")
    picture = {"name": "three.png", "mimeType": "image/png", "buffer": digit(3)}
    asked.get_by_label("Image files").set_input_files([picture])
    (tmp_path / "three.png").write_bytes(digit(3))
    expected = run.predict(tmp_path / "three.png").iloc[0]
    answer = asked.get_by_role("group", name="Answer").locator(".nbft-answer-label")
    expect(answer).to_have_text(expected["label"], timeout=PATIENCE_MS)

    notebook.run("nf.ExportPanel(run, name='digits')")
    exports = page.get_by_role("region", name="Export")
    exports.get_by_role("button", name="Export .safetensors").click()
    expect(exports).to_contain_text("the same class as the run", timeout=PATIENCE_MS)
    assert (notebook.folder / "digits.safetensors").is_file()

    saved_faces_are_hidden(page, 3)
    page.locator(".cm-content").first.click()
    page.keyboard.press("Control+s")
    kept = wait_until(lambda: _saved(notebook.folder), page=page)
    assert f"Evaluation of {run.id}" in kept
    assert "the same class as the run" in kept


def _saved(folder: Path) -> str:
    """The notebook's file, once it holds the exports."""
    found = (folder / "nb.ipynb").read_text()
    return found if "digits.safetensors" in found else ""
