"""Data sets of torch and Hugging Face: their files, their pixels, or copies of their items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data import accept
from nbfinetune.data.identity import data_key
from nbfinetune.data.images import open_images
from nbfinetune.data.index import build_index, load_index, preview_index
from nbfinetune.errors import ConfigError, DataError
from nbfinetune.records import Arrays, DataConfig, Files

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")


@pytest.fixture
def photos(write_photos, tmp_path):
    return write_photos(tmp_path / "photos", {"b": 4, "a": 6})


class Items(torch.utils.data.Dataset):
    """A data set as people write one."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        return self.items[number]


class Digits(Items):
    """One that has its pixels in memory, as MNIST has."""

    def __init__(self, data, targets, classes=None, **more):
        self.data, self.targets = data, targets
        self.__dict__.update(more)
        if classes:
            self.classes = classes

    def __len__(self):
        return len(self.data)


def opened(data, run, **rules):
    accepted = accept(data, **rules)
    accepted.place(run)
    index = preview_index(DataConfig(source=accepted.source), 0, run)
    return accepted, index, open_images(accepted.source, index, run)


def test_an_image_folder_is_its_files_and_its_transform_is_not_run(photos, tmp_path):
    def transform(image):
        raise AssertionError(image)

    dataset = torchvision.datasets.ImageFolder(photos, transform)
    accepted, index, images = opened(dataset, tmp_path / "run")
    assert (accepted.source, accepted.hint) == (Files(path="data"), "imagefolder")
    assert index.classes == ("a", "b")
    assert [index.path(i) for i in range(10)] == [path for path, _ in dataset.samples]
    assert images.image(0).size == (40, 30)
    assert not (tmp_path / "run" / "data" / "images").exists()


def test_the_parts_of_a_random_split_are_kept(photos, tmp_path):
    dataset = torchvision.datasets.ImageFolder(photos)
    parts = torch.utils.data.random_split(dataset, [7, 3], torch.Generator().manual_seed(0))
    _, index, _ = opened(tuple(parts), tmp_path / "run")
    paths = [dataset.samples[i][0] for part in parts for i in part.indices]
    assert [index.path(i) for i in range(10)] == paths
    assert index.val.tolist() == [7, 8, 9]


