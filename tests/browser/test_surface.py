"""The surface in a real browser, on a real server, with real runs."""

from __future__ import annotations

import os
import signal

import pytest
from notebook_page import NotebookPage, wait_until
from playwright.sync_api import expect

from nbfinetune.runner.run import Run, runs
from nbfinetune.store import RunStore

pytestmark = pytest.mark.browser

SURFACE = (
    "import nbfinetune as nf\n"
    "w = nf.FineTuneWidget('digits', model='resnet10t', pretrained=False, flip=False, "
    "image_size=32, epochs=500)\n"
    "w"
)
PATIENCE_MS = 120_000
PLOTS = """[...document.querySelectorAll('[aria-label="Loss"] .js-plotly-plot')]"""
POINTS = f"""() => Math.max(0, ...{PLOTS}
    .flatMap(plot => plot.data.map(trace => trace.x?.length ?? 0)))"""


def steps(run: Run) -> int:
    with RunStore.open(run.path) as store:
        taken = store.steps()["step"]
    return int(taken[-1]) if len(taken) else 0


def begin(notebook: NotebookPage) -> Run:
    """Run the cell, press Start, and wait for the first steps."""
    notebook.run(SURFACE)
    notebook.button("Start").click()
    says(notebook, "running")
    [run] = wait_until(lambda: runs(notebook.home), page=notebook.page)
    wait_until(lambda: steps(run) > 2, page=notebook.page)
    return run


def says(notebook: NotebookPage, word: str) -> None:
    expect(notebook.status()).to_contain_text(word, timeout=PATIENCE_MS)


def points(notebook: NotebookPage) -> int:
    return int(notebook.page.evaluate(POINTS))


def test_a_run_is_started_watched_held_resumed_and_stopped(notebook: NotebookPage) -> None:
    run = begin(notebook)
    for region in ("Loss", "Metrics", "Learning rate", "Throughput"):
        expect(notebook.page.get_by_role("region", name=region, exact=True)).to_be_visible()
    before = wait_until(lambda: points(notebook), page=notebook.page)
    wait_until(lambda: points(notebook) > before, page=notebook.page)
    notebook.button("Pause").click()
    says(notebook, "paused")
    held = steps(run)
    notebook.page.wait_for_timeout(1000)
    assert steps(run) == held
    notebook.button("Resume").click()
    says(notebook, "running")
    wait_until(lambda: steps(run) > held, page=notebook.page)
    notebook.button("Stop").click()
    says(notebook, "stopped")
    assert run.status == "stopped"
    expect(notebook.button("Start")).to_be_enabled()


@pytest.mark.slow
def test_a_reload_in_mid_run_brings_everything_back(notebook: NotebookPage) -> None:
    run = begin(notebook)
    before = wait_until(lambda: points(notebook), page=notebook.page)
    notebook.reload()
    says(notebook, "running")
    wait_until(lambda: points(notebook) >= before, page=notebook.page)
    notebook.button("Pause").click()
    says(notebook, "paused")
    assert run.status == "paused"


@pytest.mark.slow
def test_a_restarted_kernel_takes_the_run_up_again(notebook: NotebookPage) -> None:
    run = begin(notebook)
    held = steps(run)
    notebook.restart_kernel()
    notebook.run("import nbfinetune as nf\nnf.FineTuneWidget(run=nf.runs()[-1])")
    # The old surface stays on the page, without a kernel behind it.
    expect(notebook.page.locator(".nbft-bar")).to_have_count(2)
    bar = notebook.page.locator('.nbft-bar [role="status"]').last
    expect(bar).to_contain_text("running", timeout=PATIENCE_MS)
    assert steps(run) >= held
    notebook.page.get_by_role("button", name="Stop", exact=True).last.click()
    expect(bar).to_contain_text("stopped", timeout=PATIENCE_MS)


def test_two_views_show_one_run_and_a_wrong_value_stands_in_both(notebook: NotebookPage) -> None:
    notebook.run(SURFACE)
    notebook.status().wait_for()
    notebook.run("w")
    expect(notebook.page.locator(".nbft-bar")).to_have_count(2)
    epochs = notebook.page.get_by_label("Epochs", exact=True)
    epochs.first.fill("abc")
    epochs.first.press("Enter")
    errors = notebook.page.locator(".nbft-error:visible")
    expect(errors).to_have_count(2)
    expect(errors.last).to_have_text("'abc' is not a whole number")
    notebook.button("Start").click()
    expect(notebook.page.locator(".nbft-reply").first).to_contain_text("is not a whole number")
    assert runs(notebook.home) == []
    epochs.first.fill("400")
    epochs.first.press("Enter")
    expect(errors).to_have_count(0)
    expect(epochs.last).to_have_value("400")
    for slot in ("Dataset preview", "Model picker", "Learning-rate schedule"):
        expect(notebook.page.get_by_role("region", name=slot)).to_have_count(2)
    models = notebook.page.get_by_role("region", name="Model picker")
    expect(models.get_by_role("searchbox")).to_have_count(2)


def test_the_buttons_work_while_a_cell_is_busy(notebook: NotebookPage) -> None:
    run = begin(notebook)
    notebook.run("import time; time.sleep(600)")
    notebook.page.locator('.jp-Notebook-ExecutionIndicator[data-status="busy"]').first.wait_for()
    # What is out of sight is not drawn.
    notebook.page.get_by_role("region", name="Loss").scroll_into_view_if_needed()
    before = points(notebook)
    wait_until(lambda: points(notebook) > before, page=notebook.page)
    notebook.button("Pause").click()
    says(notebook, "paused")
    assert run.status == "paused"
    assert notebook.page.locator('.jp-Notebook-ExecutionIndicator[data-status="busy"]').count()
    notebook.interrupt_kernel()


def test_a_failing_run_shows_its_sentence_and_its_details(notebook: NotebookPage) -> None:
    for name in ("cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"):
        path = notebook.folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("this is no photo")
    notebook.run("import nbfinetune as nf\nnf.FineTuneWidget('photos', pretrained=False)")
    notebook.button("Start").click()
    says(notebook, "failed")
    failure = notebook.page.get_by_role("alert").filter(visible=True)
    expect(failure).to_contain_text("images can't be read")
    failure.get_by_text("Details", exact=True).click()
    expect(failure.locator("pre")).to_contain_text("Traceback")


@pytest.mark.slow
def test_a_worker_that_dies_shows_as_interrupted_with_a_resume_button(
    notebook: NotebookPage,
) -> None:
    run = begin(notebook)
    with RunStore.open(run.path) as store:
        os.kill(store.worker().pid, signal.SIGKILL)
    says(notebook, "interrupted")
    notebook.button("Resume").click()
    says(notebook, "running")


@pytest.mark.slow
def test_notebook_7_shows_the_same_surface(new_notebook) -> None:
    notebook = new_notebook("notebook")
    run = begin(notebook)
    wait_until(lambda: points(notebook), page=notebook.page)
    notebook.button("Stop").click()
    says(notebook, "stopped")
    assert run.status == "stopped"
