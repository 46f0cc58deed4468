"""Pictures go to a trained model from a real JupyterLab, by every way that there is."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from installed_chromium import QUIET, chromium
from lab_server import JupyterServer
from notebook_page import NotebookPage
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from trained_digits import digit, trained_digits

from nbfinetune.runner.run import Run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 180_000
"""For what waits for torch."""

BAR = """() => {
    globalThis.maxima = new Set();
    const look = () => {
        const bar = document.querySelector('[role=progressbar][aria-label="Images predicted"]');
        if (bar?.checkVisibility()) maxima.add(bar.getAttribute('aria-valuemax'));
        requestAnimationFrame(look);
    };
    look();
}"""
"""Keeps what the bar of a folder shows: a quick machine shows it for part of a second."""

COPY = """async (data) => {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    const item = new ClipboardItem({ 'image/png': new Blob([bytes], { type: 'image/png' }) });
    await navigator.clipboard.write([item]);
}"""
FILES = """(files) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: 'image/png' }));
    }
    return transfer;
}"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained_digits(tmp_path_factory.mktemp("trained"))


def shown(notebook: NotebookPage, run: Run) -> Locator:
    """A predictor in a cell."""
    notebook.run(f"import nbfinetune as nf\npredictor = nf.Predictor({str(run.path)!r})\npredictor")
    region = notebook.page.get_by_role("region", name="Predictor")
    expect(region).to_contain_text("This model knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9")
    return region


def pictures(region: Locator) -> Locator:
    return region.get_by_role("listbox", name="Pictures").get_by_role("option")


def answered(region: Locator, name: str) -> Locator:
    """The picture of that name in the list, once it has its answer."""
    found = region.get_by_role("option", name=name).first
    expect(found).to_contain_text("%", timeout=PATIENCE_MS)
    return found