def test_groups_are_read_off_the_files_of_a_data_set(photos, tmp_path):
    dataset = torchvision.datasets.ImageFolder(photos)
    groups = {"groups": lambda path: int(path.stem) // 2}
    _, index, _ = opened(dataset, tmp_path / "run", **groups)
    sides = {(int(Path(index.items[i]).stem) // 2, int(index.split[i])) for i in range(10)}
    assert len(sides) == 3


@pytest.mark.parametrize("shape", [(30, 5, 6), (30, 5, 6, 3), (30, 3, 5, 6)])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_pixels_in_memory_become_arrays(shape, kind, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    targets = np.arange(30) % 3 * 2  # classes 1 and 3 have no images
    data = pixels if kind == "numpy" else torch.from_numpy(pixels)
    labels = targets.tolist() if kind == "numpy" else torch.from_numpy(targets)
    accepted, index, images = opened(Digits(data, labels, ["z", "y", "x", "w", "v"]), tmp_path)
    assert accepted.source == Arrays(path="data", classes=("z", "x", "v"))
    assert (index.labels == targets // 2).all()
    last = pixels if shape[-1] in (3, 6) and shape[1] != 3 else pixels.transpose(0, 2, 3, 1)
    assert (images.pixels == last).all()


def test_a_subset_and_a_pair_of_arrays_keep_their_order_and_parts(tmp_path):
    pixels = np.arange(40, dtype=np.uint8).repeat(4).reshape(40, 2, 2)
    dataset = Digits(pixels, [i % 2 for i in range(40)])
    inner = torch.utils.data.Subset(dataset, range(0, 40, 2))
    train = torch.utils.data.Subset(inner, [5, 1])
    val = torch.utils.data.Subset(dataset, [39, 1])
    _, index, images = opened((train, val), tmp_path)
    assert images.pixels[:, 0, 0].tolist() == [10, 2, 39, 1]
    assert index.split.tolist() == [0, 0, 1, 1]


def test_a_test_part_is_left_out_beside_a_val_part(tmp_path):
    pixels = np.arange(12, dtype=np.uint8).repeat(4).reshape(12, 2, 2)
    parts = {name: Digits(pixels[at : at + 4], [0, 1] * 2) for name, at in
             (("test", 0), ("val", 4), ("train", 8))}  # fmt: skip
    _, index, images = opened(parts, tmp_path / "a")
    assert images.pixels[:, 0, 0].tolist() == [8, 9, 10, 11, 4, 5, 6, 7]
    assert index.val.tolist() == [4, 5, 6, 7]
    del parts["val"]
    _, index, images = opened(parts, tmp_path / "b")
    assert images.pixels[index.val, 0, 0].tolist() == [0, 1, 2, 3]


def test_a_changed_target_is_the_label(photos, tmp_path):
    names = {"target_transform": lambda label: "xy"[label]}
    dataset = torchvision.datasets.ImageFolder(photos, **names)
    assert opened(dataset, tmp_path / "a")[1].classes == ("x", "y")
    digits = Digits(np.zeros((4, 3, 3), np.uint8), [0, 1] * 2, ["a", "b"], **names)
    assert accept(digits).source.classes == ("x", "y")


RED = np.zeros((6, 8, 3), np.uint8) + np.array([200, 10, 30], np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(RED),
        RED,
        RED.astype(np.float64) / 255,
        torch.from_numpy(RED).permute(2, 0, 1),
        torch.from_numpy(RED).permute(2, 0, 1).float() / 255,
    ],
    ids=["PIL", "uint8", "float", "tensor", "float tensor"],
)
@pytest.mark.parametrize("form", [tuple, list, dict])
def test_items_of_any_usual_kind_are_copied_bit_for_bit(image, form, tmp_path):
    black = np.zeros((4, 4), np.uint8)
    pairs = [(image, torch.tensor(1)), (black, 0), (image, 1), (black, 0)]
    items = [dict(zip(("image", "label"), pair, strict=True)) if form is dict else form(pair)
             for pair in pairs]  # fmt: skip
    accepted, index, images = opened(Items(items), tmp_path / "run")
    assert accepted.source == Files(path="data")
    assert index.classes == ("0", "1")
    assert (np.asarray(images.image(0)) == RED).all()
    assert Path(index.path(0)).is_relative_to(tmp_path / "run" / "data" / "images")


def test_copies_leave_with_the_run_and_their_scratch_goes(tmp_path):
    dataset = Items([(RED, "a"), (RED // 2, "b")] * 2)
    accepted = accept(dataset)
    key = data_key(accepted)
    accepted.place(tmp_path / "1")
    accepted.place(tmp_path / "2")
    accepted.place(tmp_path / "2")
    scratch = tmp_path / "cache" / "exported"
    assert len(list(scratch.iterdir())) == 1
    del accepted
    assert list(scratch.iterdir()) == []
    assert len(list((tmp_path / "2" / "data" / "images").iterdir())) == 4
    assert data_key(accept(dataset)) == key
    assert data_key(accept(Items([(RED, "a"), (RED // 3, "b")] * 2))) != key


def test_copies_move_with_the_folder_of_their_run(tmp_path):
    accepted = accept(Items([(RED, "a"), (RED // 2, "b")] * 2))
    accepted.place(tmp_path / "run")
    build_index(DataConfig(source=accepted.source), 0, tmp_path / "run", print)
    (tmp_path / "run").rename(tmp_path / "moved")
    index = load_index(tmp_path / "moved" / "index.json")
    images = open_images(accepted.source, index, tmp_path / "moved")
    assert (np.asarray(images.image(0)) == RED).all()


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([3, 4], r"item 0 of the Items is a int: \(image, label\) is needed"),
        ([(RED,)], "item 0 of the Items is a tuple"),
        ([{"image": RED}], "item 0 of the Items is a dict"),
        ([(RED, 0), (RED - 300.0, 1)], "item 1: images run from"),
        ([(RED, 0), (np.full((3, 3), np.nan), 1)], "item 1: images hold NaN"),
        ([(RED, 0), ("x", 1)], "item 1: an array of type <U1"),
        ([(RED, 0), (np.zeros((3, 3, 7), np.uint8), 1)], "item 1: "),
        ([(RED, 0), (RED, "a")], r"labels are int, str, such as 0 \(item 0\) and 'a' \(item 1\)"),
        ([(RED, 0), (RED, 0)], "all images are '0'"),
        ([], "no rows|no images"),
    ],
)
def test_an_item_that_is_wrong_is_named(items, words):
    with pytest.raises(DataError, match=words):
        accept(Items(items))


def test_an_item_that_fails_is_named():
    class Broken(Items):
        def __getitem__(self, number):
            return self.items[f"{number}"]

    with pytest.raises(DataError, match=r"item 0 of the Broken can't be had \(TypeError"):
        accept(Broken([1]))


def test_streams_and_labels_for_labelled_sets_are_refused():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(RED, 0)])

    with pytest.raises(ConfigError, match=r"data is a Stream.*\(no stream\)"):
        accept(Stream())
    with pytest.raises(ConfigError, match="labels='x': a Items gives labels of its own"):
        accept(Items([(RED, 0)]), labels="x")
    with pytest.raises(ConfigError, match=r"groups=.* needs files"):
        accept(Items([(RED, 0), (RED, 1)]), groups="x")


def test_labels_beyond_the_names_are_refused():
    with pytest.raises(DataError, match="labels run from 0 to 2, but the data set names 2"):
        accept(Digits(np.zeros((3, 4, 4), np.uint8), [0, 1, 2], ["a", "b"]))
    dataset = Items([(RED, 0), (RED, 2)])
    dataset.classes = ["a", "b"]
    with pytest.raises(DataError, match="label 2 is met, but the data set names 2 classes"):
        accept(dataset)


def test_a_set_of_torchvision_by_hand_is_taken_as_it_is(tmp_path):
    fake = torchvision.datasets.FakeData(6, (3, 8, 9), 2, torchvision.transforms.ToTensor())
    _, index, images = opened(fake, tmp_path)
    assert len(index) == 6
    expected = (fake[1][0].numpy().transpose(1, 2, 0) * 255).round()
    assert (np.asarray(images.image(1)) == expected).all()
