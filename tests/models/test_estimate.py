"""Memory reckoned from figures alone."""

from __future__ import annotations

from nbfinetune.models.catalogue import facts
from nbfinetune.models.estimate import ModelCost, facts_need, memory_need

COST = ModelCost(1000, 1000, saved_bytes=500, forward_bytes=100, pixels=10)


def test_weights_gradients_moments_and_the_copies_of_checkpoints_are_all_there():
    need = memory_need(COST, on_cpu=False)
    assert need.fixed == 4_000 + 4_000 + 8_000
    assert memory_need(COST, optimizer="sgd", on_cpu=False).fixed == 12_000
    assert memory_need(COST, ema=True, on_cpu=False).fixed == 20_000
    # `last` is weights and moments, `best` weights.
    assert memory_need(COST).fixed == 16_000 + 12_000 + 4_000


def test_frozen_weights_have_neither_gradients_nor_moments():
    frozen = ModelCost(1000, 0, saved_bytes=0, forward_bytes=100, pixels=10)
    assert memory_need(frozen, on_cpu=False).fixed == 4_000


def test_validation_decides_where_a_small_batch_takes_less():
    need = memory_need(COST, on_cpu=False)
    assert need.at(1) == 16_000 + 64 * 100
    assert need.at(32) == 16_000 + 32 * 500


def test_the_largest_batch_fits_and_one_more_does_not():
    need = memory_need(COST)
    for available in (50_000, 100_000, 1_000_003):
        largest = need.largest_batch(available)
        assert need.at(largest) <= available < need.at(largest + 1)
    assert need.largest_batch(need.at(1) - 1) == 0


def test_half_precision_halves_images_but_not_weights():
    whole, half = memory_need(COST, on_cpu=False), memory_need(COST, on_cpu=False, half=True)
    assert half.fixed == whole.fixed
    assert 0.5 * whole.per_image <= half.per_image <= 0.6 * whole.per_image


def test_the_catalogue_alone_scales_an_image_by_its_area():
    row = facts("resnet50")
    small, large = facts_need(row, 112), facts_need(row, 224)
    assert large.fixed == small.fixed
    assert 3.9 < large.per_image / small.per_image < 4.1
    assert facts_need(row, 224, "head").at(64) < large.at(64) / 2
