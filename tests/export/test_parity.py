"""The parity of an export: how it is counted, and where it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nbfinetune.errors import StoreError
from nbfinetune.export import Exported, Parity, parity_of
from nbfinetune.export.parity import compared, forget, keep, place

OURS = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.5], [4.0, 0.0]], np.float32)


def test_the_same_logits_agree_wholly():
    assert compared(OURS, OURS.copy()) == Parity(4, 1.0, 0.0, passed=True)


def test_another_class_counts_against_it_and_the_largest_difference_is_told():
    theirs = OURS.copy()
    theirs[2] = [1.0, 1.25]
    assert compared(OURS, theirs) == Parity(4, 0.75, 0.75, passed=False)


def test_one_image_of_a_thousand_may_differ_and_two_may_not():
    ours = np.tile(np.array([[1.0, 0.0]], np.float32), (1000, 1))
    theirs = ours.copy()
    theirs[7] = [0.0, 1.0]
    assert compared(ours, theirs).passed
    theirs[8] = [0.0, 1.0]
    assert not compared(ours, theirs).passed


@pytest.mark.parametrize("theirs", [np.full_like(OURS, np.nan), OURS[:3], OURS[:, :1]])
def test_logits_that_can_not_be_compared_agree_nowhere(theirs):
    assert compared(OURS, theirs) == Parity(4, 0.0, None, passed=False)


@pytest.mark.parametrize(
    "parity", [Parity(734, 1.0, 2e-5, passed=True), Parity(0, 0.0, None, passed=False)]
)
def test_it_is_kept_beside_the_file(tmp_path, parity):
    path = tmp_path / "model.onnx"
    keep(parity, path)
    assert parity_of(path) == parity_of(str(path)) == parity
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx.parity.json"]
    forget(path)
    forget(path)
    assert parity_of(path) is None


def test_what_is_no_parity_is_said_so(tmp_path):
    place(tmp_path / "model.onnx").write_text('{"images": 3}')
    with pytest.raises(StoreError, match="no parity of an export"):
        parity_of(tmp_path / "model.onnx")


def test_a_parity_reads_well_and_is_never_rounded_up():
    assert str(Parity(734, 1.0, 2.31e-5, passed=True)) == (
        "the same class as the run's model for 100 % of 734 validation images, "
        "logits at most 2.3e-05 apart"
    )
    assert "99.99 % of 100,000" in str(Parity(100_000, 0.99999, 0.1, passed=True))
    assert "1 validation image," in str(Parity(1, 1.0, None, passed=False))


def test_an_export_is_a_path_that_a_notebook_shows_with_its_parity(tmp_path):
    path = Exported(tmp_path / "<b>.onnx")
    assert (path, hash(path)) == (tmp_path / "<b>.onnx", hash(tmp_path / "<b>.onnx"))
    assert isinstance(path, Path)
    assert path.with_suffix(".json").parity is None
    path.parity = Parity(3, 1.0, 0.0, passed=True)
    assert "&lt;b&gt;.onnx" in path._repr_html_()
    assert "100 % of 3 validation images" in path._repr_html_()
