"""Every kind of fault is planted in a sound set and found; in the sound set nothing is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from photos import photo
from PIL import Image, ImageEnhance
from sklearn.datasets import load_digits

from nbfinetune.data.duplicates import twins
from nbfinetune.data.finding import Finding
from nbfinetune.data.findings import findings
from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.index import preview_index
from nbfinetune.data.scan import look_at
from nbfinetune.data.scan_facts import ScanFacts, as_row, blank_facts
from nbfinetune.data.splits import LEFT_OUT, TRAIN, VAL
from nbfinetune.records import DataConfig, Folder

OTHER = 7_777
"""A scene that is not among the sound ones."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    for number, (part, name) in enumerate((p, n) for p in ("train", "val") for n in ("cat", "dog")):
        target = folder / part / name
        target.mkdir(parents=True)
        for i in range(6):
            photo(100 * number + i).save(target / f"{i}.jpg", quality=92)
    return folder


@pytest.fixture
def photos(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "photos"))


def index_of(folder: Path) -> ImageIndex:
    return preview_index(DataConfig(source=Folder(path=str(folder))), 0, folder)


def facts_of(index: ImageIndex, pixels: np.ndarray | None = None) -> ScanFacts:
    facts = blank_facts(index.items, len(index))
    for image in range(len(index)):
        found = look_at(index.path(image) if pixels is None else pixels[image])
        facts.rows[image] = as_row(found)
        if found.reason:
            facts.reasons[image] = found.reason
    sides = np.minimum(facts.rows["width"], facts.rows["height"])
    return replace(facts, twins=twins(facts.rows["digest"], facts.rows["print"], sides))


def found_in(folder: Path, size_px: int | None = None) -> dict[str, Finding]:
    index = index_of(folder)
    return {one.kind: one for one in findings(facts_of(index), index, size_px)}


def names(folder: Path, finding: Finding) -> list[str]:
    index = index_of(folder)
    return [Path(index.items[image]).as_posix() for image in finding.items]


def test_nothing_is_found_in_a_sound_set(sound: Path) -> None:
    assert found_in(sound) == {}


def test_nothing_is_found_in_real_photos(shared_data: Callable[[str], Path]) -> None:
    assert found_in(shared_data("tf_flowers_mini.zip")) == {}


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def cut(path: Path) -> None:
    write(path, path.read_bytes()[:-500])


def damage(path: Path) -> None:
    photo(OTHER).save(path, "PNG")
    data = path.read_bytes()
    write(path, data[:3000] + bytes(30) + data[3030:])


def save(image: Image.Image, **options: object) -> Callable[[Path], None]:
    return lambda path: image.save(path, options.pop("format", "JPEG"), **options)


def lying() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 8
    return exif


@pytest.mark.parametrize(
    ("kind", "plant", "title", "action", "detail"),
    [
        (
            "corrupt",
            lambda p: write(p, b"?"),
            "1 file is no image, or damaged",
            "exclude",
            "not an",
        ),
        ("empty", lambda p: write(p, b""), "1 file has zero bytes", "exclude", "zero bytes"),
        ("truncated", cut, "1 file is cut off before the end", "exclude", "truncated"),
        ("damaged", damage, "1 file is damaged inside", "exclude", "checksums"),
        (
            "extreme_aspect",
            save(photo(OTHER, 700, 170)),
            "1 image is more than 4 times as long as wide",
            "take as is",
            "700 x 170 pixels",
        ),
        (
            "small",
            save(photo(OTHER, 33, 29)),
            "1 image is very small",
            "take as is",
            "33 x 29 pixels",
        ),
        (
            "cmyk",
            save(photo(OTHER).convert("CMYK")),
            "1 image is in printing colours (CMYK)",
            "take as is",
            "CMYK",
        ),
        (
            "alpha",
            save(photo(OTHER).convert("RGBA"), format="PNG"),
            "1 image has an alpha channel",
            "take as is",
            "alpha",
        ),
        (
            "deep",
            save(photo(OTHER).convert("F"), format="TIFF"),
            "1 image has more than 8 bits a channel",
            "take as is",
            "8 bits",
        ),
        (
            "turned",
            save(photo(OTHER), exif=lying()),
            "1 image is stored turned, with an EXIF tag that says so",
            "take as is",
            "EXIF",
        ),
        (
            "one_colour",
            save(Image.new("RGB", (160, 120), "white")),
            "1 image is of one colour",
            "exclude",
            "one colour",
        ),
    ],
)
def test_a_fault_of_one_image_is_found_and_no_other(
    photos: Path, kind: str, plant: Callable[[Path], None], title: str, action: str, detail: str
) -> None:
    plant(photos / "train" / "dog" / "3.jpg")
    found = found_in(photos)
    assert list(found) == [kind]
    finding = found[kind]
    assert names(photos, finding) == ["train/dog/3.jpg"]
    assert (finding.title, finding.action, finding.count) == (title, action, 1)
    assert detail in finding.details[0]
    assert finding.advice.endswith(".")


