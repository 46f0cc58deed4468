"""A run's model used: on new images, on labelled ones, and as validation saw it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from left_checkpoints import leave_checkpoint
from noisy_photos import noisy_photos
from PIL import Image
from safetensors.torch import save_file

from nbfinetune.data.images import open_images
from nbfinetune.data.index import build_index
from nbfinetune.data.loader import Loader
from nbfinetune.errors import CheckpointMismatch, DataError, ModelError
from nbfinetune.evaluation import inference
from nbfinetune.evaluation.metrics import save_predictions
from nbfinetune.models.build import build
from nbfinetune.models.inputs import model_input
from nbfinetune.records import DataConfig, FineTuneConfig, Folder, ModelConfig

CLASSES = ("daisy", "rose", "tulip")
SIZE = 64


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six noisy photos of three colours, of sizes above and below the model's."""
    sizes = [(side, side + 10) for side in range(40, 220, 30)]
    return noisy_photos(tmp_path_factory.mktemp("photos"), CLASSES, sizes)


def make_run(folder, config, *, ema=False, which="best", classes=CLASSES):
    """What the engine leaves behind, without training."""
    torch.manual_seed(0)
    size = 16 if config.model.name.startswith("factories:") else SIZE
    built = build(config.model, num_classes=len(classes), image_size=size)
    state = built.module.state_dict()
    tensors = {f"model.{k}": v * 0 if ema else v for k, v in state.items()}
    tensors |= {f"ema.{k}": v for k, v in state.items()} if ema else {}
    tensors["rng.torch"] = torch.zeros(4, dtype=torch.uint8)
    left = {"which": which, "tensors": tensors, "step": 7, "epoch": 1}
    leave_checkpoint(folder, config.model, built.module, classes, size, **left)
    return built.module.eval()


def config_for(photos, name="test_resnet", **model):
    return FineTuneConfig(
        data=DataConfig(source=Folder(path=str(photos))),
        model=ModelConfig(name=name, pretrained=False, **model),
    )


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """Folder, configuration and network of one run."""
    folder = tmp_path_factory.mktemp("run")
    config = config_for(photos)
    return folder, config, make_run(folder, config)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("test_resnet", {}),
        ("test_vit", {"dropout": 0.5}),
        ("tv_squeezenet1_1", {"head": "mlp", "dropout": 0.1}),
        ("factories:wide_cnn", {}),
    ],
)
def test_a_loaded_model_gives_what_the_trained_one_gave(photos, tmp_path, name, model):
    config = config_for(photos, name, **model)
    trained = make_run(tmp_path, config, ema=name == "test_vit")
    loaded = inference.load_model(tmp_path, config)
    assert not any(module.training for module in loaded.modules())
    assert loaded.classes == CLASSES
    batch = loaded.preprocess(photos / "rose" / "5.jpg")
    assert torch.equal(loaded(batch), trained(batch))


def test_preprocessing_equals_validation_bit_for_bit(run, photos, tmp_path):
    folder, config, _ = run
    loaded = inference.load_model(folder, config)
    index = build_index(config.data, 0, tmp_path, print)
    images = open_images(config.data.source, index, tmp_path)
    facts = model_input("test_resnet")
    loader = Loader(
        images,
        np.arange(len(index)),
        size_px=SIZE,
        interpolation=facts.interpolation,
        crop_pct=facts.crop_pct,
        augment=None,
        seed=0,
        batch_size=len(index),
        threads=2,
        on_skip=print,
    )
    (batch,) = loader.epoch(0, shuffle=False, drop_last=False)
    paths = [index.path(number) for number in batch.ids]
    ours = loaded.preprocess(paths)
    mean, std = (torch.tensor(v).mul_(255.0).view(-1, 1, 1) for v in (facts.mean, facts.std))
    theirs = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float().sub_(mean).div_(std)
    assert ours.shape == (18, 3, SIZE, SIZE)
    assert torch.equal(ours, theirs)


