"""Every kind of image file a folder may hold, written by Pillow and spoilt by hand."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from nbfinetune.data.decode import MAX_PIXELS, UnreadableImage, decode
from nbfinetune.data.headers import check_file, check_files
from nbfinetune.errors import DataError

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def halves(mode: str = "RGB", left=RED, right=GREEN, size=(32, 20)) -> Image.Image:
    """Left half one colour, right half another."""
    image = Image.new(mode, size, right)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1]), fill=left)
    return image


def corners(path: Path) -> list[tuple[int, ...]]:
    image = decode(path)
    assert image.mode == "RGB"
    return [image.getpixel((2, 2)), image.getpixel((image.width - 3, image.height - 3))]


def near(found, *expected, by=6):
    return all(np.abs(np.subtract(a, b)).max() <= by for a, b in zip(found, expected, strict=True))


def test_a_cmyk_photo_becomes_rgb(tmp_path):
    halves().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert near(corners(tmp_path / "a.jpg"), RED, GREEN)


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.bmp"])
def test_a_palette_becomes_its_colours(name, tmp_path):
    halves().quantize(4).save(tmp_path / name)
    assert near(corners(tmp_path / name), RED, GREEN)


@pytest.mark.parametrize("how", ["rgba", "la", "palette", "palette bytes", "colour key", "webp"])
def test_what_is_transparent_lies_on_white(how, tmp_path):
    path = tmp_path / "a.png"
    clear = halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0))
    if how == "rgba":
        clear.save(path)
    elif how == "la":
        halves("LA", (76, 255), (0, 0)).save(path)
    elif how == "palette":
        halves("P", 1, 0).save(path, transparency=0)
    elif how == "palette bytes":
        image = halves("P", 1, 0)
        image.putpalette([0, 0, 0, 255, 0, 0])
        image.save(path, transparency=bytes([0, 255]))
    elif how == "colour key":
        halves(right=(1, 2, 3)).save(path, transparency=(1, 2, 3))
    else:
        path = tmp_path / "a.webp"
        clear.save(path, lossless=True)
    left, right = corners(path)
    assert right == WHITE
    assert left != WHITE


def test_half_transparent_is_half_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert near(corners(tmp_path / "a.png"), (127,) * 3, (127,) * 3, by=1)


@pytest.mark.parametrize(
    ("name", "dtype"), [("a.png", np.uint16), ("a.tif", np.uint16), ("a.tif", np.int32)]
)
def test_sixteen_bits_are_scaled_and_not_cut_off(name, dtype, tmp_path):
    deep = np.tile(np.array([0, 32768, 65535], dtype), (4, 1))
    Image.fromarray(deep).save(tmp_path / name)
    assert np.asarray(decode(tmp_path / name))[0, :, 0].tolist() == [0, 128, 255]


def test_a_dark_image_of_sixteen_bits_stays_dark(tmp_path):
    Image.fromarray(np.array([[0, 100, 200]], np.uint16)).save(tmp_path / "a.png")
    assert np.asarray(decode(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 1e6, 2e6], [0, 128, 255]),
        ([float("nan"), 0.0, 1.0], [0, 0, 255]),
        ([-5.0, 0.0, 1.0], [0, 0, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_a_tiff_of_floats_is_scaled_to_bytes(values, expected, tmp_path):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")
    assert np.asarray(decode(tmp_path / "a.tif"))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_becomes_rgb(mode, tmp_path):
    halves(mode, 255, 0).save(tmp_path / "a.png")
    assert corners(tmp_path / "a.png") == [WHITE, (0, 0, 0)]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_of_a_moving_picture_the_first_frame_counts(name, tmp_path):
    first, second = halves(), halves(left=GREEN, right=RED)
    first.save(tmp_path / name, save_all=True, append_images=[second])
    assert near(corners(tmp_path / name), RED, GREEN, by=24)
    assert check_file(str(tmp_path / name)) is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_photo_is_turned_upright_once(orientation, name, tmp_path):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = halves() if orientation == 1 else halves().transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / name, exif=exif, quality=95)
    assert decode(tmp_path / name).size == (32, 20)
    assert near(corners(tmp_path / name), RED, GREEN, by=24)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("exif", [b"II*\0\xff\xff\xff\xffnonsense", b"MM\0*\0\0", b"nonsense"])
def test_a_broken_exif_block_does_not_cost_the_photo(exif, name, tmp_path):
    halves().save(tmp_path / name, exif=b"Exif\0\0" + exif, quality=95)
    assert near(corners(tmp_path / name), RED, GREEN, by=24)


def test_a_large_jpeg_is_decoded_at_a_fraction_that_is_enough(tmp_path):
    halves(size=(1600, 1000)).save(tmp_path / "a.jpg")
    assert decode(tmp_path / "a.jpg").size == (1600, 1000)
    assert decode(tmp_path / "a.jpg", at_least=224).size == (400, 250)
    assert decode(tmp_path / "a.jpg", at_least=1001).size == (1600, 1000)


def bomb(path: Path, side: int) -> Path:
    """PNG whose header claims a huge image."""
    chunk = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", chunk), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("side", [int(MAX_PIXELS**0.5) + 1, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side, tmp_path):
    path = bomb(tmp_path / "a.png", side)
    with pytest.raises(UnreadableImage, match="bomb") as refusal:
        decode(path)
    assert (refusal.value.path, str(path) in str(refusal.value)) == (str(path), True)
    assert "bomb" in check_file(str(path))


def spoil(path: Path, how: str) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    if how == "missing":
        return path
    if how == "zero bytes":
        path.touch()
    elif how == "text":
        path.write_text("this was a photo once")
    elif how == "folder":
        path.mkdir()
    else:
        Image.fromarray(noise).save(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * float(how))])
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "tif"])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("zero bytes", "zero bytes"),
        ("text", "not an image"),
        ("missing", "No such file"),
        ("folder", "directory|not an image|[Pp]ermission"),
        ("0.5", "."),
        ("0.01", "."),
    ],
)
def test_a_spoilt_file_is_one_error_with_its_path(how, words, suffix, tmp_path):
    path = spoil(tmp_path / f"a.{suffix}", how)
    with pytest.raises(UnreadableImage, match=words) as refusal:
        decode(path)
    assert isinstance(refusal.value, DataError)
    assert str(refusal.value).startswith(str(path))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("how", ["zero bytes", "text", "missing", "0.01", "0.5", "0.95"])
def test_the_check_before_training_finds_what_decoding_would(how, suffix, tmp_path):
    assert check_file(str(spoil(tmp_path / f"a.{suffix}", how)))


def test_bytes_after_the_end_of_a_photo_do_not_make_it_bad(tmp_path):
    halves().save(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"maker notes of a camera" * 9)
    assert check_file(str(tmp_path / "a.jpg")) is None


def test_only_a_sample_of_a_large_set_is_checked_first(tmp_path, monkeypatch):
    monkeypatch.setattr("nbfinetune.data.headers.MAX_CHECKED", 10)
    names = [str(tmp_path / f"{i}.jpg") for i in range(35)]
    bad, looked_at = check_files("", names, threads=2)
    assert sorted(bad) == list(range(0, 35, 4))
    assert looked_at == 9


def test_programs_are_never_started_for_a_file(tmp_path):
    halves().save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImage, match="format that can't be read"):
        decode(tmp_path / "a.jpg")


def test_warnings_of_pillow_end_nothing_even_in_threads(tmp_path):
    image = halves().quantize(4)
    image.save(tmp_path / "a.png", transparency=bytes([255, 255, 255, 255]))
    halves().save(tmp_path / "b.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\x7f\0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as pool:
            paths = [tmp_path / "a.png", tmp_path / "b.jpg"] * 20
            assert {image.mode for image in pool.map(decode, paths)} == {"RGB"}


def test_arrays_and_images_are_taken_too():
    grey = np.array([[0, 90], [200, 255]], np.uint8)
    assert np.asarray(decode(grey))[..., 2].tolist() == grey.tolist()
    assert np.asarray(decode(grey[..., None]))[..., 2].tolist() == grey.tolist()
    with pytest.raises(UnreadableImage, match="the ndarray"):
        decode(np.zeros((2, 2, 5, 1), np.uint8))
    given = halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0))
    assert decode(given).getpixel((30, 2)) == WHITE
    assert given.mode == "RGBA"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]), st.data())
def test_any_damage_gives_an_image_or_the_one_error(tmp_path_factory, kind, data):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    halves().save(buffer, kind, **({"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}))
    spoilt = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(spoilt)
    try:
        image = decode(path)
    except UnreadableImage:
        return
    assert image.mode == "RGB"
