"""Runs on grey, on transparent and on six-band images, whose classes only those channels tell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from nbfinetune.data.cache_files import caches_home
from nbfinetune.errors import DataError
from nbfinetune.evaluation.inference import evaluate, load_model, predict
from nbfinetune.records import EpochDone, Stop

STOP_AT = 13


def noise(count, side, channels):
    return np.random.default_rng(5).integers(0, 256, (count, side, side, channels), dtype=np.uint8)


@pytest.fixture(scope="module")
def digits():
    """Handwritten digits as (N, 8, 8)."""
    data = load_digits(n_class=4)
    return np.rint(data.images * (255 / 16)).astype(np.uint8), data.target


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """PNG of noise; what is transparent is the left or the upper half."""
    folder = tmp_path_factory.mktemp("windows")
    for number, pixels in enumerate(noise(96, 20, 4)):
        pixels[..., 3] = 255
        half = ("left", "upper")[number % 2]
        (pixels[:, :10] if half == "left" else pixels[:10])[..., 3] = 0
        (folder / half).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / half / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def bands():
    """Six bands of noise; the fifth is bright in one of two classes."""
    pixels, labels = noise(128, 16, 6), np.arange(128) % 2
    pixels[labels == 1, ..., 4] //= 2
    return pixels, labels


@pytest.mark.parametrize(
    ("data", "channels", "settings"),
    [
        ("digits", 1, {"epochs": 12, "batch_size": 32, "flip": False, "lr": 2e-2}),
        ("windows", 4, {"epochs": 8, "augment": "none"}),
        ("bands", 6, {"epochs": 6, "augment": "strong"}),
    ],
)
def test_a_run_learns_from_its_channels_goes_on_bit_for_bit_and_predicts(
    data, channels, settings, engine, request
):
    source = request.getfixturevalue(data)
    settings = {"data": source, "in_chans": channels} | settings
    whole = engine(**settings)
    assert max(done.accuracy for done in whole.log.of(EpochDone)) > 0.9
    assert whole.weights()["0.weight"].shape[1] == channels

    stopped = engine({STOP_AT: [Stop()]}, **settings)
    rest = engine(folder=stopped.folder, **settings)
    assert stopped.log.losses() + rest.log.losses() == whole.log.losses()
    for name, weights in whole.weights().items():
        assert np.array_equal(rest.weights()[name], weights), name

    model = load_model(whole.folder, whole.config)
    assert model.preprocess.channels == channels
    kept = evaluate(whole.folder, whole.config)
    (whole.folder / "predictions" / "best.npz").unlink()
    anew = evaluate(whole.folder, whole.config)
    assert anew.accuracy == kept.accuracy
    torch.testing.assert_close(anew.logits, kept.logits, rtol=1e-4, atol=1e-4)
    images = source / "left" if data == "windows" else source[0][:40]
    frame = predict(whole.folder, whole.config, images)
    right = "left" if data == "windows" else source[1][:40].astype(str)
    assert (frame["label"] == right).mean() > 0.8
    assert len(evaluate(whole.folder, whole.config, source)) > 80


def test_a_transparent_photo_is_kept_decoded_with_its_alpha(windows, engine):
    without = engine(data=windows, in_chans=4, cache=False)
    assert not caches_home().exists()
    for _ in range(2):  # filled, then read
        kept = engine(data=windows, in_chans=4)
        assert kept.log.losses() == without.log.losses()
    assert list(caches_home().glob("*/pixels.bin"))


@pytest.mark.parametrize(
    ("data", "channels", "words"),
    [
        ("bands", 3, r"6 channels .* in_chans is 3: set in_chans=6"),
        ("digits", 2, r"1 channel .* in_chans is 2: set in_chans=1"),
        ("windows", 6, r"in_chans is 6, but image files give 1 .*pass arrays"),
    ],
)
def test_channels_that_the_images_lack_end_a_run_before_its_model_is_built(
    data, channels, words, engine, request
):
    with pytest.raises(DataError, match=words):
        engine(data=request.getfixturevalue(data), in_chans=channels, model="no:model")
