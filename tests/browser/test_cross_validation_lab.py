"""`CrossValidationView` in a real JupyterLab: folds that come, their mean, their images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chart_runs import progress, started
from fold_runs import FINISHED, fold_run, index_of, photos
from playwright.sync_api import Page, expect

from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore

pytestmark = pytest.mark.browser

CELL = """
from nbfinetune.runner.cross_validation import CrossValidation
from nbfinetune.runner.run import Run
from nbfinetune.widgets.cross_validation_view import CrossValidationView
view = CrossValidationView(CrossValidation(map(Run.open, {!r}), 3))
view
"""


def begun(home: Path, fold: int, steps: int, folder: Path, *, over: bool) -> Run:
    """A fold's run that has trained so many steps."""
    index = index_of(fold, root=str(folder))
    run = fold_run(home, fold, None, config=photos(folder), index=index)
    with RunStore.open(run.path) as store:
        assert over or store.claim(os.getpid())
        store.append([started(), *progress(1, steps), *([FINISHED] if over else [])])
    return run


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("NBFINETUNE_SCREENSHOTS"):
        page.wait_for_timeout(1500)  # Plotly draws anew a moment after its place has changed
        page.screenshot(path=f"{folder}/{name}.png")


def test_the_mean_fills_in_as_folds_end_and_then_their_images_are_shown(tmp_path, notebook):
    page, errors = notebook.page, []
    page.on("pageerror", lambda error: errors.append(str(error)))
    steps = (600, 500, 250)
    home, folder = tmp_path / "runs", tmp_path / "photos"
    runs = [begun(home, n, last, folder, over=n < 2) for n, last in enumerate(steps)]
    cell = notebook.run(CELL.format([str(run.path) for run in runs]))
    region = cell.get_by_role("region", name="Cross-validation")
    table = region.get_by_role("table", name="Folds")
    expect(region.get_by_role("status")).to_have_text("running")
    expect(table.get_by_role("row", name="fold 3 epoch 3/10 – – – – –")).to_be_visible()
    mean = table.get_by_role("row", name="Mean ± sample deviation")
    expect(mean).to_contain_text("0.8703 ± 0.0303")
    expect(cell.get_by_text("fold 3 of 3", exact=True).first).to_be_visible()
    before = table.bounding_box()
    shot(page, "cross-validation-running")

    with RunStore.open(runs[2].path) as store:
        store.append([*progress(251, 400), FINISHED])
    expect(region.get_by_role("status")).to_have_text("finished")
    expect(table.get_by_role("row", name="fold 3 finished 4")).to_be_visible()
    expect(region).to_contain_text("3 of 3 folds are through")
    assert table.bounding_box() == before
    evaluation = cell.get_by_role("region", name="Evaluation")
    images = evaluation.get_by_role("listbox", name="Images")
    expect(images.get_by_role("option").first).to_be_visible()
    shot(page, "cross-validation-finished")
    evaluation.scroll_into_view_if_needed()
    shot(page, "cross-validation-images")
    assert errors == []
