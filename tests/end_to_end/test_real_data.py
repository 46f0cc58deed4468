"""Real photos, real digits and real ImageNet weights through the one call."""

from __future__ import annotations

import pytest


@pytest.mark.slow
def test_mnist_trains_from_its_own_files(small, shared_data):
    run = small(
        shared_data("mnist_idx"),
        model="factories:wide_cnn",
        image_size=28,
        batch_size=128,
        epochs=1,
        flip=False,
        augment="none",
        lr=2e-3,
    ).wait(progress=False)
    started = next(e for e in run.events() if type(e).__name__ == "RunStarted")
    assert (started.train_images, started.val_images) == (60_000, 10_000)
    assert started.classes == tuple("0123456789")
    accuracy = run.metrics().loc[1, "accuracy"]
    print(f"MNIST, one epoch of a small network: accuracy {accuracy:.3f}")
    assert accuracy > 0.9


def flowers(small, data, checkpoint, **settings) -> float:
    values = {
        "model": "mobilenetv2_100",
        "checkpoint": checkpoint,
        "optimizer": "adamw",
        "lr": 2e-3,
        "schedule": "one_cycle",
        "seed": 0,
    }
    run = small(data, **(values | settings)).wait(progress=False)
    return float(run.metrics()["accuracy"].max())


@pytest.mark.slow
def test_imagenet_weights_beat_random_ones_on_a_few_photos(small, shared_data):
    photos = shared_data("tf_flowers_mini.zip")
    weights = str(shared_data("weights/mobilenetv2_100.in1k_dropin.safetensors"))
    settings = {"image_size": 96, "epochs": 6, "batch_size": 16, "augment": "light"}
    pretrained = flowers(small, photos, weights, **settings)
    random = flowers(small, photos, None, **settings)
    print(f"80 photos, 6 epochs at 96 px: ImageNet weights {pretrained:.3f}, random {random:.3f}")
    assert pretrained > random + 0.2


@pytest.mark.slow
def test_imagenet_weights_beat_random_ones_on_the_flowers_photos(small, shared_data):
    photos = shared_data("tf_flowers.zip")
    weights = str(shared_data("weights/mobilenetv2_100.in1k_dropin.safetensors"))
    settings = {"image_size": 128, "epochs": 2, "batch_size": 32}
    pretrained = flowers(small, photos, weights, **settings)
    random = flowers(small, photos, None, **settings)
    print(
        f"2934 photos, 2 epochs at 128 px: ImageNet weights {pretrained:.3f}, random {random:.3f}"
    )
    assert pretrained > 0.8
    assert pretrained > random + 0.2


def test_a_torchvision_model_starts_from_its_own_weights_file(small, shared_data):
    run = small(
        shared_data("tf_flowers_mini.zip"),
        model="tv_squeezenet1_0",
        checkpoint=str(shared_data("weights/tv_squeezenet1_0.in1k.safetensors")),
        image_size=96,
        freeze="backbone",
        epochs=4,
        lr=2e-3,
    ).wait(progress=False)
    assert run.metrics()["accuracy"].max() > 0.4


def test_grey_tiles_of_a_zip_of_folders_train(small, shared_data):
    run = small(
        shared_data("fashion_mnist_mini900.zip"),
        model="factories:wide_cnn",
        epochs=4,
        image_size=28,
        lr=2e-3,
    ).wait(progress=False)
    assert run.metrics()["accuracy"].max() > 0.6
