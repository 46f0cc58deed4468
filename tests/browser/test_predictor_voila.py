"""A predictor served by Voila to people who have no notebook."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_server import environment, free_port
from notebook_page import EMPTY, wait_until
from playwright.sync_api import Page, expect
from trained_digits import digit, trained_digits

pytest.importorskip("voila", reason="Voila is not installed: pip install voila")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 180_000
CELL = "import nbfinetune as nf\nnf.Predictor({path!r})"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Address of a Voila page whose only cell is a predictor."""
    run = trained_digits(tmp_path)
    notebook = json.loads(json.dumps(EMPTY))
    notebook["cells"][0]["source"] = CELL.format(path=str(run.path))
    (tmp_path / "app.ipynb").write_text(json.dumps(notebook))
    port = free_port()
    with (tmp_path / "voila.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "voila", "app.ipynb", "--no-browser"),
                *(f"--port={port}", "--Voila.ip=127.0.0.1"),
            ],
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        said = tmp_path / "voila.log"
        wait_until(lambda: process.poll() is not None or f":{port}" in said.read_text(), 120)
        assert process.poll() is None, said.read_text()[-2000:]
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_a_visitor_drops_a_picture_and_has_the_answer(site: str, page: Page) -> None:
    page.goto(site)
    region = page.get_by_role("region", name="Predictor")
    expect(region).to_contain_text("Drop a picture here", timeout=PATIENCE_MS)
    expect(region).to_contain_text("This model knows 0, 1, 2")
    expect(region.get_by_role("textbox", name="Folder")).to_be_hidden()
    file = {"name": "three.png", "mimeType": "image/png", "buffer": digit(3)}
    region.get_by_label("Image files").set_input_files([file])
    answer = region.get_by_role("group", name="Answer")
    expect(answer.locator(".nbft-answer-value")).to_contain_text("%", timeout=PATIENCE_MS)
    region.get_by_role("button", name="Show where the model looked").click()
    heat = region.locator(".nbft-look-heat")
    expect(heat).to_be_visible(timeout=PATIENCE_MS)
