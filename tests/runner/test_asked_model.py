"""A run's model in a real process: what it answers, what ends it, and what it survives."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.datasets import load_digits

import nbfinetune as nf
from nbfinetune.data.sources import accept
from nbfinetune.errors import ConfigError, RunError, StoreError
from nbfinetune.records import Named
from nbfinetune.runner import kept_label_errors, standby
from nbfinetune.runner.asked_model import AskedModel, DrawnMap, Question
from nbfinetune.runner.priority import NICENESS
from nbfinetune.runner.run import Run
from nbfinetune.store.layout import checkpoint, database, label_errors, predictions
from nbfinetune.store.liveness import started_at

DEADLINE_S = 120
IMAGES = 1797


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on digits that is over; its folder is to be left as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBFINETUNE_HOME", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("NBFINETUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        run = nf.fine_tune(
            "digits", model="factories:unhurried", pretrained=False, epochs=2, image_size=32,
            batch_size=32, lr=1e-2, device="cpu", threads=1, loader_threads=1,
        )  # fmt: skip
        return run.wait(progress=False, timeout_s=DEADLINE_S)


@pytest.fixture
def run(trained: Run, home: Path) -> Run:
    """A copy of it."""
    return Run(Path(shutil.copytree(trained.path, home / trained.id)))


@pytest.fixture(scope="module")
def asked(trained: Run) -> Iterator[AskedModel]:
    """One process for all questions that leave it and the run as they are."""
    model = AskedModel(trained)
    yield model
    model.close()


@pytest.fixture
def asking(run: Run) -> Iterator[AskedModel]:
    """A process of a test's own."""
    model = AskedModel(run)
    yield model
    model.close()


def result(question: Question) -> Any:
    assert question.wait(DEADLINE_S)
    assert (question.status, question.error) == ("done", "")
    return question.result


def sentence(question: Question) -> str:
    assert question.wait(DEADLINE_S)
    assert question.status == "failed"
    return question.error


def written(folder: Path, count: int) -> list[Path]:
    """The first digits as files."""
    paths = [folder / f"{number}.png" for number in range(count)]
    for path, pixels in zip(paths, load_digits().images, strict=False):
        Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8)).save(path)
    return paths


def test_images_of_the_run_and_files_are_predicted_as_the_run_predicts_them(
    asked: AskedModel, trained: Run, tmp_path: Path
) -> None:
    files = written(tmp_path, 40)
    told = result(asked.predict([*range(40), *files]))
    expected = trained.predict(files)
    classes = list(expected.columns[2:])
    assert [one.image for one in told] == [*range(40), *files]
    for half in (told[:40], told[40:]):
        assert [one.label for one in half] == list(expected["label"])
        assert np.allclose([one.probabilities for one in half], expected[classes], atol=1e-6)


def test_what_cannot_be_read_has_a_reason_and_the_others_their_answer(
    asked: AskedModel, tmp_path: Path
) -> None:
    broken, gone = tmp_path / "broken.jpg", tmp_path / "gone.jpg"
    broken.write_bytes(b"no image")
    parts: list[list[Any]] = []
    question = asked.predict([broken, 5, gone, IMAGES, *range(60)], parts.append)
    assert result(question) == []
    assert (question.done, question.of) == (64, 64)
    assert len(parts) > 1
    told = [one for part in parts for one in part]
    assert len(told) == 64
    assert [one.label == "" for one in told] == [True, False, True, True, *[False] * 60]
    assert all(bool(one.reason) is (one.probabilities == ()) for one in told)
    assert "broken.jpg" in told[0].reason
    assert "No such file" in told[2].reason
    assert f"numbered from 0 to {IMAGES - 1}" in told[3].reason


