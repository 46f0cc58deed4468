"""One look at one image: every kind of fault is planted and found; sound images are left alone."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from photos import photo
from PIL import Image, features

from nbfinetune.data import decode as decoding
from nbfinetune.data.decode import UnreadableImage, decode
from nbfinetune.data.scan import State, Trait, look_at, same_pixels
from nbfinetune.data.scan_facts import ROW, as_row

CAN_BE_CUT = ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", CAN_BE_CUT)
def test_a_sound_file_is_fine(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "a", encoded(photo(1), kind))
    facts = look_at(path)
    assert (facts.state, facts.reason, facts.traits) == (State.FINE, "", Trait(0))
    assert (facts.width, facts.height) == (160, 120)
    assert facts.size == path.stat().st_size
    assert facts.mtime_ns == path.stat().st_mtime_ns
    assert any(facts.digest)
    assert any(facts.print)


def test_a_file_that_is_no_image_is_corrupt(tmp_path: Path) -> None:
    facts = look_at(written(tmp_path / "a.jpg", b"a letter"))
    assert facts.state is State.CORRUPT
    assert "not an image" in facts.reason


def test_an_empty_file_has_zero_bytes(tmp_path: Path) -> None:
    facts = look_at(written(tmp_path / "a.jpg", b""))
    assert (facts.state, facts.reason) == (State.EMPTY, "the file has zero bytes")


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    facts = look_at(tmp_path / "a.jpg")
    assert (facts.state, facts.reason) == (State.MISSING, "No such file or directory")


@pytest.mark.parametrize("kind", CAN_BE_CUT)
def test_a_file_that_is_cut_off_is_truncated(tmp_path: Path, kind: str) -> None:
    data = encoded(photo(1), kind)
    facts = look_at(written(tmp_path / "a", data[: len(data) * 2 // 3]))
    assert facts.state is State.TRUNCATED, facts.reason


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_truncated_wherever_it_ends_just_as_training_finds(
    tmp_path: Path, progressive: bool
) -> None:
    data = encoded(photo(1, 900, 700), "JPEG", progressive=progressive)
    for cut in (1, 2, 50, len(data) // 2, len(data) * 9 // 10):
        path = written(tmp_path / "a.jpg", data[:-cut])
        assert look_at(path).state is State.TRUNCATED
        with pytest.raises(UnreadableImage):
            decode(path)


def test_a_png_that_decodes_to_something_else_is_damaged(tmp_path: Path) -> None:
    data = bytearray(encoded(photo(1), "PNG"))
    data[41:61] = bytes(20)  # the head of the packed pixels
    facts = look_at(written(tmp_path / "a.png", bytes(data)))
    assert facts.state is State.DAMAGED
    assert "checksums" in facts.reason


def test_a_bomb_is_too_large_and_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 10_000)
    facts = look_at(written(tmp_path / "a.png", encoded(photo(1), "PNG")))
    assert facts.state is State.TOO_LARGE
    assert "160 x 120 pixels" in facts.reason


@pytest.mark.parametrize(
    ("mode", "kind", "trait"),
    [
        ("CMYK", "JPEG", Trait.CMYK),
        ("RGBA", "PNG", Trait.ALPHA),
        ("LA", "PNG", Trait.ALPHA),
        ("I;16", "PNG", Trait.DEEP),
        ("F", "TIFF", Trait.DEEP),
        ("L", "PNG", Trait(0)),
        ("P", "GIF", Trait(0)),
    ],
)
def test_what_is_converted_is_noted(tmp_path: Path, mode: str, kind: str, trait: Trait) -> None:
    image = photo(1)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    facts = look_at(written(tmp_path / "a", encoded(image.convert(mode), kind)))
    assert (facts.state, facts.traits) == (State.FINE, trait)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_an_image_that_lies_is_noted_and_measured_and_compared_upright(
    tmp_path: Path, kind: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = photo(1).transpose(Image.Transpose.ROTATE_90)
    turned = look_at(written(tmp_path / "a", encoded(lying, kind, exif=exif)))
    upright = look_at(written(tmp_path / "b", encoded(photo(1), kind)))
    assert turned.traits is Trait.TURNED
    assert (turned.width, turned.height) == (upright.width, upright.height) == (160, 120)
    differing = np.frombuffer(turned.print, np.uint8) ^ np.frombuffer(upright.print, np.uint8)
    assert np.unpackbits(differing).sum() <= 8


def test_one_colour_is_noted_and_has_no_fingerprint(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(30, 1, (90, 90, 3)).astype(np.uint8)
    for image in (Image.new("RGB", (90, 90), "navy"), Image.fromarray(noise)):
        facts = look_at(written(tmp_path / "a.jpg", encoded(image, "JPEG")))
        assert facts.traits is Trait.ONE_COLOUR
        assert not any(facts.print)


def test_a_drawing_in_stripes_has_too_little_to_be_compared() -> None:
    stripes = np.repeat(np.arange(256, dtype=np.uint8)[None, :], 200, axis=0)
    facts = look_at(stripes)
    assert facts.traits is Trait(0)
    assert not any(facts.print)


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 1), (40, 30, 3), (40, 30, 4)])
def test_pixels_of_an_array_are_looked_at_like_files(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    facts = look_at(pixels)
    assert (facts.state, facts.width, facts.height) == (State.FINE, 30, 40)
    assert bool(facts.traits & Trait.ALPHA) is (shape[-1] == 4)
    row = np.array([as_row(facts)], ROW)[0]
    assert same_pixels(row, pixels)
    assert not same_pixels(row, pixels[::-1])
    assert not same_pixels(row, pixels.swapaxes(0, 1))


def test_an_odd_exif_block_harms_nobody(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", encoded(photo(1), "JPEG", exif=b"Exif\0\0MM\0*junk" * 9))
    assert look_at(path).state is State.FINE


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", encoded(photo(1), "JPEG"))
    path.chmod(0)
    assert look_at(path).state is State.MISSING


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_and_its_end_is_missed(tmp_path: Path) -> None:
    data = encoded(photo(1), "AVIF")
    assert look_at(written(tmp_path / "a", data)).state is State.FINE
    assert look_at(written(tmp_path / "b", data[:-100])).state is State.TRUNCATED


def test_real_photos_are_fine(shared_data: Callable[[str], Path]) -> None:
    paths = sorted(shared_data("tf_flowers_mini.zip").rglob("*.jpg"))
    assert len(paths) > 100
    assert {(facts.state, facts.traits) for facts in map(look_at, paths)} == {
        (State.FINE, Trait(0))
    }
