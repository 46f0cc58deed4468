"""Measures equal scikit-learn's, and predictions are kept whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk

from nbfinetune.errors import DataError, NonFiniteLoss, StoreError
from nbfinetune.evaluation import metrics
from nbfinetune.evaluation.metrics import (
    load_predictions,
    log_softmax,
    measure,
    roc_auc,
    save_predictions,
    top_k,
)


def outputs(images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, images - classes)])
    logits = rng.normal(size=(images, classes)).astype(np.float32)
    logits[np.arange(images), labels] += 1
    return logits, labels


def names(classes: int) -> list[str]:
    return [f"class {number}" for number in range(classes)]


@pytest.mark.parametrize(("images", "classes"), [(200, 3), (500, 10), (700, 37), (40, 6)])
def test_measures_are_scikit_learns_to_the_bit(images: int, classes: int):
    logits, labels = outputs(images, classes)
    ours = measure(logits, labels, classes=names(classes))
    predicted = logits.argmax(axis=1)
    probabilities = np.exp(log_softmax(logits))
    macro = {"average": "macro", "zero_division": 0}
    assert ours.accuracy == sk.accuracy_score(labels, predicted)
    assert ours.top5 == (sk.top_k_accuracy_score(labels, logits, k=5) if classes > 5 else 1.0)
    assert ours.precision == sk.precision_score(labels, predicted, **macro)
    assert ours.recall == sk.recall_score(labels, predicted, **macro)
    assert ours.macro_f1 == sk.f1_score(labels, predicted, **macro)
    assert ours.roc_auc == sk.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert ours.val_loss == pytest.approx(sk.log_loss(labels, probabilities), rel=1e-13)


@pytest.mark.parametrize("seed", range(20))
def test_measures_are_scikit_learns_to_the_bit_where_scores_are_equal(seed: int):
    logits, labels = outputs(60 + seed, 2 + seed % 5, seed)
    logits = np.round(logits)
    probabilities = np.exp(log_softmax(logits))
    scores = probabilities if logits.shape[1] > 2 else probabilities[:, 1]
    assert roc_auc(probabilities, labels) == sk.roc_auc_score(labels, scores, multi_class="ovr")


def test_two_classes_are_scikit_learns_binary_case():
    logits, labels = outputs(100, 2)
    ours = measure(logits, labels, classes=names(2))
    probability = np.exp(log_softmax(logits))[:, 1]
    assert ours.roc_auc == sk.roc_auc_score(labels, probability)
    assert ours.macro_f1 == sk.f1_score(labels, logits.argmax(axis=1), average="macro")
    assert ours.top5 == 1.0


def test_a_hand_made_case():
    logits = np.log([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    ours = measure(logits, np.array([0, 1, 1, 2]), classes=names(3))
    assert ours.accuracy == 0.75
    assert ours.val_loss == pytest.approx(-np.log([0.7, 0.4, 0.5, 0.7]).mean())
    assert ours.precision == pytest.approx((0.5 + 1 + 1) / 3)
    assert ours.recall == pytest.approx((1 + 0.5 + 1) / 3)
    assert ours.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert ours.roc_auc == pytest.approx(1.0)


def test_a_class_that_validation_lacks_leaves_only_the_auc_undefined():
    logits, labels = outputs(100, 4)
    present = labels != 2
    ours = measure(logits[present], labels[present], classes=names(4))
    predicted = logits[present].argmax(axis=1)
    assert ours.roc_auc is None
    assert ours.recall == sk.recall_score(
        labels[present], predicted, average="macro", zero_division=0
    )


def test_images_of_one_class_only_leave_the_auc_undefined():
    ours = measure(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 0]), classes=names(2))
    assert ours.roc_auc is None
    assert ours.accuracy == 0.5


def test_a_class_never_predicted_has_precision_zero_without_a_warning():
    logits = np.array([[2.0, 0.0, 0.0]] * 3)
    ours = measure(logits, np.array([0, 1, 2]), classes=names(3))
    assert ours.precision == pytest.approx(1 / 9)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_breaks_ties_as_scikit_learn_does(k: int):
    rng = np.random.default_rng(3)
    logits = rng.integers(0, 3, size=(300, 8)).astype(np.float32)
    labels = np.concatenate([np.arange(8), rng.integers(0, 8, 292)])
    assert top_k(logits, labels, k) == sk.top_k_accuracy_score(labels, logits, k=k)


def test_huge_logits_neither_overflow_nor_clip():
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]], dtype=np.float32)
    assert measure(logits, np.array([0, 1]), classes=names(2)).val_loss == 0.0
    assert measure(logits, np.array([1, 0]), classes=names(2)).val_loss == 1000.0


@pytest.mark.parametrize("ties", [False, True])
def test_many_scores_have_the_auc_of_scikit_learn_by_ranks(
    ties: bool, monkeypatch: pytest.MonkeyPatch
):
    logits, labels = outputs(400, 7)
    probabilities = np.exp(log_softmax(np.round(logits) if ties else logits))
    expected = roc_auc(probabilities, labels)
    monkeypatch.setattr(metrics, "MANY_SCORES", 0)
    monkeypatch.setattr(metrics, "_auc_by_curve", None)
    assert roc_auc(probabilities, labels) == pytest.approx(expected, rel=1e-13)
    two = np.exp(log_softmax(logits[:, :2]))
    binary = sk.roc_auc_score(labels % 2, two[:, 1])
    assert roc_auc(two, labels % 2) == pytest.approx(binary, rel=1e-13)


@pytest.mark.parametrize(
    ("logits", "labels", "sentence"),
    [
        (np.zeros((3, 2)), np.zeros(4, int), r"labels of shape \(4,\)"),
        (np.zeros((3, 5)), np.zeros(3, int), r"logits of shape \(3, 5\)"),
        (np.zeros(3), np.zeros(3, int), r"logits of shape \(3,\)"),
        (np.zeros((0, 2)), np.zeros(0, int), "0 images"),
        (np.zeros((2, 2)), np.array([0, 2]), "from 0 to 2"),
        (np.zeros((2, 2)), np.array([-1, 1]), "from -1 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(logits: np.ndarray, labels: np.ndarray, sentence: str):
    with pytest.raises(DataError, match=sentence):
        measure(logits, labels, classes=names(2))


def test_logits_that_are_not_finite_are_counted_and_refused():
    logits = np.zeros((4, 2))
    logits[1, 0], logits[3, 1] = np.nan, np.inf
    with pytest.raises(NonFiniteLoss, match="2 of 4 images"):
        measure(logits, np.array([0, 1, 0, 1]), classes=names(2))


@pytest.mark.parametrize("ids", [np.arange(20), ["photos/ä.jpg"] * 20])
def test_predictions_come_back_as_they_were_saved(tmp_path: Path, ids: object):
    logits, labels = outputs(20, 4)
    path = tmp_path / "best.npz"
    save_predictions(path, logits, labels, ids)
    kept = load_predictions(path)
    assert np.array_equal(kept.logits, logits)
    assert kept.logits.dtype == np.float32
    assert np.array_equal(kept.labels, labels)
    assert kept.ids.tolist() == list(ids)
    assert [found.name for found in tmp_path.iterdir()] == ["best.npz"]


def test_predictions_that_can_not_be_written_leave_the_old_ones_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    logits, labels = outputs(20, 4)
    path = tmp_path / "best.npz"
    save_predictions(path, logits, labels, np.arange(20))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metrics.np, "savez", full)
    with pytest.raises(StoreError, match="No space left on device"):
        save_predictions(path, logits + 1, labels, np.arange(20))
    assert np.array_equal(load_predictions(path).logits, logits)
    assert [found.name for found in tmp_path.iterdir()] == ["best.npz"]


def test_objects_are_never_pickled(tmp_path: Path):
    logits, labels = outputs(20, 4)
    with pytest.raises(StoreError, match="ids holds Python objects"):
        save_predictions(tmp_path / "best.npz", logits, labels, np.array([{}] * 20))


def test_damaged_missing_or_pickled_predictions_are_refused(tmp_path: Path):
    path = tmp_path / "best.npz"
    with pytest.raises(StoreError, match=r"best\.npz"):
        load_predictions(path)
    logits, labels = outputs(20, 4)
    save_predictions(path, logits, labels, np.arange(20))
    whole = path.read_bytes()
    for damaged in (whole[:100], b"", b"not a zip file at all", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="evaluate the run again"):
            load_predictions(path)
    np.savez(path, logits=np.array([{}], dtype=object), labels=labels, ids=labels)
    with pytest.raises(StoreError, match="evaluate the run again"):
        load_predictions(path)


@pytest.mark.parametrize("module", ["torch", "sklearn"])
def test_measuring_needs_neither_torch_nor_scikit_learn(module: str):
    code = f"import sys, nbfinetune.evaluation.report; print({module!r} in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_what_every_epoch_measures_needs_neither_pandas_nor_scikit_learn():
    code = (
        "import sys, nbfinetune.evaluation.metrics; print({'pandas', 'sklearn'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