def test_a_map_is_drawn_over_its_image_and_a_question_that_fails_leaves_the_process(
    asked: AskedModel, tmp_path: Path, until: Callable[..., None]
) -> None:
    found = result(asked.heat_map(7))
    child = asked._child
    until(lambda: psutil.Process(child.pid).nice() >= NICENESS)
    assert isinstance(found, DrawnMap)
    assert found.method == "grad_cam"
    assert 0.1 <= found.probability <= 1
    over, plain = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in found[:2])
    assert over.shape == plain.shape
    assert (over != plain).any()
    assert plain.reshape(-1, 3).std() > 0
    other = result(asked.heat_map(7, target="3", method="eigen_cam"))
    assert (other.class_name, other.method) == ("3", "eigen_cam")
    assert "no class of the run" in sentence(asked.heat_map(7, target="rose"))
    assert "method is 'guess'" in sentence(asked.heat_map(7, method="guess"))
    assert "numbered from 0" in sentence(asked.heat_map(-1))
    assert "gone.png" in sentence(asked.heat_map(tmp_path / "gone.png"))
    assert "ViTs" in sentence(asked.heat_map(7, method="attention_rollout"))
    with pytest.raises(ConfigError, match="a ndarray can't be asked about"):
        asked.heat_map(np.zeros((8, 8)))
    result(asked.heat_map(8))
    assert asked._child is child


def test_an_answer_that_nobody_can_take_ends_its_question_alone(asked: AskedModel) -> None:
    def full(_: object) -> None:
        raise StoreError("the disk is full; make room")

    assert sentence(asked.predict(range(IMAGES), full)) == "the disk is full; make room"
    assert len(result(asked.predict([1]))) == 1
    assert result(asked.predict([])) == []


@pytest.mark.slow
def test_label_errors_can_be_cancelled_while_a_map_is_drawn_and_are_kept_when_found(
    asking: AskedModel, run: Run, until: Callable[..., None]
) -> None:
    ended: list[str] = []
    maps: list[Question] = []
    question = asking.label_errors()

    def look() -> None:
        if question.done and not maps:
            maps.append(asking.heat_map(3))
            maps[0].on_change(lambda: maps[0].wait(0) and ended.append("map"))
            maps[0].on_change(lambda: maps[0].wait(0) and question.cancel())
        if question.status == "cancelled":
            ended.append("label errors")

    question.on_change(look)
    assert question.wait(DEADLINE_S)
    result(maps[0])
    assert (question.status, question.of) == ("cancelled", IMAGES)
    until(lambda: ended == ["map", "label errors"])  # who waits may be first to know
    assert 0 < question.done < IMAGES
    assert not label_errors(run.path).exists()

    seen: list[tuple[str, bool]] = []
    whole = asking.label_errors()
    whole.on_change(lambda: seen.append((whole.progress, label_errors(run.path).exists())))
    found = result(whole)
    # Nothing is kept until then: what was cancelled was not gone on with.
    assert any(told.endswith(" of 1,797 images") and not kept for told, kept in seen)
    assert ("judging the labels", False) in seen
    until(lambda: seen[-1] == ("", True))
    assert sorted(found.index) == list(range(IMAGES))
    assert found.equals(run.label_errors())
    again = asking.label_errors()
    assert again.status == "done"
    assert again.result.equals(found)


@pytest.mark.slow
def test_a_killed_process_is_told_and_the_next_question_has_another(
    asking: AskedModel, run: Run
) -> None:
    lost = asking.label_errors(), asking.predict(range(IMAGES))
    killed: list[int] = []

    def kill() -> None:
        if lost[0].done and not killed:
            killed.append(asking._child.pid)
            os.kill(killed[0], signal.SIGKILL)

    lost[0].on_change(kill)
    unwanted = asking.measure(Named(name="digits"), run.path / "nowhere")
    unwanted.cancel()
    for question in lost:
        assert "ended early (status -9; it was killed" in sentence(question)
    assert unwanted.status == "cancelled"
    assert len(result(asking.predict([1, 2]))) == 2
    assert asking._child.pid != killed[0]


@pytest.mark.slow
def test_it_is_shared_and_goes_with_the_last_who_closes_it(
    run: Run, until: Callable[..., None]
) -> None:
    one, other = AskedModel.of(run), AskedModel.of(Run.open(run.path))
    assert one is other
    assert AskedModel.of(run, "last") is not one
    AskedModel.of(run, "last").close()
    AskedModel.of(run, "last").close()
    result(one.predict([1]))
    pid = one._child.pid
    one.close()
    result(other.predict([1]))
    waiting = other.label_errors()
    other.close()
    other.close()
    assert waiting.status == "cancelled"
    until(lambda: started_at(pid) is None)
    with pytest.raises(RunError, match="was closed"):
        one.predict([1])
    new = AskedModel.of(run)
    assert new is not one
    new.close()


