"""The data on the surface, in a real browser: look, exclude, start."""

from __future__ import annotations

import pytest
from notebook_page import NotebookPage, wait_until
from photo_sets import photos
from playwright.sync_api import expect
from test_dataset_preview_lab import Preview
from test_surface import says, steps

from nbfinetune.data.image_index import load_index
from nbfinetune.runner.run import runs
from nbfinetune.store import layout

pytestmark = pytest.mark.browser

CELL = (
    "import nbfinetune as nf\n"
    "w = nf.FineTuneWidget('photos', model='resnet10t', pretrained=False, image_size=32, "
    "epochs=50_000)\n"
    "w"
)


def test_an_image_that_is_excluded_on_the_surface_is_not_trained_on(
    notebook: NotebookPage,
) -> None:
    photos(notebook.folder / "photos", {"cats": 30, "dogs": 40})
    notebook.run(CELL)
    preview = Preview(notebook)
    wait_until(preview.pictures, page=notebook.page)
    preview.choose("Class", "dogs (40)")
    preview.tile("dogs/003.jpg").click()
    dialog = notebook.page.get_by_role("dialog", name="Image")
    dialog.get_by_role("button", name="Exclude").click()
    expect(dialog).to_contain_text("excluded")
    notebook.page.keyboard.press("Escape")
    expect(preview.region).to_contain_text("1 edit")
    plan = notebook.page.locator(".nbft-plan")
    expect(plan).to_contain_text("69 images of 2 classes", timeout=60_000)
    notebook.button("Start").click()
    says(notebook, "running")
    [run] = runs(notebook.home)
    assert [edit.item for edit in run.config.data.edits] == ["dogs/003.jpg"]
    wait_until(lambda: steps(run) > 2, page=notebook.page)
    index = load_index(layout.index(run.path))
    trained = {index.items[image] for image in [*index.train, *index.val]}
    assert len(trained) == 69
    assert "dogs/003.jpg" not in trained
    run.stop()
    says(notebook, "stopped")
