"""What each way to train a model costs, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
import timm
import torch

from nbfinetune.errors import BatchTooLarge, ConfigError, ModelError
from nbfinetune.models.choices import choices, images_at_once, part_costs
from nbfinetune.models.fitting import check_batch
from nbfinetune.models.footprint import footprint
from nbfinetune.models.groups import stages
from nbfinetune.models.heads import head_names
from nbfinetune.records import FineTuneConfig, ModelConfig, Named
from nbfinetune.runner.settings import configure

GB = 1_000_000_000


def config(**settings: object) -> FineTuneConfig:
    return configure(Named(name="digits"), settings)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224"])
def test_one_pass_tells_what_training_from_each_stage_on_would_tell(name):
    costs = part_costs(ModelConfig(name=name), 5, 224, 8)
    with torch.device("meta"):
        module = timm.create_model(name, num_classes=5)
    parts = stages(module, head_names(module))
    for place in range(0, len(parts), 3):
        trained = {name for part in parts[place:] for name in part.parameter_names}
        exact = footprint(module, 224, trained=trained)
        found = costs.by_group[costs.starts[place]]
        assert found.trained == exact.trained
        reckoned = max(found.saved_bytes, found.forward_bytes)
        assert reckoned == pytest.approx(exact.peak_bytes, rel=0.06)


def test_the_less_is_trained_the_less_it_takes():
    run = config(model="resnet18")
    found = choices(part_costs(run.model, 5, 128, 32), run, 32, on_cpu=True, half=False)
    names = [choice.name for choice in found]
    assert names == ["all", "gentle", "stages:4", "stages:3", "stages:2", "stages:1", "head"]
    for more, less in pairwise(found[1:]):
        assert more.trained > less.trained
        assert more.memory_bytes > less.memory_bytes
    assert found[0].memory_bytes == found[1].memory_bytes
    assert found[-1].trained == 512 * 5 + 5


def test_more_stages_than_there_are_is_said_with_their_number():
    costs = part_costs(ModelConfig(name="resnet18"), 5, 64, 8)
    with pytest.raises(ConfigError, match="train_stages is 9, but resnet18 has 5"):
        costs.of(ModelConfig(name="resnet18", train_stages=9))


def test_a_model_that_thaws_is_reckoned_whole():
    costs = part_costs(ModelConfig(name="resnet18"), 5, 64, 8)
    thawing = ModelConfig(name="resnet18", freeze="backbone", freeze_epochs=1)
    assert costs.of(thawing) == costs.by_group[0]


def test_a_size_that_the_model_cannot_take_is_no_question_of_memory():
    with pytest.raises(ModelError, match="swin"):
        part_costs(ModelConfig(name="swin_tiny_patch4_window7_224", in_chans=3), 5, 3, 8)


def test_a_batch_goes_through_in_pieces_and_has_no_more_images_than_there_are():
    assert images_at_once(config(batch_size=100, accumulate=3)) == 34
    assert images_at_once(config(batch_size=100), images=20) == 20


def test_a_batch_that_cannot_fit_names_the_largest_that_does():
    asked = {"num_classes": 5, "image_size": 224, "half": False, "images": 10_000}
    run = config(model="resnet18", batch_size=4096)
    with pytest.raises(BatchTooLarge, match=r"4096 images of 224 px .* resnet18") as refused:
        check_batch(run, **asked, available=4 * GB)
    largest = int(str(refused.value).partition("that fits is ")[2].partition(";")[0])
    check_batch(config(model="resnet18", batch_size=largest), **asked, available=4 * GB)
    with pytest.raises(BatchTooLarge):
        check_batch(config(model="resnet18", batch_size=largest + 1), **asked, available=4 * GB)
    pieces = int(str(refused.value).rpartition("accumulate=")[2])
    check_batch(
        config(model="resnet18", batch_size=4096, accumulate=pieces), **asked, available=4 * GB
    )


def test_where_not_even_one_image_fits_a_smaller_model_is_the_remedy():
    run = config(model="resnet18", batch_size=8)
    with pytest.raises(BatchTooLarge, match="not even one fits: choose a smaller model"):
        check_batch(run, images=100, num_classes=5, image_size=224, half=False, available=GB // 10)
