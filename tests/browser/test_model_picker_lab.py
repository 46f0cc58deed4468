"""A model is searched, compared, chosen and trained in a real browser, on a real server."""

from __future__ import annotations

import re

import pytest
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import Locator, expect

from nbfinetune.runner.run import runs

pytestmark = pytest.mark.browser

SURFACE = (
    "import nbfinetune as nf\n"
    "w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=1)\n"
    "w"
)
ALONE = (
    "import nbfinetune as nf\npicker = nf.ModelPicker(model='resnet10t', pretrained=False)\npicker"
)
TINY = "test_resnet.r160_in1k"
# Where Plotly has drawn a model, in pixels of the page.
PLACE = """name => {
    const plot = document.querySelector('.nbft-scatter-plot');
    if (!plot || !plot._fullLayout) return null;
    const { xaxis, yaxis } = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    for (const trace of plot.data) {
        const at = (trace.customdata || []).indexOf(name);
        if (at < 0) continue;
        return [box.left + xaxis._offset + xaxis.d2p(trace.x[at]),
                box.top + yaxis._offset + yaxis.d2p(trace.y[at])];
    }
    return null;
}"""


def region(notebook: NotebookPage) -> Locator:
    return notebook.page.get_by_role("region", name="Model picker").first


def search(notebook: NotebookPage) -> Locator:
    return region(notebook).get_by_role("searchbox", name="Architecture")


def matches(notebook: NotebookPage) -> Locator:
    return region(notebook).get_by_role("listbox", name="Models").get_by_role("option")


def compare(notebook: NotebookPage) -> Locator:
    """The comparison, opened; the catalogue has come."""
    region(notebook).get_by_role("button", name="Compare models").click()
    dialog = notebook.page.get_by_role("dialog", name="Compare models")
    expect(
        dialog.get_by_role("status").filter(has_text=re.compile(r"^[\d,]{5,} of"))
    ).to_be_visible()
    return dialog


def rows(inside: Locator) -> Locator:
    return inside.get_by_role("grid", name="Models").locator("tr[data-place]")


