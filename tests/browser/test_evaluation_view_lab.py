"""An evaluation in a real browser: cells, pictures, heat maps, edits, label errors, a new run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from notebook_page import NotebookPage, wait_until
from PIL import Image
from playwright.sync_api import Locator, expect

import nbfinetune as nf
from nbfinetune.data.edits import load_edits
from nbfinetune.records import Relabel
from nbfinetune.runner.run import runs

pytestmark = pytest.mark.browser

CELL = "import nbfinetune as nf\nv = nf.EvaluationView(nf.runs()[0])\nv"
COLOURS = {"blue": (40, 60, 200), "green": (40, 160, 60), "red & <b>": (200, 50, 40)}
EACH, WRONG = 36, 6
"""Photos of a class, of which so many show another class's colour."""


def coloured(folder: Path) -> Path:
    """Photos that a model tells apart by their colour, some of them under a wrong name."""
    rng = np.random.default_rng(0)
    names = list(COLOURS)
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(EACH):
            other = names[(number + 1) % len(names)]
            colour = COLOURS[other if i < WRONG else name]
            noise = rng.integers(-40, 40, (32, 40, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02}.png")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run on such photos."""
    place = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(place / "runs"))
        patch.setenv("NBFINETUNE_CACHE", str(place / "cache"))
        run = nf.fine_tune(
            coloured(place / "photos"),
            model="resnet10t",
            pretrained=False,
            image_size=32,
            epochs=4,
            wait=False,
        )
        run.wait(progress=False)
    return run.path