def test_a_file_that_vanished_and_a_huge_one_are_found(photos: Path) -> None:
    index = index_of(photos)
    Path(index.path(3)).unlink()
    facts = facts_of(index)
    facts.rows["width"][7], facts.rows["height"][7] = 9000, 7000
    found = {one.kind: one.items for one in findings(facts, index)}
    assert found == {"missing": (3,), "huge": (7,)}


def test_small_is_measured_by_what_the_model_sees(photos: Path) -> None:
    assert list(found_in(photos, size_px=600)) == ["small"]
    assert found_in(photos, size_px=400) == {}


def test_copies_are_found_and_the_first_is_kept(photos: Path) -> None:
    for name in ("4.jpg", "5.jpg"):
        shutil.copy(photos / "train/cat/1.jpg", photos / "train/cat" / name)
    found = found_in(photos)
    assert list(found) == ["exact_duplicates"]
    copies = found["exact_duplicates"]
    assert copies.title == "2 images are the same, byte for byte, as another"
    assert names(photos, copies) == ["train/cat/4.jpg", "train/cat/5.jpg"]
    assert [len(group) for group in copies.groups] == [3]
    assert copies.details[0].replace("\\", "/") == "like train/cat/1.jpg"
    assert copies.action == "exclude"


def test_near_duplicates_are_found(photos: Path) -> None:
    with Image.open(photos / "train/cat/1.jpg") as image:
        brighter = ImageEnhance.Brightness(image).enhance(1.2)
        brighter.resize((200, 150)).save(photos / "train/cat/9.jpg", quality=60)
    found = found_in(photos)
    assert list(found) == ["near_duplicates"]
    assert names(photos, found["near_duplicates"]) == ["train/cat/9.jpg"]
    assert found["near_duplicates"].action == "take as is"
    assert len(found["near_duplicates"].groups) == 1


@pytest.mark.parametrize("again", [{}, {"quality": 50}], ids=["copied", "saved again"])
def test_a_validation_image_that_trains_is_a_leak(photos: Path, again: dict[str, int]) -> None:
    source, copy = photos / "train/cat/1.jpg", photos / "val/cat/0.jpg"
    shutil.copy(source, copy)
    if again:
        with Image.open(source) as image:
            image.save(copy, **again)
    found = found_in(photos)
    assert names(photos, found["leak"]) == ["val/cat/0.jpg"]
    assert found["leak"].action == "move to train"
    assert found["leak"].title == "1 validation image is among the training images too"
    assert set(found) == ({"leak"} if again else {"leak", "exact_duplicates"})


def test_an_image_with_two_labels_is_found(photos: Path) -> None:
    shutil.copy(photos / "train/cat/1.jpg", photos / "train/dog/5.jpg")
    two = found_in(photos)["two_labels"]
    assert names(photos, two) == ["train/cat/1.jpg", "train/dog/5.jpg"]
    assert two.title == "1 image has two labels"
    assert two.details == ("one of cat here", "one of dog here")