def height_between(upper: Locator, lower: Locator) -> float:
    boxes = [locator.bounding_box() for locator in (upper, lower)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    return boxes[1]["y"] - boxes[0]["y"]


def test_a_model_is_searched_as_one_types_over_a_surface_that_does_not_move(
    notebook: NotebookPage,
) -> None:
    notebook.run(SURFACE)
    expect(search(notebook)).to_have_value("resnet10t")
    # What the worker finds out makes room for itself.
    expect(region(notebook)).to_contain_text("Memory", timeout=180_000)
    below = notebook.page.get_by_role("region", name="Learning-rate schedule").first
    before = height_between(search(notebook), below)
    search(notebook).fill("efficient net b0")
    expect(matches(notebook).first).to_contain_text("efficientnet_b0.ra_in1k")
    expect(matches(notebook).first).to_have_attribute("aria-selected", "true")
    assert height_between(search(notebook), below) == before
    search(notebook).press("ArrowDown")
    expect(matches(notebook).nth(1)).to_have_attribute("aria-selected", "true")
    search(notebook).press("ArrowUp")
    search(notebook).press("Enter")
    expect(matches(notebook)).to_have_count(0)
    expect(search(notebook)).to_have_value(re.compile(r"^efficientnet_b0"))
    expect(region(notebook).get_by_role("group", name="Chosen model")).to_contain_text(
        "EfficientNet"
    )
    expect(notebook.page.locator(".nbft-plan")).to_contain_text("efficientnet_b0")


def test_a_point_of_the_picture_is_chosen_and_trained(notebook: NotebookPage) -> None:
    notebook.run(SURFACE)
    dialog = compare(notebook)
    dialog.get_by_role("searchbox", name="Search").fill("test_")
    expect(rows(dialog).filter(has_text=TINY)).to_be_visible()
    x, y = wait_until(lambda: notebook.page.evaluate(PLACE, TINY), page=notebook.page)
    notebook.page.mouse.click(x, y)
    chosen = rows(dialog).and_(dialog.locator('[aria-selected="true"]'))
    expect(chosen).to_contain_text(TINY)
    expect(dialog).to_contain_text(f"Chosen: {TINY}")
    dialog.get_by_role("button", name="Done").click()
    expect(search(notebook)).to_have_value(TINY)
    region(notebook).get_by_role("radio", name=re.compile("head only")).check()
    expect(notebook.page.locator(".nbft-plan")).to_contain_text("head")
    notebook.button("Start").click()
    [run] = wait_until(lambda: runs(notebook.home), page=notebook.page)
    assert run.config.model.name == TINY
    assert run.config.model.freeze == "backbone"
    expect(notebook.status()).to_contain_text("finished", timeout=180_000)


def test_a_slip_is_refused_with_the_nearest_names(notebook: NotebookPage) -> None:
    notebook.run(SURFACE)
    search(notebook).fill("resnt18")
    expect(region(notebook)).to_contain_text("No model is called that")
    expect(matches(notebook).first).to_contain_text("resnet18")
    search(notebook).press("Enter")
    expect(search(notebook)).to_have_attribute("aria-invalid", "true")
    expect(region(notebook)).to_contain_text(re.compile(r"resnt18.*resnet18"))
    search(notebook).press("Escape")
    search(notebook).fill("resnet18")
    search(notebook).press("Enter")
    expect(search(notebook)).not_to_have_attribute("aria-invalid", "true")
    expect(search(notebook)).to_have_value("resnet18")


def test_filters_that_leave_nothing_say_which_is_in_the_way(notebook: NotebookPage) -> None:
    notebook.run(ALONE)
    here = region(notebook)
    left = here.get_by_role("status").filter(has_text=re.compile(r"^[\d,]+ of"))
    expect(left).to_be_visible()
    here.get_by_label("Licence", exact=True).select_option("permissive")
    here.get_by_label("GMACs at most").fill("0.5")
    here.get_by_label("Parameters at most, millions").fill("0.0001")
    expect(rows(here)).to_have_count(0)
    expect(here).to_contain_text("without “at most 0.0001 M parameters” there would be")
    here.get_by_role("button", name="Take it off").click()
    expect(rows(here).first).to_be_visible()
    here.get_by_role("button", name="Params").click()
    table = here.get_by_role("group", name=re.compile("^Table of models"))
    table.focus()
    table.press("End")
    table.press("Enter")
    expect(here.locator("tr[aria-selected='true']")).to_be_visible()
    expect(search(notebook)).not_to_have_value("resnet10t")


def test_a_weights_file_is_browsed_and_refused_where_it_holds_none(notebook: NotebookPage) -> None:
    (notebook.folder / "notes.safetensors").write_text("these are no weights")
    (notebook.folder / "older").mkdir()
    notebook.run(SURFACE)
    # What the worker finds out makes room for itself above.
    expect(region(notebook)).to_contain_text("Memory", timeout=180_000)
    region(notebook).get_by_text("More", exact=True).click()
    region(notebook).get_by_role("button", name="Browse…").click()
    dialog = notebook.page.get_by_role("dialog", name="Weights file")
    dialog.get_by_role("button", name="older").click()
    expect(dialog.get_by_label("Folder", exact=True)).to_have_value(re.compile(r"older$"))
    dialog.get_by_role("button", name="Up").click()
    dialog.get_by_role("button", name="notes.safetensors").click()
    expect(dialog.get_by_role("alert")).to_contain_text("notes.safetensors")
    notebook.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.slow
def test_a_shortlist_is_measured_here_and_a_recommendation_is_taken(notebook: NotebookPage) -> None:
    notebook.run(SURFACE)
    dialog = compare(notebook)
    dialog.get_by_role("searchbox", name="Search").fill(TINY)
    dialog.get_by_role("checkbox", name=f"Shortlist {TINY}").click()
    dialog.get_by_role("button", name="Measure it").click()
    speed = rows(dialog).filter(has_text=TINY).locator(".nbft-cell-speed")
    expect(speed).to_have_text(re.compile(r"^[\d,.]+$"), timeout=180_000)
    dialog.get_by_role("button", name="Speed here").click()
    wait_until(lambda: notebook.page.evaluate(PLACE, TINY), page=notebook.page)
    dialog.get_by_role("button", name="Recommend three").click()
    advice = dialog.get_by_role("group", name="Recommended").locator("button[aria-pressed]")
    expect(advice).to_have_count(3, timeout=180_000)
    advice.last.click()
    expect(advice.last).to_have_attribute("aria-pressed", "true")
    name = advice.last.locator(".nbft-recommended-name").inner_text()
    expect(dialog).to_contain_text(f"Chosen: {name}")
