"""Named data sets, as files in the layout that torchvision expects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from test_idx import write_mnist

from nbfinetune.data import accept, named_datasets
from nbfinetune.data.images import open_images
from nbfinetune.data.index import build_index
from nbfinetune.data.named import SETS, canonical_name
from nbfinetune.errors import DataError
from nbfinetune.records import DataConfig, Named


def never(path, reason):
    pytest.fail(f"{path} was skipped: {reason}")


def index_of(name: str, root: Path, run: Path):
    run.mkdir(exist_ok=True)
    source = accept(name, root=root).source
    index = build_index(DataConfig(source=source), 0, run, never)
    return index, open_images(source, index, run)


@pytest.mark.parametrize("name", sorted(SETS))
def test_every_name_stands_for_a_data_set_with_these_arguments(name):
    recipe = SETS[name]
    kind = getattr(torchvision.datasets, recipe.loader)
    for arguments in (recipe.train, recipe.val or {}):
        # An unknown argument is a TypeError, an unknown part a ValueError: neither is caught.
        with pytest.raises((RuntimeError, FileNotFoundError)):
            kind("/nowhere", **arguments, download=False)


def test_names_are_unmistakable():
    assert len({canonical_name(name) for name in named_datasets()}) == len(named_datasets())
    assert "digits" in named_datasets()


def test_eurosat_has_no_parts_and_is_split(write_photos, tmp_path):
    write_photos(tmp_path / "root" / "eurosat" / "2750", {"Forest": 5, "River": 5})
    index, images = index_of("eurosat", tmp_path / "root", tmp_path / "run")
    assert index.classes == ("Forest", "River")
    assert index.items[0] == "eurosat/2750/Forest/000.jpg"
    assert (len(index.train), len(index.val)) == (8, 2)
    assert images.image(0).size == (40, 30)


def test_imagenette_has_its_own_validation_part(write_photo, tmp_path):
    base = tmp_path / "root" / "imagenette2-160"
    for number, wnid in enumerate(("n01440764", "n03888257")):
        for part in ("train", "val"):
            write_photo(base / part / wnid / "0.jpg", seed=number).rename(
                base / part / wnid / "0.JPEG"
            )
    index, _ = index_of("imagenette-160", tmp_path / "root", tmp_path / "run")
    assert index.classes == ("tench", "parachute")
    assert [index.items[i].split("/")[1] for i in index.val] == ["val", "val"]


def test_oxford_pets_is_read_by_its_lists(write_photo, tmp_path):
    base = tmp_path / "root" / "oxford-iiit-pet"
    (base / "annotations").mkdir(parents=True)
    for part in ("trainval", "test"):
        lines = []
        for label, pet in enumerate(("Abyssinian", "great_pyrenees"), start=1):
            write_photo(base / "images" / f"{pet}_{part}.jpg")
            lines.append(f"{pet}_{part} {label} 1 1\n")
        (base / "annotations" / f"{part}.txt").write_text("".join(lines))
    index, images = index_of("oxford-pets", tmp_path / "root", tmp_path / "run")
    assert index.classes == ("Abyssinian", "Great Pyrenees")
    assert [Path(index.path(i)).name for i in index.val] == [
        "Abyssinian_test.jpg",
        "great_pyrenees_test.jpg",
    ]
    assert index.labels.tolist() == [0, 1, 0, 1]
    assert images.image(3).mode == "RGB"


def test_gtsrb_is_read_by_its_folders_and_its_table(write_photo, tmp_path):
    base = tmp_path / "root" / "gtsrb"
    for number in range(2):
        write_photo(base / "GTSRB" / "Training" / f"0000{number}" / "a.ppm")
        write_photo(base / "GTSRB" / "Final_Test" / "Images" / f"{number}.ppm")
    (base / "GT-final_test.csv").write_text("Filename;ClassId\n0.ppm;0\n1.ppm;1\n")
    index, _ = index_of("gtsrb", tmp_path / "root", tmp_path / "run")
    assert index.classes == ("0", "1")
    assert index.labels.tolist() == [0, 1, 0, 1]
    assert len(index.val) == 2


def test_caltech101_is_read_by_its_numbers(write_photo, tmp_path):
    base = tmp_path / "root" / "caltech101"
    for name in ("ant", "brain", "BACKGROUND_Google"):
        for number in (1, 2):
            write_photo(base / "101_ObjectCategories" / name / f"image_{number:04}.jpg")
    (base / "Annotations").mkdir()
    index, images = index_of("caltech101", tmp_path / "root", tmp_path / "run")
    assert index.classes == ("ant", "brain")
    assert index.items[3] == "caltech101/101_ObjectCategories/brain/image_0002.jpg"
    assert images.image(3).mode == "RGB"


def test_sets_of_arrays_come_with_channels_last(tmp_path):
    binary = tmp_path / "root" / "stl10_binary"
    binary.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 96, 96), dtype=np.uint8)
    for part in ("train", "test"):
        pixels.tofile(binary / f"{part}_X.bin")
        np.array([1, 2, 1, 2], np.uint8).tofile(binary / f"{part}_y.bin")
    (binary / "class_names.txt").write_text("airplane\nbird\n")
    from nbfinetune.data.torchvision_sets import open_torchvision

    class Unchecked(torchvision.datasets.STL10):
        """Its files are verified by checksum, which invented ones can't pass."""

        def _check_integrity(self):
            return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.datasets, "STL10", Unchecked)
        data = open_torchvision("stl10", SETS["stl10"], tmp_path / "root")
    assert data.images.shape == (8, 96, 96, 3)
    # The files hold columns before rows.
    assert (data.images[1] == pixels[1].transpose(2, 1, 0)).all()
    assert (data.train_count, data.classes) == (4, ("airplane", "bird"))
    assert data.labels.tolist() == [0, 1, 0, 1] * 2


def test_kin_of_mnist_without_idx_reading_of_ours_come_from_torchvision(tmp_path):
    write_mnist(tmp_path / "root" / "EMNIST" / "raw")
    for path in (tmp_path / "root" / "EMNIST" / "raw").iterdir():
        kind = path.name.replace("t10k", "test")
        path.rename(path.with_name(f"emnist-balanced-{kind}"))
    index, images = index_of("emnist", tmp_path / "root", tmp_path / "run")
    assert (len(index.train), len(index.val)) == (40, 40)
    assert index.classes == tuple("0123456789")  # of 47, the others have no images here
    assert images.pixels.shape == (80, 28, 28)


def test_a_set_that_is_nowhere_is_one_sentence(tmp_path, monkeypatch):
    def no_network(*_args, **_kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(DataError, match="'cifar10' is neither in") as refusal:
        index_of("cifar10", tmp_path / "root", tmp_path / "run")
    sentence = str(refusal.value)
    assert "Network is unreachable" in sentence
    assert str(tmp_path / "root") in sentence
    assert "torchvision.datasets.CIFAR10" in sentence


def test_without_a_root_the_cache_folder_is_used(home, monkeypatch, tmp_path):
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: (_ for _ in ()).throw(OSError()))
    with pytest.raises(DataError, match="cache/datasets"):
        build_index(DataConfig(source=Named(name="usps")), 0, tmp_path, never)
