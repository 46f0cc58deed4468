"""The preview in a real browser, on a real server: scroll, filter, open, exclude, train."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from notebook_page import NotebookPage, wait_until
from photo_sets import HOSTILE, photo, photos
from playwright.sync_api import Locator, expect

from nbfinetune.data.edits import load_edits
from nbfinetune.data.image_index import load_index
from nbfinetune.runner.run import runs
from nbfinetune.store import layout

pytestmark = pytest.mark.browser

CELL = "import nbfinetune as nf\np = nf.DatasetPreview('photos')\np"
HOSTILE_CLASS = "<b>roses & Æøå"


class Preview:
    """What a person does with a preview."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.region = self.page.get_by_role("region", name="Dataset preview")
        self.grid = self.region.get_by_role("listbox", name="Images")

    def tiles(self) -> Locator:
        return self.grid.get_by_role("option")

    def tile(self, name: str) -> Locator:
        return self.grid.locator(f'[role="option"][title^="{name}"]')

    def pictures(self) -> int:
        """Pictures in the grid that the browser has really drawn."""
        script = "grid => [...grid.querySelectorAll('img')].filter(i => i.naturalWidth > 0).length"
        return self.grid.evaluate(script)

    def choose(self, menu: str, label: str) -> None:
        self.region.get_by_label(menu, exact=True).first.select_option(label=label)

    def says(self, pattern: str) -> None:
        expect(self.region.locator(".nbft-tools-head .nbft-facts")).to_have_text(
            re.compile(pattern)
        )

    def ready(self) -> Preview:
        wait_until(lambda: self.pictures() > 5, page=self.page)
        self.says(r"classes$")
        return self


@pytest.fixture
def preview(notebook: NotebookPage) -> Preview:
    """A preview of 400 photos in two classes, in the cell that was just run."""
    photos(notebook.folder / "photos", {"cats": 150, "dogs": 250})
    notebook.run(CELL)
    return Preview(notebook).ready()


def test_only_what_is_in_sight_is_drawn_and_a_search_narrows_it(preview: Preview) -> None:
    assert preview.tiles().count() < 80
    preview.grid.evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    last = preview.tile("dogs/249.jpg")
    expect(last).to_be_visible()
    wait_until(lambda: last.locator("img").evaluate("i => i.naturalWidth > 0"), page=preview.page)
    assert preview.tiles().count() < 80
    preview.says("^photos · 400 images · 2 classes$")
    preview.region.get_by_role("searchbox", name="Search").fill("cats 12")
    preview.says("^photos · 12 of 400 images")
    expect(preview.tile("cats/129.jpg")).to_be_visible()
    preview.region.get_by_role("searchbox", name="Search").fill("")
    preview.choose("Class", "dogs (250)")
    preview.choose("Part", "validation (80)")
    preview.says("^photos · 50 of 400 images")
    preview.region.get_by_role("searchbox", name="Search").fill("no such image")
    expect(preview.grid).to_contain_text("No image fits the search")


def test_an_image_is_opened_looked_at_and_its_neighbour_after_it(preview: Preview) -> None:
    preview.tile("cats/002.jpg").click()
    dialog = preview.page.get_by_role("dialog", name="Image")
    expect(dialog).to_contain_text("48 × 36 px")
    expect(dialog).to_contain_text("photos/cats/002.jpg")
    preview.page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text("003.jpg")
    dialog.get_by_role("button", name="Previous image").click()
    expect(dialog.get_by_role("heading")).to_have_text("002.jpg")
    dialog.get_by_label("Relabel as").select_option("dogs")
    expect(dialog).to_contain_text("relabelled")
    preview.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(preview.region).to_contain_text("1 edit")


def test_images_are_selected_by_mouse_and_keyboard_and_python_has_them(preview: Preview) -> None:
    preview.tile("cats/001.jpg").click(modifiers=["Control"])
    preview.tile("cats/003.jpg").click(modifiers=["Shift"])
    expect(preview.region).to_contain_text("3 selected")
    preview.page.keyboard.press("ArrowRight")
    preview.page.keyboard.press(" ")
    expect(preview.region).to_contain_text("4 selected")
    expect(preview.tile("cats/004.jpg")).to_have_attribute("aria-selected", "true")
    cell = preview.notebook.run("print(p.selection['item'].str.cat(sep=' '))")
    expect(cell).to_contain_text("cats/001.jpg cats/002.jpg cats/003.jpg cats/004.jpg")
    preview.grid.press("Control+a")
    expect(preview.region).to_contain_text("400 selected")
    preview.grid.press("Escape")
    expect(preview.region.get_by_text("selected")).to_be_hidden()


