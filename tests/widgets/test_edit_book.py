"""One book of edits for all views of the data, shared with other kernels through its file."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from nbfinetune.data.edits import load_edits, save_edits
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.splits import TRAIN
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import Exclude, Relabel
from nbfinetune.widgets.edit_book import EditBook, book_of
from nbfinetune.widgets.gallery_requests import EditAsked

ITEMS = tuple(f"{number}.jpg" for number in range(6))
INDEX = ImageIndex(
    ("cat", "dog"), np.zeros(6, np.int64), np.full(6, TRAIN, np.uint8), ITEMS, "/photos"
)
EXCLUDE = EditAsked(do="exclude")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edits.json"


class Listener:
    def __init__(self) -> None:
        self.told = 0

    def hear(self) -> None:
        self.told += 1


def excluded(book: EditBook) -> list[str]:
    return [edit.item for edit in book.edits if isinstance(edit, Exclude)]


def test_all_views_of_a_file_share_a_book_while_one_of_them_lives(path) -> None:
    book = book_of(path)
    assert book_of(path.parent / ".." / path.parent.name / path.name) is book
    number = id(book)
    book.change(INDEX, [0], EXCLUDE)
    del book
    gc.collect()
    again = book_of(path)
    assert excluded(again) == ["0.jpg"]
    assert again.last == "the edit of 0.jpg", f"it is a new book, and not {number}"


def test_who_listens_is_told_of_every_change_until_it_is_gone(path) -> None:
    book, first, second = EditBook(path), Listener(), Listener()
    book.subscribe(first.hear)
    book.subscribe(second.hear)
    book.change(INDEX, [0], EXCLUDE)
    book.unsubscribe(first.hear)
    book.undo()
    assert (first.told, second.told) == (1, 2)
    del second
    gc.collect()
    book.change(INDEX, [0], EXCLUDE)
    assert len(book._listeners) == 0


def test_edits_of_another_kernel_are_merged_and_not_lost(path) -> None:
    ours, theirs = EditBook(path), EditBook(path)
    ours.change(INDEX, [0], EXCLUDE)
    theirs.change(INDEX, [1], EXCLUDE)
    ours.change(INDEX, [2], EditAsked(do="relabel", label="dog"))
    assert set(load_edits(path)) == {
        Exclude(item="0.jpg"),
        Exclude(item="1.jpg"),
        Relabel(item="2.jpg", label="dog"),
    }
    assert ours.edits == load_edits(path)


def test_undo_takes_back_ones_own_edit_and_leaves_those_of_another_kernel(path) -> None:
    ours, theirs = EditBook(path), EditBook(path)
    ours.change(INDEX, [0], EditAsked(do="relabel", label="dog"))
    ours.change(INDEX, [0, 3], EXCLUDE)
    theirs.change(INDEX, [1], EXCLUDE)
    ours.undo()
    assert set(ours.edits) == {Relabel(item="0.jpg", label="dog"), Exclude(item="1.jpg")}
    ours.undo()
    assert load_edits(path) == (Exclude(item="1.jpg"),)


def test_what_another_kernel_wrote_is_there_after_a_refresh(path) -> None:
    book, listener = EditBook(path), Listener()
    book.subscribe(listener.hear)
    save_edits(path, [Exclude(item="4.jpg")])
    assert book.edits == ()
    book.refresh()
    assert (excluded(book), listener.told) == (["4.jpg"], 1)
    book.refresh()
    assert listener.told == 1


def test_two_threads_lose_no_edit(path) -> None:
    book = EditBook(path)
    start = threading.Barrier(2)

    def edit(images: range) -> None:
        start.wait()
        for image in images:
            book.change(INDEX, [image], EXCLUDE)

    threads = [threading.Thread(target=edit, args=(range(a, 6, 2),)) for a in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(excluded(book)) == sorted(load.item for load in load_edits(path)) == list(ITEMS)


def test_images_take_each_the_class_that_is_suggested_and_lose_it_together(path) -> None:
    book = EditBook(path)
    book.relabel(INDEX, {0: "dog", 1: "cat"})
    assert book.edits == (Relabel(item="0.jpg", label="dog"), Relabel(item="1.jpg", label="cat"))
    assert book.last == "relabelling 2 images as suggested"
    book.undo()
    assert book.edits == ()


def test_what_can_not_be_done_changes_nothing(path) -> None:
    book = EditBook(path)
    with pytest.raises(ConfigError, match="there is no class 'cow'"):
        book.change(INDEX, [0], EditAsked(do="relabel", label="cow"))
    with pytest.raises(ConfigError, match="nothing is suggested"):
        book.change(INDEX, [0], EditAsked(do="suggested"))
    assert not path.exists()


def test_a_file_that_somebody_broke_is_not_written_over(path) -> None:
    book = EditBook(path)
    book.change(INDEX, [0], EXCLUDE)
    path.write_text("{")
    with pytest.raises(DataError, match="can't be read"):
        book.change(INDEX, [1], EXCLUDE)
    assert path.read_text() == "{"