def test_copies_of_nothing_to_see_are_copies_but_not_alike(photos: Path) -> None:
    for number, colour in enumerate(("white", "white", "black", "navy")):
        Image.new("RGB", (160, 120), colour).save(photos / "train/cat" / f"{number}.jpg")
    found = found_in(photos)
    assert set(found) == {"one_colour", "exact_duplicates"}
    assert found["one_colour"].count == 4
    assert names(photos, found["exact_duplicates"]) == ["train/cat/1.jpg"]


def labelled(counts: dict[str, tuple[int, int]]) -> ImageIndex:
    """Index with that many (training, validation) images a class."""
    labels, split = [], []
    for number, (train, val) in enumerate(counts.values()):
        labels += [number] * (train + val)
        split += [TRAIN] * train + [VAL] * val
    return ImageIndex(tuple(counts), np.array(labels), np.array(split, np.uint8))


def of_classes(counts: dict[str, tuple[int, int]]) -> dict[str, Finding]:
    index = labelled(counts)
    return {one.kind: one for one in findings(blank_facts((), len(index)), index)}


def test_classes_that_are_balanced_enough_give_no_finding() -> None:
    assert of_classes({"cat": (40, 5), "dog": (4, 1), "hen": (7, 1)}) == {}


def test_imbalance_names_the_counts_and_the_remedy() -> None:
    found = of_classes({"cat": (41, 5), "dog": (4, 1), "hen": (7, 1)})
    assert list(found) == ["imbalance"]
    finding = found["imbalance"]
    assert finding.title == "there are 41 training images of cat, but 4 of dog"
    assert 'class_weights="balanced"' in finding.advice
    assert len(finding.items) == 5
    assert set(finding.details) == {"dog: 4"}


def test_a_class_that_lacks_in_a_part_or_is_rare_is_found() -> None:
    found = of_classes({"cat": (9, 2), "dog": (6, 0), "hen": (0, 6), "cow": (3, 1)})
    assert {kind: finding.title for kind, finding in found.items()} == {
        "no_training": "1 class has no training images",
        "no_validation": "1 class has no validation images",
        "few_images": "1 class has fewer than 5 images",
    }
    assert found["no_training"].action == "move to train"
    assert [len(finding.items) for finding in found.values()] == [6, 6, 4]


def test_what_is_left_out_is_not_judged(photos: Path) -> None:
    shutil.copy(photos / "train/cat/1.jpg", photos / "train/cat/4.jpg")
    write(photos / "train/cat/5.jpg", b"")
    index = index_of(photos)
    facts = facts_of(index)
    assert {one.kind for one in findings(facts, index)} == {"exact_duplicates", "empty"}
    split = index.split.copy()
    split[[index.items.index(str(Path("train/cat", name))) for name in ("4.jpg", "5.jpg")]] = (
        LEFT_OUT
    )
    assert findings(facts, replace(index, split=split)) == []


def test_labels_are_judged_before_anything_has_been_seen(photos: Path) -> None:
    shutil.copy(photos / "train/cat/1.jpg", photos / "train/cat/4.jpg")
    index = index_of(photos)
    assert findings(blank_facts((), 0), index) == []


def test_arrays_are_judged_too() -> None:
    digits = load_digits()
    pixels = np.rint(digits.images[:500] * (255 / 16)).astype(np.uint8)
    labels = digits.target[:500].copy()
    pixels[7], pixels[9] = pixels[3], 0
    labels[7] = (labels[3] + 1) % 10
    split = np.where(np.arange(len(labels)) % 5 == 3, VAL, TRAIN).astype(np.uint8)
    index = ImageIndex(tuple("0123456789"), labels, split)
    found = {one.kind: one for one in findings(facts_of(index, pixels), index)}
    assert set(found) == {"two_labels", "leak", "exact_duplicates", "one_colour"}
    assert found["one_colour"].items == (9,)
    assert found["two_labels"].items == (7, 3)
    assert found["leak"].items == (3,)
    assert found["leak"].details == ("like image 7",)
