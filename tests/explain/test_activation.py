"""The formulas of the maps, on cases that can be worked out by hand."""

from __future__ import annotations

import torch

from nbfinetune.explain.activation import eigen_cam, grad_cam, hires_cam, scaled
from nbfinetune.explain.attention import gradient_attention, rollout


def layer(channels=3, side=2, images=1, seed=0):
    made = torch.Generator().manual_seed(seed)
    shape = (images, channels, side, side)
    return torch.randn(shape, generator=made), torch.randn(shape, generator=made)


def test_grad_cam_weighs_channels_by_their_mean_gradients():
    activations = torch.tensor([[[[1.0, 2], [3, 4]], [[10, 0], [0, 10]]]])
    gradients = torch.tensor([[[[1.0, 1], [1, 5]], [[-1, -1], [-1, -1]]]])
    expected = 2 * activations[:, 0] - activations[:, 1]
    assert torch.equal(grad_cam(activations, gradients), expected)


def test_hires_cam_adds_up_to_the_logit_of_a_linear_layer_on_means():
    activations, _ = layer(channels=5, side=4)
    activations.requires_grad_()
    weights = torch.randn(5, generator=torch.Generator().manual_seed(1))
    logit = activations.mean((2, 3)) @ weights
    (gradients,) = torch.autograd.grad(logit.sum(), activations)
    torch.testing.assert_close(hires_cam(activations, gradients).sum((1, 2)), logit)
    torch.testing.assert_close(
        hires_cam(activations, gradients), grad_cam(activations, gradients)
    )  # with such a head they are the same


def test_hires_cam_keeps_apart_what_grad_cam_averages():
    activations = torch.ones(1, 1, 2, 2)
    gradients = torch.tensor([[[[1.0, -1], [0, 0]]]])
    assert grad_cam(activations, gradients).abs().sum() == 0
    assert hires_cam(activations, gradients)[0].tolist() == [[1, -1], [0, 0]]


def test_eigen_cam_shows_what_stands_out_and_never_its_negative():
    activations = torch.zeros(2, 4, 3, 3)
    activations[0, :, 1, 2] = torch.tensor([5.0, -3, 2, 1])
    activations[1, :, 0, 0] = torch.tensor([-1.0, -4, 2, 0])
    maps = scaled(eigen_cam(activations))
    assert maps[0, 1, 2] == 1
    assert maps[1, 0, 0] == 1
    assert maps.sum() == 2


def test_maps_reach_from_zero_to_one_and_what_speaks_against_is_zero():
    maps = scaled(torch.tensor([[[-4.0, 2], [8, 0]], [[-4, -2], [-3, -4]], [[0, 0], [0, 0]]]))
    assert maps[0].tolist() == [[0, 0.25], [1, 0]]
    assert maps[1].tolist() == [[0, 1], [0.5, 0]]
    assert maps[2].tolist() == [[0, 0], [0, 0]]


def test_rolled_out_attention_is_a_share_of_every_token():
    maps = [torch.rand(2, 3, 5, 5).softmax(-1) for _ in range(4)]
    shares = rollout(maps)
    assert shares.shape == (2, 5, 5)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 5))
    # Whoever attends to one token alone gets half of it, and keeps half of itself.
    alone = torch.zeros(1, 1, 3, 3)
    alone[..., 1] = 1
    assert rollout([alone])[0, 0].tolist() == [0.5, 0.5, 0]


def test_attention_that_lowers_the_score_does_not_count():
    attention = torch.tensor([[[[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1.0]]]])
    gradient = torch.tensor([[[[-1.0, 4, 9], [0, 0, 0], [0, 0, 0]]]])
    relevance = gradient_attention([attention], [gradient])
    assert relevance[0].tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 1]]


def test_relevance_passes_through_the_layers():
    first, second = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)
    first[..., 1, 2] = 1  # token 1 reads token 2 ...
    second[..., 0, 1] = 1  # ... and is then read by token 0
    ones = torch.ones(1, 1, 3, 3)
    relevance = gradient_attention([first, second], [ones, ones])
    assert relevance[0, 0].tolist() == [1, 1, 1]
    assert gradient_attention([second, first], [ones, ones])[0, 0].tolist() == [1, 1, 0]
