"""A model card says what a model was made of, how good it is, and what was changed meanwhile."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nbfinetune.data.image_index import ImageIndex, save_index
from nbfinetune.errors import ModelError, StoreError
from nbfinetune.evaluation.intervals import share
from nbfinetune.evaluation.metrics import save_predictions
from nbfinetune.export import export
from nbfinetune.export.called import called
from nbfinetune.records import (
    AppliedEdit,
    Cosine,
    DataConfig,
    EpochDone,
    Exclude,
    FineTuneConfig,
    Folder,
    LearningRateFound,
    ModelConfig,
    PruningConfig,
    RunStarted,
    RunStopped,
    SetOptimizer,
)

CLASSES = ("daisy", "a|b <script>", "rose")
STARTED = RunStarted(
    device="cpu", device_name="a CPU", precision="fp32", channels_last=True, image_size=64,
    batch_size=32, steps_per_epoch=9, epochs=5, train_images=80, val_images=20, classes=CLASSES,
    parameters=11_200_000, trainable_parameters=1, weights_from="x", versions={"torch": "2.9"},
)  # fmt: skip


def make_run(folder, model):
    described = {"classes": CLASSES, "num_classes": 3, "image_size": 64}
    (folder / "checkpoints").mkdir(parents=True)
    save_file(
        {"model.x": torch.zeros(1)},
        folder / "checkpoints" / "best.safetensors",
        metadata={"nbfinetune": json.dumps({**described, "model": msgspec.to_builtins(model)})},
    )
    labels = np.repeat([0, 1, 2], [20, 20, 60])
    split = np.where(np.arange(100) % 5 == 0, 1, 0).astype(np.uint8)
    save_index(ImageIndex(CLASSES, labels, split, (), ""), folder / "index.json")
    (folder / "predictions").mkdir()
    ids = np.flatnonzero(split == 1)
    logits = np.eye(3, dtype=np.float32)[labels[ids]] * 4
    logits[0] = [0, 4, 0]
    save_predictions(folder / "predictions" / "best.npz", logits, labels[ids], ids)
    edits = (Exclude(item="3"),)
    return FineTuneConfig(data=DataConfig(source=Folder(path="x"), edits=edits), model=model)


def card(tmp_path, model, **told):
    config = make_run(tmp_path / "20260101-run", model)
    path = export(tmp_path / "20260101-run", config, tmp_path / "out" / "flowers.md", **told)
    return path.read_text(encoding="utf-8")


def test_it_has_the_figures_with_their_intervals(tmp_path):
    text = card(tmp_path, ModelConfig(name="resnet18.a1_in1k"))
    low, high = share(19, 20)
    assert f"| accuracy | 0.9500 | {low:.4f} to {high:.4f} |" in text
    assert "| macro_f1 | " in text
    assert "top5" not in text
    assert "Fewer than 30 validation images: daisy" in text


def test_it_counts_the_images_of_every_class_and_the_edits_of_the_data(tmp_path):
    text = card(tmp_path, ModelConfig())
    assert "| rose | 48 | 12 |" in text
    assert "left out by hand: 1." in text
    assert "48 of another" in text


def test_a_name_that_would_be_markup_stays_text(tmp_path):
    text = card(tmp_path, ModelConfig())
    assert r"a\|b \<script\>" in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("model", "sentences"),
    [
        (
            ModelConfig(name="resnet18.a1_in1k"),
            [
                'license: "apache-2.0"',
                'base_model: "timm/resnet18.a1_in1k"',
                "apache-2.0 (permissive)",
                "published weights, trained on ImageNet-1k",
                "library_name: timm",
            ],
        ),
        (ModelConfig(name="resnet18", pretrained=False), ["random weights", "nothing was taken"]),
        (ModelConfig(checkpoint="/a/own.pth"), ["the checkpoint `own.pth`", "unknown: ask"]),
        (ModelConfig(name="own:net"), ["its own function", "library_name: pytorch"]),
    ],
)
def test_it_says_where_the_weights_are_from_and_their_licence(tmp_path, model, sentences):
    text = card(tmp_path, model)
    assert [sentence for sentence in sentences if sentence not in text] == []
    assert ("license:" in text) == (model == ModelConfig(name="resnet18.a1_in1k"))


def test_it_tells_how_it_was_trained_and_what_was_changed_at_which_step(tmp_path):
    done = EpochDone(
        epoch=3, train_loss=1, val_loss=1, accuracy=0.95, top5=1, precision=1, recall=1,
        macro_f1=1, roc_auc=1, seconds=1, images_per_s=1, best=True,
    )  # fmt: skip
    found = LearningRateFound(suggestions={}, lr=0.5, sentence="", taken=0.25)
    events = [STARTED, found, done, RunStopped(step=1234, best_epoch=3)]
    made = [AppliedEdit(1, 1040, SetOptimizer(weight_decay=0.5))]
    text = card(tmp_path, ModelConfig(), edits=made, told=events)
    assert "| 1,040 | `SetOptimizer(weight_decay=0.5)` |" in text
    assert "It ended after 1,234 steps (stopped by hand).\nThe best epoch was number 3." in text
    assert "Cosine(lr=0.25, warmup=0.1)" in text
    assert "torch 2.9; a CPU, fp32" in text
    assert "11,200,000" in text


def test_a_run_that_was_left_alone_says_so(tmp_path):
    assert "Nothing was changed while it trained." in card(tmp_path, ModelConfig())


def test_a_run_without_an_epoch_has_no_card(tmp_path):
    config = FineTuneConfig(data=DataConfig(source=Folder(path="x")))
    with pytest.raises(ModelError, match="has no 'best' checkpoint: it has not finished an epoch"):
        export(tmp_path, config, tmp_path / "card.md")


def test_a_folder_that_can_not_be_written_is_named(tmp_path):
    config = make_run(tmp_path / "run", ModelConfig())
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"card\.md could not be written"):
        export(tmp_path / "run", config, tmp_path / "file" / "card.md")


def test_a_record_is_called_by_what_differs():
    assert called(Cosine(lr=0.5)) == "Cosine(lr=0.5)"
    assert called(PruningConfig(pushed={"a": 2.0})) == "PruningConfig(pushed={'a': 2.0})"
    assert called(PruningConfig()) == "PruningConfig()"
    assert called(AppliedEdit(1, 2, Cosine())) == (
        f"AppliedEdit(command_id=1, step=2, edit={Cosine()!r})"
    )
