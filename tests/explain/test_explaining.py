"""Maps of a run's model point at what decides, for any image that can be predicted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from torch import nn

from nbfinetune.errors import ConfigError, DataError, ModelError
from nbfinetune.evaluation.inference import predict
from nbfinetune.evaluation.trained import load_model
from nbfinetune.explain.explaining import explain, heat_maps

LOOKED_AT = 40
CNN = "factories:small_cnn"
CAMS = ("auto", "grad_cam", "hires_cam", "eigen_cam")
ATTENTION = ("auto", "gradient_attention", "attention_rollout")


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *((CNN, method) for method in CAMS),
        *(pytest.param("test_vit", method, marks=pytest.mark.slow) for method in ATTENTION),
    ],
)
def test_the_map_lies_mostly_in_the_quadrant_that_decides(planted, name, method):
    run = planted(name)
    paths = list(run.quadrants)[:LOOKED_AT]
    maps = explain(run.folder, run.config, paths, method=method)
    assert [one.name for one in maps] == paths
    assert {one.class_name for one in maps} == {"red", "green"}
    shares = [
        one.values[run.quadrants[path]].sum() / one.values.sum()
        for one, path in zip(maps, paths, strict=True)
    ]
    assert np.mean(shares) > 0.6
    assert np.mean(np.array(shares) > 0.5) >= 0.8


def test_a_class_may_be_asked_for_that_the_model_did_not_choose(planted):
    run = planted(CNN)
    paths = list(run.quadrants)[:6]
    said = predict(run.folder, run.config, paths)
    for target in ("red", "green"):
        maps = explain(run.folder, run.config, paths, target=target)
        assert {one.class_name for one in maps} == {target}
        assert [one.probability for one in maps] == pytest.approx(said[target].tolist(), abs=1e-4)


def test_a_map_has_the_size_of_its_image(planted):
    run = planted(CNN)
    wide = np.zeros((90, 150, 3), np.uint8)
    large = Image.new("RGB", (800, 1000))
    maps = explain(run.folder, run.config, [wide, large], method="eigen_cam")
    assert [one.values.shape for one in maps] == [(90, 150), (1000, 800)]
    assert maps[1].image.size == (512, 640)
    assert maps[1].overlay(large).size == large.size
    left, top, right, lower = maps[0].box
    seen = 90 * load_model(run.folder, run.config).preprocess.crop_pct
    assert (right - left, lower - top) == pytest.approx((seen, seen), abs=1)
    assert ((left + right) / 2, (top + lower) / 2) == pytest.approx((75, 45), abs=1)


def test_images_of_the_run_are_meant_by_number_and_by_name(planted):
    run = planted(CNN)
    first = explain(run.folder, run.config, 0)[0]
    again = explain(run.folder, run.config, [np.int64(0), first.name, "green/0.png"])
    assert [one.name for one in again] == [first.name] * 3
    for one in again:
        assert one.grid == pytest.approx(first.grid, abs=1e-5)
    with pytest.raises(DataError, match=r"no image 999.*0 to 239"):
        explain(run.folder, run.config, [0, 999])


def test_what_can_be_predicted_can_be_explained(planted):
    run = planted(CNN)
    path = next(iter(run.quadrants))
    opened = Image.open(path)
    array = np.asarray(opened)
    maps = explain(run.folder, run.config, [path, opened, array, array.astype(np.float32) / 255])
    assert [one.name for one in maps] == [path, "image 1", "image 2", "image 3"]
    for one in maps:
        assert one.grid == pytest.approx(maps[0].grid, abs=1e-5)
    whole = explain(run.folder, run.config, run.photos / "red", method="grad_cam")
    assert len(whole) == 120
    assert len(explain(run.folder, run.config, np.stack([array, array]))) == 2


@pytest.mark.parametrize(
    ("images", "error", "sentence"),
    [
        ([], DataError, "empty"),
        (7.5, DataError, "a float is no image"),
        ("no-such-file.jpg", DataError, "neither a file nor an image of the run"),
        (np.zeros((2, 3, 4, 5, 6)), DataError, "is no image"),
    ],
)
def test_what_is_no_image_is_refused_in_words(planted, images, error, sentence):
    run = planted(CNN)
    with pytest.raises(error, match=sentence):
        explain(run.folder, run.config, images)


def test_an_unreadable_image_is_named(planted, tmp_path):
    run = planted(CNN)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        explain(run.folder, run.config, [next(iter(run.quadrants)), broken])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        explain(run.folder, run.config, tmp_path / "empty")


def test_wishes_that_can_not_be_are_refused_in_words(planted):
    run = planted(CNN)
    path = next(iter(run.quadrants))
    with pytest.raises(ConfigError, match=r"'blue'.*green, red"):
        explain(run.folder, run.config, path, target="blue")
    with pytest.raises(ConfigError, match=r"'gradcam'.*grad_cam"):
        explain(run.folder, run.config, path, method="gradcam")
    with pytest.raises(ModelError, match="attention_rollout"):
        explain(run.folder, run.config, path, method="attention_rollout")
    with pytest.raises(ModelError, match="no gradients"):
        heat_maps(object(), path)
    with pytest.raises(ModelError, match=r"Flatten does not say how it takes images.*load_model"):
        heat_maps(nn.Flatten(), path)


def test_a_loaded_model_is_explained_without_its_run(planted):
    run = planted(CNN)
    path = next(iter(run.quadrants))
    (one,) = heat_maps(load_model(run.folder, run.config), path)
    (other,) = explain(run.folder, run.config, path)
    assert np.array_equal(one.grid, other.grid)
    assert one.name == other.name == path
