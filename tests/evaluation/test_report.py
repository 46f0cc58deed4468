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
    columns = sk.precision_recall_fscore_support(
        evaluation.labels, evaluation.predicted, labels=[0, 1, 2], zero_division=0
    )
    assert list(evaluation.per_class.columns) == ["precision", "recall", "f1", "support"]
    assert np.array_equal(evaluation.per_class.to_numpy(), np.stack(columns, axis=1))
    assert evaluation.per_class["support"].tolist() == [1, 3, 1]


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
    ]
    assert frame.loc["accuracy", "value"] == 0.4
    assert frame["value"].dtype == "float64"


def test_an_undefined_auc_is_said_and_not_hidden():
    lacking = Evaluation.from_logits(np.eye(3)[:2], np.array([0, 1]), CLASSES)
    assert "ROC-AUC undefined" in repr(lacking)
    assert "undefined" in lacking._repr_html_()
    assert pd.isna(lacking.to_frame().loc["roc_auc", "value"])


def test_its_text_is_one_line_and_its_html_is_escaped(evaluation: Evaluation):
    assert repr(evaluation) == (
        "Evaluation of 5 images, 3 classes: accuracy 0.4000, top5 1.0000, macro F1 0.3889, "
        f"ROC-AUC {evaluation.roc_auc:.4f}, loss {evaluation.loss:.4f}"
    )
    html = evaluation._repr_html_()
    assert "&lt;b&gt;owl&lt;/b&gt;" in html
    assert "<b>owl</b>" not in html
    assert html.index("dog") < html.index("cat")


def test_names_that_do_not_fit_are_refused(evaluation: Evaluation):
    with pytest.raises(DataError, match="2 names were given for 5 images"):
        Evaluation.from_logits(evaluation.logits, evaluation.labels, CLASSES, ["a", "b"])
