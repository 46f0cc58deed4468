"""Images of one, two, four and six channels on their way from a file or an array into a batch."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nbfinetune.data import accept
from nbfinetune.data.augment import Plan, apply, draw, see
from nbfinetune.data.bands import channels_of, pixels_of, raster_of, raster_of_bytes
from nbfinetune.data.decode import UnreadableImage, decode, decode_as
from nbfinetune.data.images import ImageSet, open_images, with_cache, with_channels
from nbfinetune.data.index import ImageIndex, build_index, preview_index
from nbfinetune.data.loader import Loader
from nbfinetune.data.pixels import OPERATIONS
from nbfinetune.data.randomness import rng_for
from nbfinetune.data.stored_image import stored_image, stored_side
from nbfinetune.data.view import View
from nbfinetune.errors import DataError
from nbfinetune.records import AugmentConfig, DataConfig, Folder

NUMBERS = (1, 2, 3, 4, 6)
STRONG = AugmentConfig(preset="strong")
MOVING = [name for name, operation in OPERATIONS.items() if operation.moves]
COLOURING = [name for name in OPERATIONS if name not in (*MOVING, "Identity")]


def never(*told):
    pytest.fail(str(told))


def noise(channels, height=60, width=80, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def arrays(pixels) -> ImageSet:
    zeros = np.zeros(len(pixels), np.int64)
    return ImageSet(ImageIndex(("a", "b"), zeros, zeros.astype(np.uint8)), pixels)


def loader_of(images, ids=None):
    return Loader(
        images,
        np.arange(len(images)) if ids is None else ids,
        size_px=32,
        interpolation="bicubic",
        crop_pct=0.9,
        augment=STRONG,
        seed=3,
        batch_size=4,
        threads=2,
        on_skip=never,
    )


@pytest.fixture
def clear_photos(tmp_path):
    """Four PNG of 160 by 120 with alpha, whose colours are 0 where they are transparent."""
    folder = tmp_path / "clear"
    for number in range(4):
        pixels = noise(4, 120, 160, number)
        pixels[:, :80, 3], pixels[:, 80:, 3] = 255, 0
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.mark.parametrize("channels", NUMBERS)
def test_pixels_become_an_image_and_bytes_and_pixels_again(channels):
    pixels = noise(channels)
    image = raster_of(pixels)
    assert (image.size, channels_of(image)) == ((80, 60), channels)
    again = raster_of_bytes(np.frombuffer(image.tobytes(), np.uint8), image.size, channels)
    assert (pixels_of(image) == pixels).all()
    assert (pixels_of(again) == pixels).all()


@pytest.mark.parametrize("channels", [2, 4, 6])
def test_each_band_is_cut_and_moved_as_a_grey_image_of_its_own(channels):
    """Alpha, or infrared in its place, must not weigh the colours as Pillow's RGBA would."""
    pixels = noise(channels)
    pixels[::2, :, -1] = 0
    stored = stored_image(pixels, 40, channels)
    for name in (*MOVING, "Identity"):
        plan = Plan((3, 4, 40, 38), True, ((name, OPERATIONS[name].magnitude(17)),))
        seen = apply(stored, plan, 24, "bicubic")
        for band in range(channels):
            alone = apply(stored_image(pixels[..., band], 40, 1), plan, 24, "bicubic")
            assert (seen[..., band] == alone[..., 0]).all(), (name, band)


@pytest.mark.parametrize("name", COLOURING)
def test_colours_of_rgb_and_alpha_change_as_those_of_rgb_and_alpha_stays(name):
    pixels = noise(4, 32, 32) // 2
    plan = Plan((0, 0, 32, 32), False, ((name, OPERATIONS[name].magnitude(20)),))
    seen = apply(decode_as(pixels, 4), plan, 32, "nearest")
    assert (seen[..., 3] == pixels[..., 3]).all()
    opaque = np.ascontiguousarray(pixels[..., :3])
    assert (seen[..., :3] == apply(decode_as(opaque, 3), plan, 32, "nearest")).all()
    assert (seen[..., :3] != opaque).any()


@pytest.mark.parametrize("name", COLOURING)
def test_bands_that_are_no_colours_keep_their_values_and_grey_changes(name):
    pixels = noise(6, 32, 32) // 2
    plan = Plan((0, 0, 32, 32), False, ((name, OPERATIONS[name].magnitude(20)),))
    assert (apply(decode_as(pixels, 6), plan, 32, "nearest") == pixels).all()
    grey = pixels[..., :1]
    changed = (apply(decode_as(grey, 1), plan, 32, "nearest") != grey).any()
    assert changed == (name != "Color")


def test_what_is_drawn_for_an_image_does_not_depend_on_its_channels():
    pixels = noise(6)
    six = arrays(pixels[None])
    one = arrays(np.ascontiguousarray(pixels[None, ..., 4]))
    for epoch in range(20):
        plan = draw(STRONG, rng_for(0, epoch, 0), 80, 60)
        if plan.operations[0][0] in (*MOVING, "Identity"):
            seen = apply(with_channels(six, 6).stored(0, 40), plan, 32, "bilinear")
            alone = apply(with_channels(one, 1).stored(0, 40), plan, 32, "bilinear")
            assert (seen[..., 4] == alone[..., 0]).all()


