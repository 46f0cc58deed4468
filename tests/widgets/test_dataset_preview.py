"""`DatasetPreview` without a browser: real files, a real scan, the page's messages by hand."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_sets import HOSTILE, photo, photos
from PIL import Image

import nbfinetune as nf
from nbfinetune.data.edits import load_edits
from nbfinetune.data.images import open_images
from nbfinetune.data.index import preview_index
from nbfinetune.data.loader import Loader
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import DataConfig, Exclude, Folder, MoveTo, Relabel
from nbfinetune.runner.settings import configure
from nbfinetune.widgets import edit_book
from nbfinetune.widgets.dataset_preview import DatasetPreview
from nbfinetune.widgets.listing_ahead import first_images
from nbfinetune.widgets.model_view import view
from nbfinetune.widgets.preview_requests import stamp

DEADLINE_S = 120


class Page:
    """A preview, what its page says, and what it hears."""

    def __init__(self, preview: DatasetPreview, monkeypatch: pytest.MonkeyPatch) -> None:
        self.preview = preview
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(preview, "send", self._hear)

    def _hear(self, content: dict[str, Any], buffers: Any = ()) -> None:
        self.heard.append((content, list(buffers)))

    def ask(self, name: Any, value: Any = None) -> str:
        """The sentence that answers; empty where it was done."""
        self.preview._handle_custom_msg({"id": 1, "do": "act", "name": name, "value": value}, [])
        return next(c["error"] for c, _ in reversed(self.heard) if "error" in c)

    def rows(self, first: int = 0, last: int = 400, epochs: int = 0) -> list[list[Any]]:
        asked = {"view": "v", "first": first, "last": last, "epochs": epochs}
        assert self.ask("look", asked) == ""
        return next(c["rows"] for c, _ in reversed(self.heard) if c.get("kind") == "rows")

    def picture(self, key: str) -> tuple[bytes, str]:
        """Picture or reason under a key, once it comes."""

        def come() -> tuple[bytes, str] | None:
            for content, buffers in self.heard:
                if key in content.get("keys", ()):
                    place = content["keys"].index(key)
                    return buffers[place], content["reasons"][place]
            return None

        return until(come)


def until(condition) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    changed = threading.Event()
    while not (met := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        changed.wait(0.01)
    return met


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return photos(tmp_path / "photos", {"cats": 6, "dogs": 10})


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch):
    """Opens previews that are all listed, and closes them."""
    opened = []

    def open_one(data: Any, *, check: bool = False, **keywords: Any) -> Page:
        # A process that looks at the images costs a second: only where that is what is tested.
        most = 5_000 if check else -1
        monkeypatch.setattr("nbfinetune.widgets.preview_page.CHECKED_AT_ONCE", most)
        page = Page(DatasetPreview(data, **keywords), monkeypatch)
        opened.append(page.preview)
        page.preview._await_images()
        return page

    yield open_one
    for preview in opened:
        preview.close()


def checked(page: Page) -> Page:
    until(lambda: page.preview.scan["state"] == "done")
    return page


def test_images_are_listed_with_class_part_and_counts(open_page, folder) -> None:
    page = open_page(folder)
    about = page.preview.about
    assert (about["title"], about["total"], about["complete"]) == ("photos", 16, True)
    assert about["classes"] == [["cats", 5, 1, 0], ["dogs", 8, 2, 0]]
    assert [row[1] for row in page.rows(0, 2)] == ["cats/000.jpg", "cats/001.jpg"]
    assert page.rows(15, 400)[0][:3] == [15, "dogs/009.jpg", 1]


def test_a_thumbnail_comes_for_every_row_that_is_looked_at(open_page, folder) -> None:
    page = open_page(folder)
    page.rows(3, 5)
    data, reason = page.picture("photo 4")
    assert reason == ""
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (48, 36)


def test_a_broken_file_has_its_reason_instead_of_a_picture(open_page, folder) -> None:
    (folder / "cats" / "000.jpg").write_bytes(b"no image")
    page = open_page(folder)
    page.rows(0, 1)
    assert page.picture("photo 0") == (b"", "not an image, or of a format that can't be read")


def test_a_search_is_one_question_for_all_views(open_page, folder) -> None:
    page = open_page(folder)
    before = page.preview.on_show["version"]
    assert page.ask("ask", {"search": "dogs 00", "part": "train"}) == ""
    assert page.preview.on_show["shown"] == 8
    assert page.preview.on_show["version"] > before
    assert page.preview.on_show["query"]["search"] == "dogs 00"
    assert {row[2] for row in page.rows()} == {1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ask", {"part": "moon"}),
        ("ask", {"search": 3}),
        ("ask", {"label": "cows"}),
        ("ask", {"finding": "no such thing"}),
        ("ask", {"colour": "red"}),
        ("ask", "dogs"),
        ("look", {"view": "v", "first": -1, "last": 3}),
        ("look", {"view": "v", "first": 0, "last": 3, "epochs": 10_000}),
        ("look", None),
        ("select", {"first": 0, "last": 1, "mode": "destroy"}),
        ("edit", {"do": "delete"}),
        ("edit", {"do": "exclude", "image": 99}),
        ("edit", {"do": "relabel", "image": 1, "label": "cows"}),
        ("edit", {"do": "exclude"}),
        ("open", {"place": 16}),
        ("finding", {"key": "x", "do": "apply"}),
        ("augment", {"preset": "brutal"}),
        ("as model", "yes"),
        ("undo", None),
        ("../../etc/passwd", None),
    ],
)
def test_nonsense_is_answered_with_a_sentence_and_changes_nothing(
    open_page, folder, name, value
) -> None:
    page = open_page(folder)
    before = (page.preview.on_show["query"], page.preview.edits, page.preview.lens)
    sentence = page.ask(name, value)
    assert len(sentence) > 15
    assert "Error" not in sentence
    assert (page.preview.on_show["query"], page.preview.edits, page.preview.lens) == before


def test_the_page_can_not_write_what_python_holds(open_page, folder) -> None:
    page = open_page(folder)
    page.preview.set_state({"edits_json": "[]", "about": {"total": 10**9}})
    assert page.preview.about["total"] == 16


def test_the_selection_is_a_table(open_page, folder) -> None:
    page = open_page(folder)
    assert len(page.preview.selection) == 0
    page.ask("select", {"first": 4, "last": 6, "mode": "only"})
    page.ask("select", {"first": 5, "last": 5, "mode": "toggle"})
    table = page.preview.selection
    assert list(table.columns) == ["item", "path", "label", "split"]
    assert table["item"].tolist() == ["cats/004.jpg", "dogs/000.jpg"]
    assert table["label"].tolist() == ["cats", "dogs"]
    assert table["path"].map(lambda path: Path(path).is_file()).all()
    assert page.preview.selected == {"count": 2, "spans": [[4, 4], [6, 6]]}


def test_a_selection_outlives_a_search_and_is_shown_where_it_is(open_page, folder) -> None:
    page = open_page(folder)
    page.ask("select", {"first": 5, "last": 7, "mode": "only"})
    page.ask("ask", {"label": "dogs"})
    assert page.preview.selected == {"count": 3, "spans": [[0, 1]]}


def test_edits_are_in_the_file_at_once_and_the_next_preview_has_them(open_page, folder) -> None:
    page = open_page(folder)
    page.preview.exclude("cats/001.jpg")
    page.preview.relabel(["dogs/003.jpg"], "cats")
    page.ask("edit", {"do": "move", "part": "val", "image": 7})
    wanted = (
        Exclude(item="cats/001.jpg"),
        Relabel(item="dogs/003.jpg", label="cats"),
        MoveTo(item="dogs/001.jpg", part="val"),
    )
    assert page.preview.edits == wanted
    assert load_edits(page.preview.edits_path) == wanted
    assert len(json.loads(page.preview.edits_json)) == 3
    again = open_page(folder).preview
    assert again.edits == wanted
    assert again.about["classes"] == page.preview.about["classes"]


def test_the_preview_counts_what_a_run_of_the_same_edits_trains_on(open_page, folder) -> None:
    page = open_page(folder)
    page.preview.exclude(["cats/001.jpg", "dogs/004.jpg"])
    page.preview.move("dogs/000.jpg", "val")
    config = configure(page.preview._config.data.source, {"edits": page.preview.edits})
    index = preview_index(config.data, config.seed, page.preview._lister._folder)
    counted = [sum(row[part] for row in page.preview.about["classes"]) for part in (1, 2)]
    assert counted == [len(index.train), len(index.val)]


def test_a_selection_as_a_table_can_be_edited(open_page, folder) -> None:
    page = open_page(folder)
    page.ask("select", {"mode": "all"})
    table = page.preview.selection
    page.preview.exclude(table[table["label"] == "cats"])
    assert page.preview.about["classes"][0] == ["cats", 0, 0, 6]


def test_undo_takes_back_step_by_step_and_in_a_new_kernel_edit_by_edit(
    open_page, folder, monkeypatch
) -> None:
    preview = open_page(folder).preview
    preview.exclude(["cats/000.jpg", "cats/001.jpg"])
    preview.exclude("cats/002.jpg")
    assert preview.last_edit == {"count": 3, "undo": "excluding 002.jpg"}
    preview.undo()
    assert [edit.item for edit in preview.edits] == ["cats/000.jpg", "cats/001.jpg"]
    monkeypatch.setattr(edit_book, "_books", {})  # as in a new kernel, which knows no book
    again = open_page(folder).preview
    again.undo()
    assert [edit.item for edit in again.edits] == ["cats/000.jpg"]
    again.undo()
    assert again.edits == load_edits(again.edits_path) == ()
    with pytest.raises(ConfigError, match="nothing to take back"):
        again.undo()


def test_an_image_is_restored_with_all_its_edits_gone(open_page, folder) -> None:
    preview = open_page(folder).preview
    preview.exclude("cats/000.jpg")
    preview.relabel("cats/000.jpg", "dogs")
    preview.restore("cats/000.jpg")
    assert preview.edits == ()


def test_an_image_that_is_not_there_is_refused_with_the_closest(open_page, folder) -> None:
    with pytest.raises(ConfigError, match=r"no image 'cat/000.jpg'.*closest: cats/000.jpg"):
        open_page(folder).preview.exclude("cat/000.jpg")


def test_edits_that_can_not_be_kept_are_not_done(open_page, folder, tmp_path) -> None:
    (tmp_path / "in the way").write_text("")
    preview = open_page(folder, folder=tmp_path / "in the way" / "kept").preview
    with pytest.raises(OSError, match="in the way"):
        preview.exclude("cats/000.jpg")
    assert preview.edits == ()
    assert preview.about["classes"][0] == ["cats", 5, 1, 0]


def test_what_the_model_sees_is_what_the_loader_hands_over(open_page, folder) -> None:
    settings = {"augment": "strong", "seed": 5, "image_size": 32}
    page = open_page(folder)
    config = configure(page.preview._config.data.source, settings)
    page.preview.configure(config)
    page.preview.show_as(32, "bicubic", 0.9)
    page.preview._await_images()
    index = preview_index(config.data, config.seed, folder)
    images = open_images(config.data.source, index, folder)
    loader = Loader(
        images, index.train, 32, "bicubic", 0.9, config.augment, 5, 4, None, lambda *_: None
    )
    batch = next(iter(loader.epoch(1, shuffle=False, drop_last=False)))
    page.rows(0, 400, epochs=3)
    for image, pixels in zip(batch.ids.tolist(), batch.images, strict=True):
        look = page.preview._seen(image, 2)
        data, _ = page.picture(f"seen {image} 2 {stamp(look)}")
        with Image.open(io.BytesIO(data)) as shown:
            assert np.array_equal(np.asarray(shown), pixels)
    loader.close()
    assert view(page.preview._seen(0, 0)).augment is None


def test_another_augmentation_asks_for_other_pictures(open_page, folder) -> None:
    page = open_page(folder)
    before = page.preview.lens["stamp"]
    assert "assuming 224 px, bilinear" in page.preview.lens["words"]
    assert page.ask("augment", {"preset": "strong", "flip": False}) == ""
    assert (page.preview.lens["preset"], page.preview.lens["flip"]) == ("strong", False)
    assert page.preview.lens["stamp"] != before
    page.preview.show_as(96, "bicubic", 1.0)
    assert page.preview.lens["words"] == "96 px, bicubic"


def test_another_split_is_listed_anew(open_page, folder) -> None:
    preview = open_page(folder).preview
    preview.configure(configure(preview._config.data.source, {"val_split": 0.5}))
    until(lambda: preview.about["classes"] == [["cats", 3, 3, 0], ["dogs", 5, 5, 0]])


def test_few_images_are_checked_without_being_asked_to(open_page, folder) -> None:
    photo(folder / "dogs" / "copy.jpg", seed=2)
    (folder / "dogs" / "empty.jpg").write_bytes(b"")
    page = checked(open_page(folder, check=True))
    page.rows()
    until(lambda: {card["key"] for card in page.preview.found} >= {"empty", "two_labels"})
    assert page.preview.scan["sizes"] == [[48, 36, 17]]
    card = next(card for card in page.preview.found if card["key"] == "empty")
    assert (card["action"], card["count"], card["kept"]) == ("Exclude", 1, False)


def test_a_check_is_stopped_and_taken_up_again(open_page, folder) -> None:
    page = open_page(folder)
    assert page.preview.scan["state"] == "none"
    page.ask("scan")
    assert page.preview.scan["state"] == "running"
    page.ask("stop scan")
    until(lambda: page.preview.scan["state"] == "stopped")
    page.ask("scan")
    checked(page)


def test_a_finding_is_shown_settled_and_taken_as_it_is(open_page, folder) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder / "dogs" / name).write_bytes(b"")
    page = checked(open_page(folder, check=True))
    assert page.ask("ask", {"finding": "empty"}) == ""
    assert [row[1] for row in page.rows()] == ["dogs/a.jpg", "dogs/b.jpg"]
    page.ask("finding", {"key": "empty", "do": "keep"})
    assert [card["kept"] for card in page.preview.found if card["key"] == "empty"] == [True]
    page.ask("finding", {"key": "empty", "do": "reopen"})
    page.ask("finding", {"key": "empty", "do": "apply"})
    assert [edit.item for edit in page.preview.edits] == ["dogs/a.jpg", "dogs/b.jpg"]
    assert "empty" not in {card["key"] for card in page.preview.found}
    assert page.preview.on_show["query"]["finding"] == ""


def test_what_was_taken_as_it_is_stays_so_until_more_is_found(open_page, folder) -> None:
    (folder / "dogs" / "a.jpg").write_bytes(b"")
    page = checked(open_page(folder, check=True))
    page.ask("finding", {"key": "empty", "do": "keep"})
    again = checked(open_page(folder, check=True))
    assert [card["kept"] for card in again.preview.found if card["key"] == "empty"] == [True]
    (folder / "dogs" / "b.jpg").write_bytes(b"")
    third = checked(open_page(folder, check=True))
    until(lambda: any(c["title"].startswith("2 files") for c in third.preview.found))
    assert [card["kept"] for card in third.preview.found if card["key"] == "empty"] == [False]


def test_arrays_of_a_notebook_are_shown_too(open_page) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    page = open_page((images, ["a", "b"] * 6))
    assert [row[1] for row in page.rows(2, 3)] == ["image 2"]
    data, _ = page.picture("photo 2")
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image)[..., 0], images[2])
    page.preview.exclude("3")
    assert page.preview.edits == (Exclude(item="3"),)


def test_a_listing_that_fails_is_told_on_the_page_and_to_python(open_page, folder) -> None:
    preview = DatasetPreview(folder)
    preview._await_images()
    shutil.rmtree(folder)
    preview.configure(configure(preview._config.data.source, {"val_split": 0.5}))
    until(lambda: preview.about["trouble"])
    with pytest.raises(DataError, match="no folder"):
        preview.exclude("cats/000.jpg")
    preview.close()


def test_the_first_images_have_the_ids_that_they_keep(folder, tmp_path) -> None:
    photos(tmp_path / "parts" / "train", {"cats": 3, "dogs": 2})
    photos(tmp_path / "parts" / "val", {"cats": 1, "dogs": 2})
    for place in (folder, tmp_path / "parts"):
        source = Folder(path=str(place))
        first = first_images(source)
        whole = preview_index(DataConfig(source=source), 0, tmp_path)
        assert len(first) in (3, 6)
        assert first.items == whole.items[: len(first)]
        assert first.path(0) == whole.path(0)


def test_a_preview_that_is_closed_begins_nothing_more(open_page, folder) -> None:
    preview = open_page(folder).preview
    preview.close()
    assert until(lambda: threads("nbft-listing") == 0 or None) is True
    assert not preview._checkup.running


def threads(name: str) -> int:
    return sum(thread.name.startswith(name) for thread in threading.enumerate())


def test_a_set_that_only_torchvision_reads_is_told_and_not_read(open_page) -> None:
    preview = DatasetPreview("cifar10")
    until(lambda: preview.about["trouble"])
    assert preview.about["trouble"].startswith("cifar10 is read by torchvision in the process")
    preview.close()


def test_names_that_look_like_markup_travel_as_they_are(open_page, folder) -> None:
    photo(folder / "cats" / HOSTILE, 77)
    page = open_page(folder)
    page.ask("ask", {"search": "雛菊"})
    assert [row[1] for row in page.rows()] == [f"cats/{HOSTILE}"]


def test_it_is_a_public_name() -> None:
    assert nf.DatasetPreview is DatasetPreview


def test_no_torch_comes_into_the_kernel(folder) -> None:
    script = (
        f"import nbfinetune as nf; p = nf.DatasetPreview({str(folder)!r}); p._await_images()\n"
        "from nbfinetune.widgets.model_view import picture\n"
        "assert picture(p._browsing.images, p._seen(0, 1)).data; p.exclude('cats/000.jpg')\n"
        "import sys; print(sorted({'torch', 'timm', 'torchvision', 'plotly'} & set(sys.modules)))\n"
        "p.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