@pytest.mark.slow
def test_a_standby_answers_and_the_next_one_is_prepared(
    asking: AskedModel, run: Run, until: Callable[..., None]
) -> None:
    waiting = standby.prepare()
    waiting.describe(run.config)
    result(asking.heat_map(1))
    assert asking._child.pid == waiting.pid
    until(lambda: standby._waiting is not None)
    assert standby._waiting.pid != waiting.pid
    standby._waiting.dismiss()
    standby._waiting = None


@pytest.mark.slow
def test_other_data_are_measured_as_the_run_measures_them(
    asking: AskedModel, run: Run, tmp_path: Path
) -> None:
    digits = load_digits()
    pixels = np.rint(digits.images[:300] * (255 / 16)).astype(np.uint8)
    accepted = accept((pixels, digits.target[:300]))
    accepted.place(tmp_path)
    measured = result(asking.measure(accepted.source, tmp_path))
    expected = run.evaluate((pixels, digits.target[:300]))
    assert measured.names == expected.names
    assert measured.ids.tolist() == list(range(300))
    assert (measured.labels == expected.labels).all()
    assert np.allclose(measured.logits, expected.logits, atol=1e-5)
    assert measured.temperature == expected.temperature
    assert predictions(tmp_path).is_file()

    files = written(tmp_path, 4)
    other = accept(list(zip(files, "abab", strict=True)))
    other.place(tmp_path)
    assert "does not know: a, b" in sentence(asking.measure(other.source, tmp_path))
    gone = sentence(asking.measure(Named(name="mnist", root=str(tmp_path / "no")), tmp_path))
    assert "mnist" in gone


@pytest.mark.slow
def test_a_newer_checkpoint_is_taken_and_label_errors_of_the_older_are_not(
    asking: AskedModel, run: Run
) -> None:
    before = result(asking.predict([1]))
    run.label_errors()
    assert kept_label_errors.stored(run.path) is not None
    best = checkpoint(run.path, "best")
    with safe_open(best, framework="pt") as file:
        facts = file.metadata()
        zeros = {name: file.get_tensor(name) * 0 for name in file.keys()}  # noqa: SIM118
    save_file(zeros, best, facts)
    after = result(asking.predict([1]))
    assert after[0].probabilities == pytest.approx([0.1] * 10)
    assert after != before
    assert kept_label_errors.stored(run.path) is None
    best.write_bytes(b"torn")
    assert "best.safetensors" in sentence(asking.predict([1]))


def test_a_process_that_cannot_begin_says_why(asking: AskedModel, run: Run) -> None:
    for file in run.path.glob(f"{database(run.path).name}*"):
        file.write_bytes(b"no database at all" * 100)
    assert "run.sqlite" in sentence(asking.heat_map(1))
    assert "run.sqlite" in sentence(asking.predict(range(20)))
    shutil.rmtree(run.path)  # or it is looked at after the test, for workers


def test_a_damaged_file_of_label_errors_is_none(run: Run) -> None:
    path = label_errors(run.path)
    path.write_bytes(b"no archive")
    assert kept_label_errors.stored(run.path) is None
    np.savez(path, model=np.array(kept_label_errors._digest(run.path, "best")), ids=np.zeros(3))
    assert kept_label_errors.stored(run.path) is None
    arrays = {"suggested": [0], "score": [0.5], "likely": [True], "ids": [IMAGES]}
    np.savez(path, model=np.array(kept_label_errors._digest(run.path, "best")), **arrays)
    assert kept_label_errors.stored(run.path) is None
    np.savez(
        path, model=np.array(kept_label_errors._digest(run.path, "best")), **arrays | {"ids": [1]}
    )
    assert list(kept_label_errors.stored(run.path)["name"]) == ["image 1"]


def test_a_run_without_such_a_checkpoint_is_refused_in_a_sentence(
    new_run: Callable[..., Run],
) -> None:
    asked = AskedModel(new_run())
    for ask in (lambda: asked.predict([1]), lambda: asked.heat_map(1), asked.label_errors):
        with pytest.raises(RunError, match="has no 'best' checkpoint yet"):
            ask()
    asked.close()
