"""An evaluation tells its figures, its mistakes, and what it can't tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

from nbfinetune.errors import DataError
from nbfinetune.evaluation.metrics import measure
from nbfinetune.evaluation.report import Evaluation

CLASSES = ("cat", "dog", "<b>owl</b>")


@pytest.fixture
def evaluation() -> Evaluation:
    logits = np.log(
        [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.05, 0.05, 0.9], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]
    )
    labels = np.array([0, 1, 1, 2, 1])
    return Evaluation.from_logits(logits, labels, CLASSES, [f"photos/{i}.jpg" for i in range(5)])


def test_its_figures_are_the_measures(evaluation: Evaluation):
    measures = measure(evaluation.logits, evaluation.labels, classes=CLASSES)
    assert evaluation.accuracy == measures.accuracy == 0.4
    assert evaluation.loss == measures.val_loss
    for name in ("top5", "precision", "recall", "macro_f1", "roc_auc"):
        assert getattr(evaluation, name) == getattr(measures, name)


def test_confusion_counts_labels_in_rows_and_predictions_in_columns(evaluation: Evaluation):
    assert evaluation.confusion.loc["dog"].to_dict() == {"cat": 2, "dog": 0, "<b>owl</b>": 1}
    assert evaluation.confusion.to_numpy().sum() == len(evaluation) == 5
    assert (evaluation.confusion.index.name, evaluation.confusion.columns.name) == (
        "label",
        "predicted",
    )


def test_each_class_has_scikit_learns_figures(evaluation: Evaluation):
    labels, probabilities = evaluation.labels, evaluation.probabilities
    columns = sk.precision_recall_fscore_support(
        labels, evaluation.predicted, labels=[0, 1, 2], zero_division=0
    )
    frame = evaluation.per_class
    assert np.array_equal(
        frame[["precision", "recall", "f1", "support"]].to_numpy(), np.stack(columns, axis=1)
    )
    assert frame["support"].tolist() == [1, 3, 1]
    for c, name in enumerate(CLASSES):
        positive, scores = labels == c, probabilities[:, c]
        assert frame.loc[name, "roc_auc"] == sk.roc_auc_score(positive, scores)
        assert frame.loc[name, "average_precision"] == sk.average_precision_score(positive, scores)


def test_the_most_confident_mistake_comes_first(evaluation: Evaluation):
    mistakes = evaluation.mistakes(2)
    assert mistakes["name"].tolist() == ["photos/2.jpg", "photos/1.jpg"]
    assert mistakes.iloc[0].tolist() == ["photos/2.jpg", "dog", "<b>owl</b>", pytest.approx(0.9)]
    assert len(evaluation.mistakes()) == 3


def test_a_faultless_model_has_no_mistakes():
    perfect = Evaluation.from_logits(np.eye(3) * 9, np.arange(3), CLASSES)
    assert perfect.mistakes().empty
    assert list(perfect.mistakes().columns) == ["name", "label", "predicted", "probability"]


def test_images_without_names_go_by_their_place(evaluation: Evaluation):
    nameless = Evaluation.from_logits(evaluation.logits, evaluation.labels, CLASSES)
    assert nameless.mistakes(1)["name"].tolist() == ["2"]


def test_the_frame_has_one_number_per_measure(evaluation: Evaluation):
    frame = evaluation.to_frame()
    assert frame.index.tolist() == [
        "loss",
        "accuracy",
        "top5",
        "precision",
        "recall",
        "macro_f1",
        "roc_auc",
        "balanced_accuracy",
    ]
    assert frame.loc["accuracy", "value"] == 0.4
    assert frame.dtypes.tolist() == ["float64"] * 3
    assert frame.loc["accuracy", ["low", "high"]].tolist() == list(evaluation.interval("accuracy"))
    assert evaluation.to_frame(level=None).columns.tolist() == ["value"]


def test_a_class_that_validation_lacks_has_no_auc_and_that_is_said():
    logits = np.array([[2.0, 0, 0], [0, 2, 0], [0, 3, 0]])
    lacking = Evaluation.from_logits(logits, np.array([0, 1, 0]), CLASSES)
    areas = lacking.per_class["roc_auc"]
    assert areas.isna().tolist() == [False, False, True]
    assert lacking.measures.roc_auc is None
    assert lacking.roc_auc == areas[:2].mean() == 0.5
    assert f"{lacking.roc_auc:.4f} (of 2 classes)" in repr(lacking)
    assert lacking.per_class["average_precision"].isna().tolist() == [False, False, True]
    assert "No image here shows <b>owl</b>" in lacking.notes[0]
    assert "No image here shows &lt;b&gt;owl" in lacking._repr_html_()
    with pytest.raises(DataError, match="no image here shows '<b>owl</b>'"):
        lacking.roc_curve("<b>owl</b>")


def test_one_image_has_figures_and_no_auc():
    alone = Evaluation.from_logits(np.eye(3)[:1], np.array([0]), CLASSES)
    assert alone.roc_auc is None
    assert "ROC-AUC undefined" in repr(alone)
    assert "undefined" in alone._repr_html_()
    assert alone.notes == ("Every image here shows cat, so no class has a ROC curve or an AUC.",)
    assert pd.isna(alone.to_frame().loc["roc_auc", "value"])
    assert alone.interval("accuracy")[0] < 0.5
    assert alone.calibration().table["images"].sum() == 1
    for ask in (alone.roc_curve, alone.precision_recall_curve):
        with pytest.raises(DataError, match="every image here shows 'cat'"):
            ask("cat")
    with pytest.raises(DataError, match=r"roc_auc is undefined here.*Every image here shows cat"):
        alone.interval("roc_auc")


def test_its_text_is_one_line_and_its_html_is_escaped(evaluation: Evaluation):
    assert repr(evaluation) == (
        "Evaluation of 5 images, 3 classes: accuracy 0.4000, top5 1.0000, macro F1 0.3889, "
        f"ROC-AUC {evaluation.roc_auc:.4f}, loss {evaluation.loss:.4f}"
    )
    html = evaluation._repr_html_()
    assert "&lt;b&gt;owl&lt;/b&gt;" in html
    assert "<b>owl</b>" not in html
    assert html.index(">dog<") < html.index(">cat<")
    assert "http" not in html
    assert "<script" not in html


def test_the_least_certain_image_comes_first(evaluation: Evaluation):
    frame = evaluation.least_certain(2)
    assert frame["name"].tolist() == ["photos/4.jpg", "photos/1.jpg"]
    assert frame["probability"].tolist() == pytest.approx([0.5, 0.6])


def test_a_cell_of_the_confusion_matrix_has_its_images_the_most_confident_first(
    evaluation: Evaluation,
):
    assert evaluation.images_of("dog", "cat") == ["photos/1.jpg", "photos/4.jpg"]
    assert evaluation.images_of("cat", "dog") == []
    with pytest.raises(DataError, match="no class 'dgo'; closest: dog"):
        evaluation.images_of("dgo", "cat")


def test_many_classes_leave_the_confusion_matrix_to_the_frame():
    many = Evaluation.from_logits(np.eye(60), np.arange(60), [f"class {c}" for c in range(60)])
    html = many._repr_html_()
    assert "by label and predicted" not in html
    assert "and 10 classes with a higher F1" in html


def test_names_that_do_not_fit_are_refused(evaluation: Evaluation):
    with pytest.raises(DataError, match="2 names were given for 5 images"):
        Evaluation.from_logits(evaluation.logits, evaluation.labels, CLASSES, ["a", "b"])
    with pytest.raises(DataError, match="3 ids were given for 5 images"):
        Evaluation.from_logits(
            evaluation.logits, evaluation.labels, CLASSES, ids=np.array([1, 2, 3])
        )
