from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from timm.loss import BinaryCrossEntropy, LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from torch import Tensor
from torch.nn import functional as F

from nbfinetune.engine.losses import balanced_weights, make_loss
from nbfinetune.records import TrainingConfig

COUNTS = [30, 5, 10, 55]
KINDS = ["cross_entropy", "bce", "mse", "focal"]


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(12, 4, generator=torch.Generator().manual_seed(1)) * 3


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(12) % 4


@pytest.fixture
def soft() -> Tensor:
    return torch.rand(12, 4, generator=torch.Generator().manual_seed(2)).softmax(dim=1)


def loss_of(kind: str, **values: object) -> Callable[[Tensor, Tensor], Tensor]:
    return make_loss(TrainingConfig(loss=kind, **values), COUNTS, "cpu")


def test_cross_entropy_is_torchs(logits: Tensor, labels: Tensor, soft: Tensor):
    loss = loss_of("cross_entropy")
    torch.testing.assert_close(loss(logits, labels), F.cross_entropy(logits, labels))
    torch.testing.assert_close(loss(logits, soft), F.cross_entropy(logits, soft))
    torch.testing.assert_close(loss(logits, soft), SoftTargetCrossEntropy()(logits, soft))


def test_smoothing_is_timms(logits: Tensor, labels: Tensor):
    smooth = loss_of("cross_entropy", label_smoothing=0.1)(logits, labels)
    torch.testing.assert_close(smooth, LabelSmoothingCrossEntropy(0.1)(logits, labels))
    bce = loss_of("bce", label_smoothing=0.1)(logits, labels)
    torch.testing.assert_close(bce, BinaryCrossEntropy(smoothing=0.1)(logits, labels))


def test_bce_is_torchs_on_one_hot(logits: Tensor, labels: Tensor):
    expected = F.binary_cross_entropy_with_logits(logits, F.one_hot(labels, 4).float())
    torch.testing.assert_close(loss_of("bce")(logits, labels), expected)


def test_mse_is_between_probabilities_and_one_hot(logits: Tensor, labels: Tensor):
    expected = F.mse_loss(logits.softmax(1), F.one_hot(labels, 4).float())
    torch.testing.assert_close(loss_of("mse")(logits, labels), expected)


def test_focal_is_cross_entropy_that_forgets_the_easy(logits: Tensor, labels: Tensor):
    cross_entropy = F.cross_entropy(logits, labels, reduction="none")
    expected = ((1 - torch.exp(-cross_entropy)) ** 2 * cross_entropy).mean()
    torch.testing.assert_close(loss_of("focal")(logits, labels), expected)


def test_balanced_weights_are_scikit_learns():
    labels = np.repeat(np.arange(4), COUNTS)
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_allclose(balanced_weights(COUNTS), expected, rtol=1e-15)
    assert balanced_weights(COUNTS)[labels].mean() == pytest.approx(1.0)


def test_a_class_without_images_has_weight_one():
    assert balanced_weights([10, 0, 30]).tolist() == [2.0, 1.0, pytest.approx(2 / 3)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_multiplies_the_loss_of_its_class(kind: str, logits: Tensor, labels: Tensor):
    plain, weighted = loss_of(kind), loss_of(kind, class_weights="balanced")
    weights = balanced_weights(COUNTS)
    each = [
        weights[label] * plain(row[None], label[None])
        for row, label in zip(logits, labels, strict=True)
    ]
    torch.testing.assert_close(weighted(logits, labels), torch.stack(each).mean().float())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_hot_targets_are_labels(
    kind: str, weights: str | None, smoothing: float, logits: Tensor, labels: Tensor
):
    loss = loss_of(kind, class_weights=weights, label_smoothing=smoothing)
    hard = loss(logits, labels)
    torch.testing.assert_close(loss(logits, F.one_hot(labels, 4).float()), hard)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("targets", ["labels", "soft"])
def test_pieces_of_a_batch_give_the_gradient_of_the_whole(
    kind: str, targets: str, logits: Tensor, request: pytest.FixtureRequest
):
    goal = request.getfixturevalue(targets)
    loss = loss_of(kind, class_weights="balanced", label_smoothing=0.1)
    whole = logits.clone().requires_grad_()
    loss(whole, goal).backward()
    pieces = logits.clone().requires_grad_()
    for piece in (slice(0, 5), slice(5, 10), slice(10, 12)):
        share = len(goal[piece]) / len(goal)
        (loss(pieces[piece], goal[piece]) * share).backward()
    torch.testing.assert_close(pieces.grad, whole.grad)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_lose_nothing_more_in_the_loss(
    kind: str, dtype: torch.dtype, logits: Tensor, labels: Tensor
):
    loss = loss_of(kind, class_weights="balanced")
    half = logits.to(dtype)
    value = loss(half, labels)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(half.float(), labels))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(half, labels), value)


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_logits_have_a_finite_loss_and_gradient(kind: str, labels: Tensor):
    extreme = torch.full((12, 4), -1e4)
    extreme[:, 1] = 1e4
    value = loss_of(kind)(extreme.requires_grad_(), labels)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(extreme.grad).all()