def test_images_of_every_kind_are_predicted_alike(run, photos):
    folder, config, trained = run
    path = photos / "tulip" / "2.jpg"
    opened = Image.open(path)
    opened.load()
    array = np.asarray(opened)
    listed = [path, str(path), opened, array, array.astype(np.float32) / 255]
    frame = inference.predict(folder, config, listed, batch_size=2)
    assert list(frame.columns) == ["name", "label", *CLASSES]
    assert list(frame["name"]) == [str(path), str(path), "image 2", "image 3", "image 4"]
    probabilities = frame[list(CLASSES)].to_numpy()
    assert np.ptp(probabilities, axis=0).max() < 1e-6
    assert probabilities.sum(axis=1) == pytest.approx(1)
    expected = trained(inference.load_model(folder, config).preprocess(path)).softmax(1)
    assert probabilities[0] == pytest.approx(expected[0].detach().numpy(), abs=1e-6)
    assert frame["label"][0] == CLASSES[int(expected.argmax())]


def test_a_folder_a_single_image_and_a_stack_of_arrays_are_predicted(run, photos):
    folder, config, _ = run
    assert len(inference.predict(folder, config, photos)) == 18
    roses = inference.predict(folder, config, photos / "rose")
    assert roses["name"][0] == str(photos / "rose" / "0.jpg")
    assert len(inference.predict(folder, config, photos / "rose" / "0.jpg")) == 1
    grey = np.zeros((4, 30, 30), np.uint8)
    assert len(inference.predict(folder, config, grey)) == 4
    assert len(inference.predict(folder, config, grey[0])) == 1


def test_paths_may_begin_at_home_and_keep_their_names(run, photos, monkeypatch):
    folder, config, _ = run
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(photos))
    frame = inference.predict(folder, config, ["~/rose/0.jpg", photos / "rose" / "0.jpg"])
    assert list(frame["name"]) == ["~/rose/0.jpg", str(photos / "rose" / "0.jpg")]
    assert frame["label"][0] == frame["label"][1]
    assert len(inference.predict(folder, config, "~/rose/0.jpg")) == 1


def test_an_unreadable_image_has_no_label_and_is_named(run, photos, tmp_path):
    folder, config, _ = run
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    images = [photos / "rose" / "0.jpg", tmp_path / "broken.jpg", photos / "rose" / "1.jpg"]
    with pytest.warns(UserWarning, match=r"1 image .*broken\.jpg"):
        frame = inference.predict(folder, config, images)
    alone = inference.predict(folder, config, [images[0], images[2]])
    assert list(frame["label"].notna()) == [True, False, True]
    assert frame[list(CLASSES)].isna().all(axis=1).tolist() == [False, True, False]
    assert list(frame["label"][[0, 2]]) == list(alone["label"])


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "empty"),
        (7, "a int is no image"),
        (np.zeros((2, 3, 4, 5, 6)), "is no image"),
        (np.full((8, 8, 3), -1.5), "-1.5"),
        (np.zeros((8, 8), dtype=object), "object"),
        ("no-such-file.jpg", "no-such-file"),
    ],
)
def test_what_is_no_image_is_refused_in_words(run, images, sentence):
    folder, config, _ = run
    with pytest.raises(DataError, match=sentence):
        inference.predict(folder, config, images)


def test_the_stored_predictions_are_evaluated_without_the_model(photos, tmp_path):
    config = config_for(photos)
    index = build_index(config.data, 0, tmp_path, print)
    (tmp_path / "predictions").mkdir()
    logits = np.eye(3, dtype=np.float32)[index.labels[index.val]] * 5
    save_predictions(
        tmp_path / "predictions" / "best.npz", logits, index.labels[index.val], index.val
    )
    kept = inference.evaluate(tmp_path, config)
    assert kept.accuracy == 1.0
    assert kept.names == tuple(index.name(int(number)) for number in index.val)


def test_without_stored_predictions_the_runs_own_validation_images_are_measured(photos, tmp_path):
    config = config_for(photos)
    trained = make_run(tmp_path, config, which="last")
    index = build_index(config.data, 0, tmp_path, print)
    measured = inference.evaluate(tmp_path, config, which="last")
    loaded = inference.load_model(tmp_path, config, "last")
    expected = trained(loaded.preprocess([index.path(int(n)) for n in index.val]))
    assert measured.logits == pytest.approx(expected.detach().numpy(), abs=1e-5)
    assert list(measured.labels) == list(index.labels[index.val])
    assert measured.ids is not None
    assert list(measured.ids) == list(index.val)