class View:
    """What a person does with an evaluation."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.region = self.page.get_by_role("region", name="Evaluation")
        self.grid = self.region.get_by_role("listbox", name="Images")
        self.matrix = self.region.get_by_role("group", name="Confusion matrix")
        self.confused = self.region.get_by_role("list", name="Most confused").get_by_role("button")
        self.dialog = self.page.get_by_role("dialog", name="Image")

    def tiles(self) -> Locator:
        return self.grid.get_by_role("option")

    def button(self, name: str) -> Locator:
        return self.region.get_by_role("button", name=name, exact=True)

    def says(self, pattern: str) -> None:
        expect(self.region).to_contain_text(re.compile(pattern))

    def ready(self) -> View:
        self.matrix.locator(".main-svg").first.wait_for()
        expect(self.tiles().first).to_be_visible()
        drawn = "i => i.naturalWidth > 0"
        wait_until(lambda: self.tiles().first.locator("img").evaluate(drawn), page=self.page)
        return self

    def cells(self) -> list[tuple[int, int, int]]:
        """Label, predicted class and number of each cell, the numbers as the chart has them."""
        bars = self.matrix.evaluate("e => e.querySelector('.nbft-plot').data[0]")
        labels = [round(base + bars["y"][i] / 2) for i, base in enumerate(bars["base"])]
        return [(label, bars["x"][i], i) for i, label in enumerate(labels)]

    def click_cell(self, number: int) -> None:
        """Click into the middle of a cell with the mouse."""
        box = self.matrix.locator(".bars .point path").nth(number).bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def picture(self) -> str:
        """Address of the picture in the window."""
        return str(self.dialog.locator("img.nbft-whole").get_attribute("src"))

    @property
    def edits(self) -> list[tuple[str, str]]:
        """What the edits file says."""
        files = list((self.notebook.home / "data").glob("*/edits.json"))
        found = [edit for path in files for edit in load_edits(path)]
        return [(edit.item, edit.label) for edit in found if isinstance(edit, Relabel)]


@pytest.fixture
def view(trained: Path, notebook: NotebookPage) -> View:
    """The evaluation of that run, in the cell that was just run."""
    shutil.copytree(trained, notebook.home / trained.name)
    notebook.run(CELL)
    return View(notebook).ready()


def test_a_clicked_cell_shows_its_images_and_one_is_relabelled_undone_and_kept(view: View) -> None:
    [label, told, number] = next(cell for cell in view.cells() if cell[0] != cell[1])
    names = list(COLOURS)
    place = view.region.bounding_box()
    view.click_cell(number)
    view.says(re.escape(f"{names[label]} taken for {names[told]} ×"))
    expect(view.tiles().first).to_contain_text(f"{names[label]} → {names[told]}")
    assert view.region.bounding_box() == place
    chosen = view.confused.and_(view.page.locator("[aria-pressed=true]"))
    expect(chosen).to_have_attribute("data-label", names[label])

    view.tiles().first.click()
    expect(view.dialog).to_contain_text(f"{names[told]}, ")
    bars = view.dialog.get_by_role("list", name="Probabilities").get_by_role("listitem")
    expect(bars).to_have_count(len(names))
    item = str(view.dialog.get_by_role("heading").text_content())
    view.dialog.get_by_label("Relabel as").select_option(names[told])
    expect(view.dialog).to_contain_text("relabelled")
    [(edited, given)] = wait_until(lambda: view.edits, page=view.page)
    assert (edited.split("/")[-1], given) == (item, names[told])
    view.page.keyboard.press("Escape")
    view.button("Undo").click()
    view.says("No edits")
    assert view.edits == []


def test_an_edit_outlives_another_class_and_a_reload_and_a_new_run_has_it(view: View) -> None:
    view.confused.first.click()
    view.tiles().first.click(modifiers=["Control"])
    label = str(view.confused.first.get_attribute("data-predicted"))
    view.region.get_by_label("Relabel as").first.select_option(label)
    expect(view.tiles().first).to_contain_text("relabelled")
    [edit] = view.edits
    row = view.region.get_by_role("table", name="Classes").get_by_role("button", name="green")
    row.click()
    expect(row).to_have_attribute("aria-pressed", "true")
    view.page.locator(".cm-content").first.click()
    view.notebook.reload()
    view.says("1 edit")
    expect(row).to_have_attribute("aria-pressed", "true")
    view.confused.first.click()
    expect(view.tiles().first).to_contain_text("relabelled")
    [before] = runs(view.notebook.home)
    view.button("Train again with 1 edit").click()
    expect(view.region).to_contain_text(re.compile("epoch|starting"))
    both = wait_until(lambda: len(found := runs(view.notebook.home)) == 2 and found, 60, view.page)
    [again] = [run for run in both if run.id != before.id]
    assert [(one.item, one.label) for one in again.config.data.edits] == [edit]
    assert again.config.training == before.config.training


@pytest.mark.slow
def test_where_the_model_looked_is_shown_for_any_class_and_hidden_again(view: View) -> None:
    view.confused.first.click()
    view.tiles().first.click()
    toggle = view.dialog.get_by_role("button", name="Show where the model looked")
    expect(view.dialog).to_contain_text("40 × 32 px")
    wait_until(lambda: view.picture().startswith("blob:"), page=view.page)
    toggle.click()
    expect(view.dialog).to_contain_text(re.compile(r"Bright: what speaks for .* Grad-CAM, layer"))
    mapped = view.picture()
    view.dialog.get_by_label("Class to look for").select_option("green")
    expect(view.dialog).to_contain_text("Bright: what speaks for green")
    wait_until(lambda: view.picture() != mapped, page=view.page)
    view.dialog.get_by_label("Method").select_option("attention_rollout")
    expect(view.dialog.locator(".nbft-beside .nbft-error")).to_contain_text("attention")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "false")
    assert view.picture() != mapped


@pytest.mark.slow
def test_label_errors_are_found_listed_and_relabelled_as_suggested(view: View) -> None:
    view.button("Label errors").click()
    view.says("Label errors are not searched for yet")
    view.button("Find label errors").click()
    view.says(r"labels look wrong")
    first = view.tiles().first
    expect(first).to_contain_text(re.compile(r" → .*\?"))
    [label, suggested] = first.inner_text().removesuffix("?").split(" → ")
    first.click(modifiers=["Control"])
    view.button("Relabel as suggested").click()
    expect(first).to_contain_text("relabelled")
    [(item, given)] = wait_until(lambda: view.edits, page=view.page)
    assert given == suggested
    assert item.startswith(f"{label}/")
