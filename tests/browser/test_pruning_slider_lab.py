"""A trained model is measured, cut and recovered from a real notebook, in a real browser."""

from __future__ import annotations

import re

import pytest
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import Locator, expect

from nbfinetune.runner.run import Run, runs

pytestmark = pytest.mark.browser

TRAINED = (
    "import nbfinetune as nf\n"
    "run = nf.fine_tune('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=1)\n"
    "slider = nf.PruningSlider(run)\n"
    "slider"
)
SURFACE = (
    "import nbfinetune as nf\n"
    "w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=1)\n"
    "w"
)
PATIENCE_MS = 240_000
"""What is measured runs at a low priority: it waits where the machine has other work."""
# The trace of a name, as Plotly has it: [x, y].
TRACE = """name => {
    const plot = document.querySelector('.nbft-pruning-plot');
    const trace = (plot?.data ?? []).find(one => one.name === name);
    return trace ? [trace.x, trace.y] : null;
}"""
# Where Plotly has drawn an amount, and where the slider's thumb stands, in pixels of the page.
PLACES = """amount => {
    const plot = document.querySelector('.nbft-pruning-plot');
    const slider = document.querySelector('.nbft-pruning-slide > .nbft-slider');
    const { xaxis } = plot._fullLayout, box = slider.getBoundingClientRect();
    const thumb = parseFloat(getComputedStyle(slider).getPropertyValue('--nbft-thumb'));
    return [plot.getBoundingClientRect().left + xaxis._offset + xaxis.d2p(amount),
            box.left + thumb / 2 + slider.value / slider.max * (box.width - thumb)];
}"""


def region(notebook: NotebookPage) -> Locator:
    return notebook.page.get_by_role("region", name="Pruning", exact=True).first


def slider(notebook: NotebookPage) -> Locator:
    return region(notebook).get_by_role("slider", name="Pruning amount")


def row(inside: Locator, name: str) -> Locator:
    """Cells of a row of figures: now, after, and how they differ."""
    return inside.get_by_role("row", name=re.compile(f"^{name}")).get_by_role("cell")


def measured(notebook: NotebookPage, least: int) -> list[float]:
    """Amounts that were tried, once there are so many."""

    def tried() -> list[float]:
        found = notebook.page.evaluate(TRACE, "measured")
        return found[0] if found and len(found[0]) >= least else []

    return wait_until(tried, PATIENCE_MS / 1000, notebook.page)


def pruned(notebook: NotebookPage, first: Run) -> Run:
    """The run that was begun by the slider."""
    return wait_until(
        lambda: next((run for run in runs(notebook.home) if run.id != first.id), None),
        PATIENCE_MS / 1000,
        notebook.page,
    )


@pytest.mark.slow
def test_a_trained_model_is_measured_cut_and_recovered(notebook: NotebookPage) -> None:
    notebook.run(TRAINED)
    expect(slider(notebook)).to_be_visible(timeout=PATIENCE_MS)
    measured(notebook, 3)
    figures = region(notebook).get_by_role("table", name="Now and after")
    expect(row(figures, "Parameters").first).to_have_text(re.compile(r"^\d.* M$"))
    before = row(figures, "MACs").nth(1).inner_text()

    slider(notebook).focus()
    slider(notebook).press("ArrowLeft")
    expect(slider(notebook)).to_have_attribute("aria-valuetext", "49 % of the MACs go")
    expect(row(figures, "MACs").nth(1)).not_to_have_text(before)
    expect(row(figures, "Accuracy").nth(1)).to_have_text(re.compile(r"^\d+\.\d %$"))
    expect(region(notebook)).to_contain_text("predicted")
    notebook.page.wait_for_function(f"({TRACE})('here')?.[0][0] === 0.49")
    dot, thumb = notebook.page.evaluate(PLACES, 0.49)
    assert abs(dot - thumb) < 1
    wait_until(lambda: "0.49" in _said(notebook, "slider.amount"), page=notebook.page)

    region(notebook).get_by_text(re.compile("^Layers: ")).click()
    layers = region(notebook).get_by_role("list", name="Layers").get_by_role("listitem")
    lock = layers.first.get_by_role("button", name=re.compile("^Keep all of"))
    lock.click()
    expect(lock).to_have_attribute("aria-pressed", "true")
    units = re.compile(r"^(\d+) / \1$")
    expect(layers.first.locator(".nbft-layer-count")).to_have_text(units, timeout=PATIENCE_MS)

    [run] = runs(notebook.home)
    region(notebook).get_by_label("Epochs of recovery").fill("1")
    region(notebook).get_by_role("button", name="Prune and recover").click()
    smaller = pruned(notebook, run)
    assert smaller.config.pruning.amount == 0.49
    assert len(smaller.config.pruning.protect) == 1
    outcome = region(notebook).get_by_role("group", name="Pruned run")
    expect(outcome).to_contain_text("finished", timeout=PATIENCE_MS)
    expect(row(outcome, "Accuracy").last).to_have_text(re.compile(r"^\d+\.\d %$"))
    notebook.page.wait_for_function(f"({TRACE})('recovered')?.[0][0] === 0.49")


@pytest.mark.slow
def test_a_panel_of_the_surface_measures_when_its_slider_is_touched(
    notebook: NotebookPage,
) -> None:
    notebook.run(SURFACE)
    expect(region(notebook)).to_contain_text("no run yet")
    expect(slider(notebook)).to_be_visible()
    notebook.button("Start").click()
    expect(notebook.status()).to_contain_text("finished", timeout=PATIENCE_MS)
    begin = region(notebook).get_by_role("button", name="Measure how much this model can lose")
    expect(begin).to_be_visible()
    slider(notebook).focus()
    slider(notebook).press("ArrowRight")
    expect(begin).to_be_hidden(timeout=PATIENCE_MS)
    measured(notebook, 2)
    region(notebook).get_by_role("button", name=re.compile("^Layers: ")).click()
    dialog = notebook.page.get_by_role("dialog", name="Layers")
    expect(dialog.get_by_role("listitem").first).to_contain_text("/")
    notebook.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def _said(notebook: NotebookPage, expression: str) -> str:
    """What a cell says of an expression."""
    cell = notebook.run(expression)
    return cell.locator(".jp-OutputArea-output").first.inner_text()