def png(name: str, data: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def test_a_picture_is_answered_and_shows_where_the_model_looked(
    notebook: NotebookPage, trained: Run, tmp_path: Path
) -> None:
    region = shown(notebook, trained)
    files = region.get_by_label("Image files")
    name = "<b>three<b>.png"
    files.set_input_files([png(name, digit(3))])
    answered(region, name)
    expect(region.get_by_role("group", name="Picture")).to_contain_text("<b>three<b>.png")
    expect(region.locator("b")).to_have_count(0)
    (tmp_path / "three.png").write_bytes(digit(3))
    expected = trained.predict(tmp_path / "three.png").iloc[0]
    answer = region.get_by_role("group", name="Answer")
    expect(answer.locator(".nbft-answer-label")).to_have_text(expected["label"])
    rows = answer.get_by_role("list", name="Classes").get_by_role("listitem")
    expect(rows).to_have_count(5)
    answer.get_by_role("button", name="All 10 classes").click()
    expect(rows).to_have_count(10)

    look = region.get_by_role("button", name="Show where the model looked")
    look.click()
    heat = region.get_by_role("img", name=re.compile("^Where the model looked for"))
    expect(heat).to_be_visible(timeout=PATIENCE_MS)
    first = heat.get_attribute("src")
    rows.last.get_by_role("button").click()
    expect(heat).not_to_have_attribute("src", str(first), timeout=PATIENCE_MS)
    look.click()
    expect(heat).to_be_hidden()

    files.set_input_files([{"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}])
    expect(region.get_by_role("alert").first).to_contain_text("notes.txt: not an image")
    expect(pictures(region)).to_have_count(1)
    # Keys are the region's own while it has the focus, Ctrl+S too.
    notebook.page.locator(".jp-Notebook .jp-CodeCell").last.click()
    notebook.reload()
    region = notebook.page.get_by_role("region", name="Predictor")
    answered(region, name)


def test_pictures_are_dropped_together_and_pasted(
    notebook: NotebookPage, trained: Run, page: Page
) -> None:
    region = shown(notebook, trained)
    files = [[f"{n}.png", base64.b64encode(digit(n)).decode()] for n in (1, 2, 4)]
    transfer = page.evaluate_handle(FILES, files)
    region.dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(region).to_have_class(re.compile("nbft-dropping"))
    region.dispatch_event("drop", {"dataTransfer": transfer})
    for name, _ in files:
        answered(region, name)
    expect(pictures(region)).to_have_count(3)
    expect(region.get_by_role("group", name="Picture")).to_contain_text("1.png")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, base64.b64encode(digit(7)).decode())
    region.get_by_role("heading", name="Predictor").click()
    page.keyboard.press("Control+v")
    expect(pictures(region)).to_have_count(4)
    region.get_by_role("button", name="Paste").click()
    answered(region, "pasted picture")
    expect(pictures(region)).to_have_count(5)
    region.get_by_role("button", name="Clear").click()
    expect(pictures(region)).to_have_count(0)
    expect(region).to_contain_text("Drop a picture here")

    many = [png(f"many {n}.png", digit(n % 10, side=16)) for n in range(22)]
    region.get_by_label("Image files").set_input_files(many)
    expect(region.get_by_role("alert").first).to_contain_text("the first 20 of 22 are taken")
    answered(region, "many 19.png")
    expect(pictures(region)).to_have_count(20)


def test_a_photo_beyond_what_the_line_takes_is_made_smaller_and_the_page_says_so(
    notebook: NotebookPage, trained: Run
) -> None:
    region = shown(notebook, trained)
    noise = np.random.default_rng(0).integers(0, 256, (2000, 3000, 3), np.uint8)
    target = io.BytesIO()
    Image.fromarray(noise).save(target, "PNG", compress_level=0)
    region.get_by_label("Image files").set_input_files([png("large.png", target.getvalue())])
    answered(region, "large.png")
    picture = region.get_by_role("group", name="Picture")
    expect(picture).to_contain_text("18.0 MB made smaller by the browser, to 2560 × 1707 px")


def test_a_folder_becomes_a_csv_file_with_a_bar_and_a_download(
    notebook: NotebookPage, trained: Run, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    digits = [digit(number) for number in range(10)]
    for number in range(1500):
        (inbox / f"{number:04}.png").write_bytes(digits[number % 10])
    (inbox / "broken.png").write_bytes(digits[0][:60])
    region = shown(notebook, trained)
    region.get_by_role("textbox", name="Folder").fill(str(tmp_path / "nowhere"))
    start = region.get_by_role("button", name="Predict folder")
    start.click()
    expect(region).to_contain_text("there is no folder")
    region.get_by_role("textbox", name="Folder").fill(str(inbox))
    notebook.page.evaluate(BAR)
    start.click()
    done = "1,501 images, 1 unreadable → inbox.predictions.csv"
    expect(region.get_by_text(done)).to_be_visible(timeout=PATIENCE_MS)
    assert "1501" in notebook.page.evaluate("[...maxima]")
    expect(region.get_by_role("progressbar", name="Images predicted")).to_be_hidden()
    with notebook.page.expect_download() as download:
        region.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "inbox.predictions.csv"
    table = pd.read_csv(download.value.path())
    assert table.equals(pd.read_csv(tmp_path / "inbox.predictions.csv"))
    assert len(table) == 1501


@pytest.fixture
def camera(server: JupyterServer, browser: Browser) -> Iterator[NotebookPage]:
    """A notebook in a browser of its own, whose camera shows a test picture."""
    flags = [*QUIET, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    seeing = browser.browser_type.launch(executable_path=chromium(), args=flags)
    page = seeing.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(60_000)
    notebook = NotebookPage(page, server, "camera")
    notebook.open()
    yield notebook
    notebook.close()
    seeing.close()


def test_the_camera_takes_pictures(camera: NotebookPage, trained: Run) -> None:
    region = shown(camera, trained)
    region.get_by_role("button", name="Camera", exact=True).click()
    video = region.get_by_label("What the camera sees")
    expect(video).to_be_visible()
    video.evaluate(
        "v => v.videoWidth || new Promise(done => v.addEventListener('loadeddata', done))"
    )
    region.get_by_role("button", name="Take a picture").click()
    answered(region, "camera 1")
    region.get_by_role("button", name="Close camera").click()
    expect(video).to_be_hidden()
    assert video.evaluate("v => v.srcObject === null")


def test_a_page_that_may_not_use_the_camera_says_so(notebook: NotebookPage, trained: Run) -> None:
    region = shown(notebook, trained)
    region.get_by_role("button", name="Camera", exact=True).click()
    expect(region.get_by_role("alert").first).to_contain_text(re.compile("camera", re.IGNORECASE))
    expect(region.get_by_label("What the camera sees")).to_be_hidden()