def test_new_data_are_calibrated_by_what_the_run_stored(photos, tmp_path):
    config = config_for(photos)
    for which in ("best", "last"):
        make_run(tmp_path, config, which=which)
    index = build_index(config.data, 0, tmp_path, print)
    (tmp_path / "predictions").mkdir()
    labels = index.labels[index.val]
    logits = np.random.default_rng(0).normal(size=(len(labels), 3)) + np.eye(3)[labels]
    save_predictions(tmp_path / "predictions" / "best.npz", logits, labels, index.val)
    own = inference.evaluate(tmp_path, config)
    new = inference.evaluate(tmp_path, config, photos)
    assert own.temperature == new.temperature == new.calibration().temperature
    assert new.ids is None
    assert not new.calibration().fitted_here
    # What is stored is of the best model: the last one's temperature is its own.
    assert inference.evaluate(tmp_path, config, photos, which="last").calibration().fitted_here


def test_classes_of_other_data_are_matched_by_name(run, photos, tmp_path):
    folder, config, _ = run
    for name in ("tulip", "daisy"):
        (tmp_path / name).symlink_to(photos / name, target_is_directory=True)
    some = inference.evaluate(folder, config, tmp_path)
    every = inference.evaluate(folder, config, photos)
    assert some.classes == CLASSES
    assert sorted(set(some.labels.tolist())) == [0, 2]
    assert len(some), len(every) == (12, 18)
    assert some.confusion.loc["daisy"].tolist() == every.confusion.loc["daisy"].tolist()
    assert some.confusion.loc["tulip"].tolist() == every.confusion.loc["tulip"].tolist()


def test_of_data_with_a_validation_part_that_part_is_measured(run, photos, tmp_path):
    folder, config, _ = run
    for part, numbers in (("train", (0, 1)), ("val", (2,))):
        for name in CLASSES:
            (tmp_path / part / name).mkdir(parents=True)
            for number in numbers:
                (tmp_path / part / name / f"{number}.jpg").symlink_to(
                    photos / name / f"{number}.jpg"
                )
    assert len(inference.evaluate(folder, config, tmp_path)) == 3


def test_arrays_with_their_class_names_are_measured(run):
    folder, config, _ = run
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    labels = ["rose", "daisy", "rose", "daisy", "daisy", "rose"]
    measured = inference.evaluate(folder, config, (images, labels))
    assert measured.labels.tolist() == [1, 0, 1, 0, 0, 1]
    frame = inference.predict(folder, config, images)
    assert [CLASSES[n] for n in measured.logits.argmax(1)] == frame["label"].tolist()


def test_a_class_that_the_run_does_not_know_is_named(run, photos, tmp_path):
    folder, config, _ = run
    for name in ("tulip", "orchid"):
        (tmp_path / name).symlink_to(photos / "tulip", target_is_directory=True)
    with pytest.raises(
        DataError, match=r"orchid\. Matched by name: tulip \(1 of 2\).*daisy, rose, tulip"
    ):
        inference.evaluate(folder, config, tmp_path)


def test_a_file_that_is_no_checkpoint_of_a_run_is_named(photos, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "best.safetensors"
    with pytest.raises(ModelError, match=r"best\.safetensors"):
        inference.load_model(tmp_path, config_for(photos))
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match=r"best\.safetensors is no checkpoint of a run"):
        inference.load_model(tmp_path, config_for(photos))


def test_a_model_whose_own_code_has_changed_is_refused(photos, tmp_path, monkeypatch):
    source = "from torch import nn\ndef make(num_classes):\n    return nn.Sequential({})\n"
    parts = (
        "nn.Conv2d(3, {0}, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear({0}, num_classes)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    config = config_for(photos, "nets_that_change:make")
    (tmp_path / "nets_that_change.py").write_text(source.format(parts.format(4)))
    make_run(tmp_path, config)
    monkeypatch.delitem(sys.modules, "nets_that_change")
    (tmp_path / "nets_that_change.py").write_text(source.format(parts.format(8)))
    with pytest.raises(CheckpointMismatch, match="size mismatch"):
        inference.load_model(tmp_path, config)
    sys.modules.pop("nets_that_change")