def test_what_is_excluded_stays_so_after_a_kernel_restart_and_a_run_leaves_it_out(
    preview: Preview,
) -> None:
    preview.tile("cats/001.jpg").click(modifiers=["Control"])
    preview.tile("cats/004.jpg").click(modifiers=["Control"])
    preview.region.get_by_role("button", name="Exclude").click()
    expect(preview.tile("cats/004.jpg")).to_contain_text("excluded")
    preview.region.get_by_role("button", name="Undo").click()
    expect(preview.tile("cats/004.jpg")).not_to_contain_text("excluded")
    preview.tile("cats/001.jpg").click(modifiers=["Control"])
    preview.region.get_by_role("button", name="Exclude").click()
    expect(preview.region).to_contain_text("1 edit")
    preview.notebook.restart_kernel()
    preview.notebook.run(
        "import nbfinetune as nf\np = nf.DatasetPreview('photos')\n"
        "run = nf.fine_tune('photos', edits=p.edits, model='resnet10t', pretrained=False, "
        "image_size=32, epochs=1)"
    )
    [run] = wait_until(lambda: runs(preview.notebook.home), 60, preview.page)
    assert [edit.item for edit in run.config.data.edits] == ["cats/001.jpg"]
    index = wait_until(lambda: _index(run.path), 60, preview.page)
    trains = {index.items[image] for image in [*index.train, *index.val]}
    assert "cats/001.jpg" not in trains
    assert len(trains) == 399


def _index(folder: Path):
    path = layout.index(folder)
    return load_index(path) if path.is_file() else None


def test_names_are_text_on_tiles_menus_dialog_and_chart(notebook: NotebookPage) -> None:
    folder = photos(notebook.folder / "photos", {HOSTILE_CLASS: 8, "dogs": 8})
    photo(folder / HOSTILE_CLASS / HOSTILE, 500)
    (folder / "dogs" / "<i>broken.jpg").write_bytes(b"no image")
    notebook.run(CELL)
    preview = Preview(notebook).ready()
    expect(preview.tiles().first).to_contain_text(HOSTILE_CLASS)
    broken = preview.grid.get_by_role("option", name="<i>broken.jpg")
    expect(broken).to_contain_text("not an image")
    preview.region.get_by_role("searchbox", name="Search").fill("雛菊")
    preview.says("^photos · 1 of 18 images")
    preview.tiles().first.click()
    dialog = preview.page.get_by_role("dialog", name="Image")
    expect(dialog.get_by_role("heading")).to_have_text(HOSTILE)
    preview.page.keyboard.press("Escape")
    chart = preview.region.get_by_role("group", name="Class balance")
    expect(chart.locator(".ytick text").first).to_contain_text("<b>roses")
    assert "hit" not in preview.page.title()


def test_the_model_view_follows_the_augmentation(preview: Preview) -> None:
    preview.region.get_by_role("button", name="As the model sees it").click()
    first = preview.tiles().first
    expect(first).to_contain_text("epoch 1")
    draws = first.locator("figure img")
    source = "image => image.naturalWidth > 0 && image.src"
    standard = wait_until(lambda: draws.nth(1).evaluate(source), page=preview.page)
    assert draws.nth(2).evaluate(source) != standard
    expect(preview.region).to_contain_text("assuming 224 px, bilinear")
    preview.choose("Augmentation", "strong")
    wait_until(lambda: draws.nth(1).evaluate(source) not in (False, standard), page=preview.page)


def test_findings_are_shown_and_settled(notebook: NotebookPage) -> None:
    folder = photos(notebook.folder / "photos", {"cats": 12, "dogs": 12})
    photo(folder / "dogs" / "copy.jpg", 1003)
    (folder / "cats" / "empty.jpg").write_bytes(b"")
    notebook.run(CELL)
    preview = Preview(notebook).ready()
    findings = preview.region.get_by_role("group", name="Findings")
    card = findings.get_by_role("listitem").filter(has_text="1 file has zero bytes")
    card.get_by_role("button", name="Show").click()
    preview.says("^photos · 1 of 26 images")
    card.get_by_role("button", name="Exclude").click()
    expect(card).to_be_hidden()
    preview.says("^photos · 26 images")
    card = findings.get_by_role("listitem").filter(has_text="byte for byte")
    card.get_by_role("button", name="Take as is").click()
    card.get_by_role("button", name="Reopen").wait_for()
    [kept] = (notebook.home / "data").glob("photos-*/edits.json")
    assert [edit.item for edit in load_edits(kept)] == ["cats/empty.jpg"]


def test_it_comes_back_after_a_reload_and_shows_the_same_in_two_views(preview: Preview) -> None:
    preview.region.get_by_role("searchbox", name="Search").fill("dogs/00")
    preview.says("^photos · 10 of 400 images")
    # Keys in the preview are its own: Ctrl+S is the notebook's once that has the focus.
    preview.page.locator(".cm-content").first.click()
    preview.notebook.reload()
    preview.says("^photos · 10 of 400 images")
    expect(preview.region.get_by_role("searchbox", name="Search")).to_have_value("dogs/00")
    wait_until(lambda: preview.pictures() == 10, page=preview.page)
    preview.notebook.run("p")
    expect(preview.region).to_have_count(2)
    second = preview.region.nth(1)
    second.get_by_role("listbox", name="Images").get_by_role("option").first.click(
        modifiers=["Control"]
    )
    expect(preview.region.first).to_contain_text("1 selected")
    expect(second).to_contain_text("1 selected")


@pytest.mark.slow
def test_it_answers_while_a_cell_is_busy(preview: Preview) -> None:
    preview.notebook.run("import time; time.sleep(120)")
    preview.region.get_by_role("searchbox", name="Search").fill("cats/00")
    preview.says("^photos · 10 of 400 images")
    wait_until(lambda: preview.pictures() == 10, page=preview.page)
    preview.notebook.interrupt_kernel()
