"""A whole run on images of six bands: refused at once without `in_chans`, trained with it."""

from __future__ import annotations

import numpy as np
import pytest

from nbfinetune.errors import DataError


@pytest.fixture
def bands():
    """96 images of 16 px; the fifth of six bands is dark in one of two classes."""
    pixels = np.random.default_rng(1).integers(0, 256, (96, 16, 16, 6), dtype=np.uint8)
    labels = np.arange(96) % 2
    pixels[labels == 1, ..., 4] //= 3
    return pixels, labels


def test_six_bands_need_in_chans_and_then_go_all_the_way(bands, small, home, tmp_path):
    with pytest.raises(DataError, match="set in_chans=6"):
        small(bands)
    assert not list(home.iterdir())
    run = small(bands, in_chans=6, epochs=6, image_size=16).wait(progress=False)
    assert run.evaluate().accuracy > 0.9
    assert (run.predict(bands[0][:10])["label"] == bands[1][:10].astype(str)).mean() > 0.8
    assert len(run.predict(bands[0][0])) == 1
    model = run.load_model()
    assert model(model.preprocess(bands[0][:3])).shape == (3, 2)
    with pytest.raises(DataError, match=r"3 channels .* in_chans is 6"):
        run.predict(bands[0][:4, ..., :3])
    assert run.export(tmp_path / "six.safetensors").exists()