def test_files_of_all_kinds_become_grey(tmp_path):
    grey = noise(1)[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "rgb.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.dstack([grey, np.full_like(grey, 255)])).save(tmp_path / "clear.png")
    for path in tmp_path.glob("*.png"):
        image = decode_as(path, 1)
        assert (image.mode, np.asarray(image).tolist()) == ("L", grey.tolist()), path.name
    Image.fromarray(grey).save(tmp_path / "large.jpg", quality=100, subsampling=0)
    smaller = decode_as(tmp_path / "large.jpg", 1, at_least=15)
    assert (smaller.mode, smaller.size) == ("L", (20, 15))


def test_what_is_transparent_is_white_in_grey_and_keeps_its_alpha_in_four(clear_photos):
    path = clear_photos / "a" / "0.png"
    given = np.asarray(Image.open(path))
    assert (pixels_of(decode_as(path, 1))[:, 80:] == 255).all()
    assert (pixels_of(decode_as(path, 4)) == given).all()
    assert (pixels_of(decode_as(path, 3)) == np.asarray(decode(path))).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "CMYK", "I;16", "1"])
def test_an_image_without_alpha_is_opaque_in_four(mode, tmp_path):
    name = "a.tif" if mode == "CMYK" else "a.png"
    image = Image.fromarray(noise(3)) if mode != "I;16" else Image.fromarray(noise(1)[..., 0])
    (image if mode == "I;16" else image.convert(mode)).save(tmp_path / name)
    pixels = pixels_of(decode_as(tmp_path / name, 4))
    assert (pixels[..., 3] == 255).all()
    assert (pixels[..., :3] == np.asarray(decode(tmp_path / name))).all()


def test_other_channels_than_the_images_have_are_refused_with_what_to_set(tmp_path):
    Image.fromarray(noise(3)).save(tmp_path / "a.png")
    files = ImageSet(ImageIndex(("a",), np.zeros(1, np.int64), np.zeros(1, np.uint8), ("a.png",)))
    with pytest.raises(DataError, match=r"in_chans is 6, but image files give 1 .*, 3 .* or 4"):
        with_channels(files, 6)
    with pytest.raises(DataError, match=r"6 channels .* in_chans is 3: set in_chans=6"):
        with_channels(arrays(noise(6)[None]), 3)
    with pytest.raises(DataError, match=r"1 channel \(.* in_chans is 5: set in_chans=1"):
        with_channels(arrays(noise(1)[None, ..., 0]), 5)
    with pytest.raises(UnreadableImage, match="set in_chans=6"):
        stored_image(noise(6), 40, 4)
    assert [with_channels(files, number).channels for number in (1, 3, 4)] == [1, 3, 4]


def test_grey_rgb_and_alpha_arrays_are_made_of_one_another():
    for own in (1, 3, 4):
        images = arrays(noise(own)[None])
        for wanted in (1, 3, 4):
            stored = with_channels(images, wanted).stored(0, 40)
            assert channels_of(stored) == wanted


@pytest.mark.parametrize("channels", NUMBERS)
def test_batches_of_any_channels_hold_what_the_view_shows(channels):
    images = with_channels(arrays(np.stack([noise(channels, seed=i) for i in range(6)])), channels)
    loader = loader_of(images)
    batch = next(loader.epoch(1, shuffle=False, drop_last=False))
    assert batch.images.shape == (4, 32, 32, channels)
    loader.close()
    view = View(32, "bicubic", 0.9, STRONG, 3)
    expected = [view.pixels(images, number, 1) for number in range(4)]
    assert (batch.images == np.stack(expected)).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_cache_keeps_the_channels_apart_and_gives_the_very_pixels(channels, clear_photos):
    source = Folder(path=str(clear_photos))
    index = build_index(DataConfig(source=source), 0, clear_photos.parent, never)
    side = stored_side(32, 0.9)
    kept = [with_cache(with_channels(ImageSet(index), n), side, never) for n in (1, 3, 4)]
    plain = with_channels(ImageSet(index), channels)
    assert len({images.cache.folder for images in kept}) == 3
    for _ in range(2):  # written, then read
        for images in kept:
            for number in range(len(index)):
                image = images.stored(number, side)
                assert channels_of(image) == images.channels
                if images.channels == channels:
                    assert image.tobytes() == plain.stored(number, side).tobytes()
    for images in kept:
        images.cache.close()
    again = with_cache(with_channels(ImageSet(index), channels), side, never)
    for path in clear_photos.rglob("*.png"):
        path.unlink()
    seen = see(again.stored(0, side), 32, "bilinear", 0.9)
    assert seen.shape == (32, 32, channels)
    again.cache.close()


def test_people_are_shown_the_first_bands():
    six, two = noise(6), noise(2)
    assert (np.asarray(decode(six)) == six[..., :3]).all()
    assert (np.asarray(decode(two)) == two[..., :1]).all()
    assert arrays(six[None]).image(0).mode == "RGB"


def test_items_of_a_data_set_keep_their_alpha_and_six_bands_are_asked_for_as_an_array(tmp_path):
    clear = [(Image.fromarray(noise(4, seed=number)), number % 2) for number in range(4)]
    accepted = accept(Items(clear))
    accepted.place(tmp_path)
    index = preview_index(DataConfig(source=accepted.source), 0, tmp_path)
    images = open_images(accepted.source, index, tmp_path)
    stored = with_channels(images, 4).stored(2, 60)
    assert (pixels_of(stored) == np.asarray(clear[2][0])).all()
    with pytest.raises(DataError, match=r"item 0: .* 6 channels.*as one array \(N, height, width"):
        accept(Items([(noise(6), 0), (noise(6), 1)]))


class Items:
    """A data set with items by number."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        return self.items[number]
