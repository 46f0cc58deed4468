"""The notebooks run as they are, from the first cell to the last, against a real worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"


def executed(name: str, place: Path, **values: str) -> nbformat.NotebookNode:
    """Run a notebook in a folder, with some of its constants set."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    for cell in notebook.cells:
        for constant, value in values.items():
            if cell.source.startswith(f"{next(iter(values))} ="):
                cell.source += f"\n{constant} = {value!r}"
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(place)}}, kernel_name="python3"
    )
    return client.execute(env={**os.environ, "PYTHONWARNINGS": "default"})


def texts(notebook: nbformat.NotebookNode) -> str:
    """Everything that the cells gave as text."""
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    return "\n".join(str(o.get("data", {}).get("text/plain", "")) for o in outputs)


def html(notebook: nbformat.NotebookNode) -> str:
    outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    return "\n".join(str(o.get("data", {}).get("text/html", "")) for o in outputs)


@pytest.mark.filterwarnings("default")
@pytest.mark.slow
def test_the_quickstart_runs_without_a_network_and_keeps_its_result(tmp_path: Path) -> None:
    done = executed("01_quickstart.ipynb", tmp_path)
    assert "'9'" in texts(done)
    saved = html(done)
    assert "data:image/svg+xml;base64," in saved
    assert "macro f1" in saved


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_photos_are_learnt_from_given_weights(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    photos = shared_data("tf_flowers_mini.zip")
    weights = shared_data("weights/mobilenetv2_100.in1k_dropin.safetensors")
    done = executed("02_your_own_photos.ipynb", tmp_path, PHOTOS=str(photos), WEIGHTS=str(weights))
    assert (tmp_path / "photos.safetensors").is_file()
    assert "accuracy" in texts(done)
