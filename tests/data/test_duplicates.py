"""What is the same to the eye is found, and only that."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from photos import photo
from PIL import Image, ImageEnhance

from nbfinetune.data.duplicates import (
    _NEIGHBOURS,
    MOST_BITS,
    PRINT_BYTES,
    fingerprint,
    groups,
    twins,
)
from nbfinetune.data.scan import look_at


def prints_of(images: list[Image.Image]) -> np.ndarray:
    found = [np.frombuffer(fingerprint(image.convert("L")), np.uint8) for image in images]
    return np.stack(found)


def alike(prints: np.ndarray, side: int = 200, digests: np.ndarray | None = None) -> list[tuple]:
    count = len(prints)
    digests = np.zeros((count, 16), np.uint8) if digests is None else digests
    found = groups(twins(digests, prints, np.full(count, side, np.int32)))
    return [tuple(group.tolist()) for group in found]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "changed",
    [
        lambda image: jpeg(image, 40),
        lambda image: image.resize((image.width // 2, image.height // 2)),
        lambda image: image.resize((image.width * 3, image.height * 3)),
        lambda image: image.convert("L"),
        lambda image: ImageEnhance.Brightness(image).enhance(1.25),
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
        lambda image: image.crop((1, 1, image.width - 1, image.height - 1)),
    ],
    ids=["jpeg", "half", "threefold", "grey", "brighter", "flatter", "edge cut off"],
)
def test_a_photo_and_what_became_of_it_are_near_duplicates(
    changed: Callable[[Image.Image], Image.Image],
) -> None:
    scenes = [photo(seed) for seed in range(12)]
    prints = prints_of([*scenes, *map(changed, scenes)])
    assert alike(prints) == [(number, number + 12) for number in range(12)]


def test_different_scenes_are_not() -> None:
    assert alike(prints_of([photo(seed) for seed in range(120)])) == []


def test_images_without_a_fingerprint_are_like_nobody() -> None:
    nothing = np.zeros((5, PRINT_BYTES), np.uint8)
    assert alike(np.concatenate([nothing, prints_of([photo(1)])])) == []


def test_equal_bytes_are_twins_even_where_there_is_little_to_see() -> None:
    digests = np.zeros((4, 16), np.uint8)
    digests[[1, 3]] = 7
    assert alike(np.zeros((4, PRINT_BYTES), np.uint8), digests=digests) == [(1, 3)]


def test_tiny_images_must_be_more_alike_than_photos() -> None:
    one = prints_of([photo(1)])[0]
    other = flipped(one, range(12, 24))
    assert alike(np.stack([one, other]), side=224) == [(0, 1)]
    assert alike(np.stack([one, other]), side=28) == []
    assert alike(np.stack([one, flipped(one, range(12, 18))]), side=28) == [(0, 1)]


def test_a_chain_of_likenesses_is_one_group() -> None:
    one = prints_of([photo(1)])[0]
    chain = [flipped(one, range(255 - 30 * step, 256)) for step in (2, 0, 1, 3, 4)]
    assert alike(np.stack(chain)) == [(0, 1, 2, 3, 4)]


def test_nearly_all_pairs_are_met_and_no_other_is_taken() -> None:
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 256, (400, PRINT_BYTES), dtype=np.uint8)
    scenes[:, 0] |= 128
    bits = [rng.choice(np.arange(1, 256), rng.integers(0, 80), replace=False) for _ in scenes]
    prints = np.concatenate(
        [scenes, [flipped(one, places) for one, places in zip(scenes, bits, strict=True)]]
    )
    found = {(one, other - 400) for one, other in alike(prints)}
    near = {(number, number) for number, places in enumerate(bits) if len(places) <= MOST_BITS}
    assert found <= near
    assert len(found) >= 0.9 * len(near)


def test_a_crowd_in_which_not_all_meet_is_still_one_group() -> None:
    one = prints_of([photo(1)])[0]
    places = itertools.islice(itertools.combinations(range(1, 256), 2), 20 * _NEIGHBOURS)
    crowd = np.stack([flipped(one, pair) for pair in places])
    assert alike(crowd) == [tuple(range(len(crowd)))]


def test_the_flowers_hold_the_twins_that_are_known(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("tf_flowers.zip")
    known = [
        ("roses/15922772266_1167a06620.jpg", "tulips/15922772266_1167a06620.jpg"),
        ("sunflowers/14889392928_9742aed45b_m.jpg", "sunflowers/15066430311_fb57fa92b0_m.jpg"),
        ("tulips/2344751399_71620039f2_n.jpg", "tulips/2333321040_3960b9d67e_n.jpg"),  # tinted
        ("roses/12407768513_3440238148_n.jpg", "roses/12406418663_af20dc225f_n.jpg"),  # recoloured
    ]
    paths = [path for pair in known for path in pair]
    others = sorted((folder / "val" / "daisy").glob("*.jpg"))[:100]
    found = [next(folder.glob(f"*/{path}")) for path in paths]
    prints = np.stack([np.frombuffer(look_at(path).print, np.uint8) for path in found + others])
    assert alike(prints) == [(0, 1), (2, 3), (4, 5), (6, 7)]


def flipped(print_: np.ndarray, places: object) -> np.ndarray:
    bits = np.unpackbits(print_)
    bits[list(places)] ^= 1
    return np.packbits(bits)
