"""`EvaluationView` without a browser: runs on record, real files, the page's messages by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chart_runs import progress, started
from fold_runs import fold_run
from photo_sets import photos
from reviewed_runs import array_set, begun_run, reviewed_run, say
from slider_parts import until

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.errors import ConfigError, RunError
from nbfinetune.evaluation.report import Evaluation
from nbfinetune.evaluation.stored import stored_evaluation
from nbfinetune.records import Exclude, MoveTo, Relabel, RunFinished
from nbfinetune.runner.cross_validation import CrossValidation
from nbfinetune.runner.run import Run
from nbfinetune.store import RunStore
from nbfinetune.store.layout import checkpoint, predictions
from nbfinetune.widgets.dataset_preview import DatasetPreview
from nbfinetune.widgets.evaluation_view import EvaluationView


def evaluated(run: Run) -> Evaluation:
    found = stored_evaluation(run.path)
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return photos(tmp_path / "photos", {"cats": 30, "dogs": 30, "owls": 30})


@pytest.fixture
def run(folder: Path) -> Run:
    return reviewed_run(folder)


def right(index: ImageIndex, ids: np.ndarray) -> np.ndarray:
    """Logits of a model that is never wrong."""
    return 5.0 * np.eye(len(index.classes), dtype=np.float32)[index.labels[ids]]


# ---- figures ----


def test_figures_are_there_at_once_and_those_of_the_evaluation(open_page, run) -> None:
    page = open_page(run)
    assert page.view.state["phase"] == "ready"
    assert page.figure("accuracy")["value"] == pytest.approx(evaluated(run).accuracy, abs=1e-6)
    assert page.view.confusion["classes"] == ["cats", "dogs", "owls"]
    evaluation = page.deep().view.evaluation
    for figure in page.view.figures:
        if figure["name"] != "ece":
            value = getattr(evaluation, figure["name"])
            assert figure["value"] == pytest.approx(value, abs=1e-6)
            assert figure["low"] <= figure["value"] <= figure["high"]
    assert page.view.calibration["ece"] == pytest.approx(evaluation.calibration().ece, abs=1e-6)
    assert "top5" not in {figure["name"] for figure in page.view.figures}


def test_the_confusion_counts_every_image_once(open_page, run) -> None:
    confusion = open_page(run).view.confusion
    table = evaluated(run).confusion.to_numpy()
    assert {(a, b): n for a, b, n in confusion["cells"]} == {
        (int(a), int(b)): int(table[a, b]) for a, b in np.argwhere(table)
    }
    assert confusion["words"] == "6 of 18 images are taken for another class"


def test_the_class_that_needs_help_most_comes_first(open_page, folder) -> None:
    def owls_are_dogs(index, ids):
        return np.eye(3, dtype=np.float32)[np.minimum(index.labels[ids], 1)]

    page = open_page(reviewed_run(folder, owls_are_dogs)).deep()
    number, precision, recall, f1, support, area, worst = page.view.per_class[0]
    assert (number, precision, recall, f1, support, worst) == (2, None, 0.0, 0.0, 6, [1, 6])
    assert area == 0.5
    assert page.view.per_class[-1][0] == 0


def test_a_class_that_validation_lacks_has_no_area_and_the_view_says_so(open_page, folder) -> None:
    owls = [MoveTo(item=f"owls/{number:03}.jpg", part="train") for number in range(30)]
    run = reviewed_run(folder, settings={"edits": owls})
    page = open_page(run).deep()
    assert page.view.notes == list(evaluated(run).notes) != []
    assert "owls" in page.view.notes[0]
    row = page.view.per_class[-1]
    assert row == [2, row[1], None, None, 0, None, None]
    assert page.figure("roc_auc")["note"] == "the mean of the 2 classes that have one"


def test_one_image_is_an_evaluation(open_page, tmp_path) -> None:
    data = photos(tmp_path / "few", {"cats": 4, "dogs": 4})
    items = [f"{name}/{number:03}.jpg" for name in ("cats", "dogs") for number in range(4)]
    edits = [MoveTo(item=item, part="train") for item in items[1:]]
    run = reviewed_run(data, settings={"edits": [*edits, MoveTo(item=items[0], part="val")]})
    page = open_page(run).deep()
    assert page.view.about["total"] == 1
    assert page.figure("roc_auc")["value"] is None
    assert "Every image here shows cats" in page.figure("roc_auc")["note"]
    assert len(page.rows()) == 1


def test_of_many_classes_the_most_confused_are_shown(open_page) -> None:
    images = np.zeros((600, 8, 8), np.uint8)
    labels = [f"class {number:03}" for number in range(120)] * 5

    def only_seven_and_nine_are_mixed(index, ids):
        told = np.where(index.labels[ids] == 7, 9, index.labels[ids])
        return np.eye(120, dtype=np.float32)[told]

    page = open_page(reviewed_run((images, labels), only_seven_and_nine_are_mixed))
    confusion = page.view.confusion
    assert (confusion["of"], len(confusion["classes"])) == (120, 40)
    assert {"class 007", "class 009"} <= set(confusion["classes"])
    assert confusion["words"].startswith("The 40 classes of 120 that are confused most; 1 of 120")
    assert page.figure("top5")["value"] > 0.99


def test_the_pairs_that_are_confused_most_are_among_the_classes_on_show(open_page) -> None:
    labels = [f"class {number:03}" for number in range(120)] * 20

    def mixed_evenly_but_for_one_pair(index, ids):
        rank = pd.Series(index.labels[ids]).groupby(index.labels[ids]).cumcount().to_numpy()
        told = (index.labels[ids] + 1 + rank) % 120
        told = np.where(index.labels[ids] == 100, 50, told)
        return np.eye(120, dtype=np.float32)[told]

    images = np.zeros((2400, 8, 8), np.uint8)
    confusion = open_page(
        reviewed_run((images, labels), mixed_evenly_but_for_one_pair)
    ).view.confusion
    label, predicted, count = max(confusion["cells"], key=lambda cell: cell[2])
    assert confusion["classes"][label] == "class 100"
    assert confusion["classes"][predicted] == "class 050"
    assert count == 4


# ---- which images ----


def test_a_cell_shows_its_images_the_surest_first(open_page, run) -> None:
    page = open_page(run)
    assert page.ask("show", {"group": "cell", "label": "cats", "predicted": "dogs"}) == ""
    rows = page.rows()
    assert len(rows) == page.view.on_show["shown"] == 2
    evaluation = evaluated(run)
    names = evaluation.images_of("cats", "dogs")
    assert [Path(name).name for name in names] == [Path(row[1]).name for row in rows]
    assert {(row[2], row[5]) for row in rows} == {(0, 1)}
    assert rows[0][6] > rows[1][6]


def test_mistakes_and_least_certain_are_those_of_the_evaluation(open_page, run) -> None:
    view, evaluation = open_page(run).view, evaluated(run)
    root = Path(evaluation.names[0]).parents[1]
    for group, frame in (
        ("mistakes", evaluation.mistakes(99)),
        ("uncertain", evaluation.least_certain(99)),
    ):
        view.show(group)
        shown = [str(root / row[1]) for row in view._gallery.rows(0, 99)]
        assert shown == frame["name"].tolist()
    view.show("mistakes", label="dogs")
    assert {row[2] for row in view._gallery.rows(0, 99)} == {1}
    view.show(label="owls")
    assert view.on_show["query"] == {"group": "all", "label": "owls", "predicted": ""}
    assert view.on_show["shown"] == 6


def test_mistakes_are_on_show_at_first_and_all_images_where_there_are_none(
    open_page, run: Run, folder: Path
) -> None:
    assert open_page(run).view.on_show["query"]["group"] == "mistakes"
    assert open_page(reviewed_run(folder, right)).view.on_show["query"]["group"] == "all"


def test_an_opened_image_has_its_best_classes(open_page, run) -> None:
    page = open_page(run)
    page.view.show("all")
    assert page.ask("open", {"place": 0}) == ""
    opened = next(c for c, _ in page.heard if c.get("kind") == "opened")
    probabilities = evaluated(run).probabilities[0]
    assert [number for number, _ in opened["scores"]] == np.argsort(-probabilities).tolist()
    assert sum(p for _, p in opened["scores"]) == pytest.approx(1.0, abs=1e-5)
    assert (opened["width"], opened["height"]) == (48, 36)
    assert page.picture(f"whole {opened['row'][0]}")[1] == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("show", {"group": "moon"}),
        ("show", {"label": "cows"}),
        ("show", {"group": "cell", "label": "cats"}),
        ("show", {"group": "all", "sort": "upwards"}),
        ("show", "mistakes"),
        ("look", {"view": "v", "first": -1, "last": 3}),
        ("look", None),
        ("open", {"place": 5_000}),
        ("edit", {"do": "exclude", "image": 99_999}),
        ("edit", {"do": "relabel", "image": 1, "label": "cows"}),
        ("edit", {"do": "suggested", "image": 1}),
        ("edit", {"do": "exclude"}),
        ("explain", {"image": 99_999}),
        ("explain", {"image": 1, "target": "cows"}),
        ("explain", {"image": 1, "method": "guess"}),
        ("explain", {"image": 1}),
        ("find errors", None),
        ("train again", None),
        ("undo", None),
        ("../../etc/passwd", None),
    ],
)
def test_nonsense_is_answered_with_a_sentence_and_changes_nothing(
    open_page, run, name, value
) -> None:
    page = open_page(run)
    before = (page.view.on_show["query"], page.view.edits, page.view.again)
    sentence = page.ask(name, value)
    assert len(sentence) > 15
    assert "Error" not in sentence
    assert (page.view.on_show["query"], page.view.edits, page.view.again) == before


def test_an_image_that_was_deleted_since_says_so_and_the_others_stay(open_page, run) -> None:
    page = open_page(run)
    gone, other = page.rows()[:2]
    Path(run.config.data.source.path, gone[1]).unlink()
    assert page.picture(f"photo {other[0]}")[1] == ""
    page.ask("open", {"place": 0})
    assert "no such file" in page.picture(f"whole {gone[0]}")[1].lower()


def test_images_in_memory_are_shown_too(open_page) -> None:
    page = open_page(reviewed_run(array_set()))
    image = page.rows(0, 1)[0]
    assert page.picture(f"photo {image[0]}")[0][:4] == b"\x89PNG"


# ---- edits ----


def test_an_edit_here_is_one_in_the_preview_and_the_other_way_round(open_page, run, folder) -> None:
    page = open_page(run)
    preview = DatasetPreview(folder)
    try:
        preview._await_images()
        item = page.rows(0, 1)[0][1]
        page.view.relabel(item, "dogs")
        until(lambda: preview.last_edit["count"] == 1)
        assert preview.edits == page.view.edits == (Relabel(item=item, label="dogs"),)
        assert page.rows(0, 1)[0][2:6:2] == [1, 1]
        preview.exclude(item)
        until(lambda: page.view.last_edit["count"] == 2)
        assert page.rows(0, 1)[0][4] == 1 | 4
        page.view.undo()
        until(lambda: preview.last_edit["count"] == 1)
    finally:
        preview.close()


def test_edits_stay_when_another_class_or_page_is_shown(open_page, run) -> None:
    page = open_page(run)
    item = page.rows(0, 1)[0][1]
    page.view.exclude(item)
    page.view.show(label="owls")
    page.view.show("mistakes")
    again = open_page(run)
    assert again.view.edits == page.view.edits == (Exclude(item=item),)
    assert again.rows(0, 1)[0][4] == 4


def test_edits_that_the_run_did_not_have_can_be_trained_on(open_page, run) -> None:
    view = open_page(run).view
    assert view.again["state"] == "none"
    items = [row[1] for row in view._gallery.rows(0, 2)]
    view.exclude(items)
    assert (view.again["state"], view.again["words"]) == ("ready", "Train again with 2 edits")
    view.undo()
    assert view.again["state"] == "none"


def test_edits_that_the_run_had_are_no_news(open_page, folder) -> None:
    edits = [Exclude(item="cats/000.jpg")]
    run = reviewed_run(folder, settings={"edits": edits})
    view = open_page(run).view
    assert view.again == {"state": "ready", "words": "Train again with 1 edit", "run": ""}
    view.exclude("cats/000.jpg")
    assert view.again["state"] == "none"


def test_the_selection_says_what_was_predicted(open_page, run) -> None:
    page = open_page(run)
    page.view.show("cell", label="cats", predicted="dogs")
    page.ask("select", {"first": 0, "last": 0, "mode": "only"})
    (row,) = page.view.selection.to_dict("records")
    assert (row["label"], row["predicted"], row["split"]) == ("cats", "dogs", "val")
    assert row["probability"] == page.rows()[0][6]


# ---- label errors ----


def test_label_errors_of_folds_are_listed_and_relabelled_as_suggested(open_page, home) -> None:
    folds = CrossValidation(tuple(fold_run(home, fold) for fold in range(3)), 3)
    page = open_page(folds)
    view = page.view
    view.find_label_errors()
    until(lambda: view.errors["state"] == "done")
    frame = folds.label_errors()
    listed = frame[(frame["score"] > 0.5) | frame["likely"]]
    assert view.errors["listed"] == len(listed) > 0
    assert view.errors["likely"] == int(frame["likely"].sum())
    view.show("label_errors")
    rows = page.rows()
    assert [row[0] for row in rows] == listed.index.tolist()
    assert view.confusion["classes"][rows[0][7]] == listed["suggested"].iloc[0]
    assert rows[0][8] == pytest.approx(listed["score"].iloc[0], abs=1e-4)
    page.ask("select", {"first": 0, "last": 1, "mode": "only"})
    assert page.ask("edit", {"do": "suggested"}) == ""
    suggested = zip(rows[:2], listed["suggested"], strict=False)
    assert {edit.item: edit.label for edit in view.edits} == {row[1]: n for row, n in suggested}
    assert view.again["state"] == "none"
    assert "cross_validate" in page.ask("train again")


def test_a_cross_validation_shows_every_image_by_the_fold_that_held_it_out(open_page, home) -> None:
    folds = CrossValidation(tuple(fold_run(home, fold) for fold in range(3)), 3)
    page = open_page(folds)
    assert page.view.evaluation.accuracy == folds.evaluate().accuracy
    page.view.show("all")
    assert page.view.about["total"] == len(page.rows()) == 60
    review = page.view._reviewed()
    for image in (0, 1, 2, 30):
        assert image in load_val(review.run_of(image))


def load_val(run: Run) -> list[int]:
    from nbfinetune.data.index import load_index

    return load_index(run.path / "index.json").val.tolist()


# ---- runs that are not over ----


def test_a_run_without_a_model_says_so_and_takes_the_first_by_itself(open_page, folder) -> None:
    run = begun_run(folder)
    with RunStore.open(run.path) as store:
        store.claim(os.getpid())
        store.append([started()])
        page = open_page(run)
        assert page.view.state["phase"] == "failed"
        assert "no best model to evaluate yet" in page.view.state["words"]
        assert "no best model" in page.ask("train again")
        with pytest.raises(RunError, match="no best model"):
            _ = page.view.evaluation
        say(run)
        store.append([*progress(1, 100)])
        until(lambda: page.view.state["phase"] == "ready")
    assert page.figure("accuracy")["value"] > 0.5


def test_a_run_that_trains_on_says_when_it_has_a_better_model(open_page, folder) -> None:
    run = begun_run(folder)
    say(run)
    with RunStore.open(run.path) as store:
        store.claim(os.getpid())
        store.append([started(), *progress(1, 100)])
        page = open_page(run)
        until(lambda: page.view.state["words"] == "Best of 1 epoch so far; the run trains on")
        assert page.figure("accuracy")["value"] < 1
        say(run, lambda index, ids: np.eye(3, dtype=np.float32)[index.labels[ids]])
        store.append([*progress(101, 200)])
        until(lambda: page.view.state["newer"])
        assert page.figure("accuracy")["value"] < 1, "what is looked at does not change by itself"
        assert page.ask("renew") == ""
        until(lambda: page.figure("accuracy")["value"] == 1)
        assert not page.view.state["newer"]
        store.append([RunFinished(step=200, reason="completed", best_epoch=2)])
        until(lambda: page.view.state["words"] == "")


def test_a_run_that_ended_without_an_epoch_is_no_evaluation(open_page, folder) -> None:
    run = begun_run(folder)
    page = open_page(run)
    assert page.view.state["phase"] == "failed"
    assert page.view.figures == []
    assert page.rows() == []


def test_predictions_that_are_damaged_or_gone_are_named_with_the_remedy(open_page, run) -> None:
    path = predictions(run.path)
    path.write_bytes(b"PK")
    assert str(path) in open_page(run).view.state["words"]
    path.unlink()
    checkpoint(run.path, "best").touch()
    words = open_page(run).view.state["words"]
    assert str(path) in words
    assert "EvaluationView(run, data)" in words


def test_what_can_not_be_evaluated_is_refused_in_words(folder, run, home) -> None:
    with pytest.raises(ConfigError, match="a int can't be evaluated"):
        EvaluationView(3)
    folds = CrossValidation((fold_run(home, 0),), 3)
    with pytest.raises(ConfigError, match="not with a cross-validation"):
        EvaluationView(folds, folder)
    with pytest.raises(RunError, match="no fold has begun"):
        EvaluationView(CrossValidation((), 3))


# ---- the kernel ----


def test_a_view_needs_no_torch_and_lists_no_folder(run) -> None:
    code = (
        "import sys, pathlib\n"
        "from nbfinetune.widgets.evaluation_view import EvaluationView\n"
        f"view = EvaluationView({run.id!r})\n"
        "assert view.evaluation.accuracy > 0.5\n"
        "print({'torch', 'timm', 'sklearn'} & set(sys.modules))\n"
        "view.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_thread_outlives_a_view(open_page, run, folder) -> None:
    before = set(threading.enumerate())
    page = open_page(run).deep()
    page.picture(f"photo {page.rows(0, 1)[0][0]}")
    page.view.close()
    until(lambda: set(threading.enumerate()) <= before)


def test_state_is_plain_json(open_page, run) -> None:
    view = open_page(run).deep().view
    state = {key: view.get_state(key)[key] for key in view.keys if not key.startswith("_")}
    state.pop("layout", None)
    assert json.loads(json.dumps(state, allow_nan=False)) == state


# ---- beside another run ----


def test_a_run_is_compared_with_the_one_before_or_why_not_is_said(
    open_page, run: Run, folder: Path, tmp_path: Path
) -> None:
    better = open_page(reviewed_run(folder, right), before=run)
    until(lambda: better.view.differs["words"])
    assert better.view.differs["words"].startswith(
        "On the 18 images that both have: accuracy 0.667 → 1"
    )
    others = photos(tmp_path / "others", {"cars": 20, "bikes": 20})
    odd = open_page(reviewed_run(others), before=run)
    until(lambda: odd.view.differs["words"])
    assert odd.view.differs["words"].startswith(f"not compared with {run.id}: the classes differ")
