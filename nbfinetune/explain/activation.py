"""Maps out of a layer's activations and gradients."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["eigen_cam", "grad_cam", "hires_cam", "scaled"]

# Four formulas, and not the package `grad-cam`: that one brings OpenCV with its window system,
# matplotlib and ttach into a notebook's environment, and leaves the choice of the layer to us.


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Channels weighted by their mean gradients, (B, H, W).

    Selvaraju et al., "Grad-CAM", arXiv:1610.02391.

    Parameters
    ----------
    activations, gradients : Tensor (B, C, H, W)
    """
    return (activations * gradients.mean((2, 3), keepdim=True)).sum(1)


def hires_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Each activation weighted by its own gradient, (B, H, W).

    Where a linear layer reads the mean over the positions, these are their very shares of the
    logit. Draelos and Carin, "Use HiResCAM instead of Grad-CAM", arXiv:2011.08891.

    Parameters
    ----------
    activations, gradients : Tensor (B, C, H, W)
    """
    return (activations * gradients).sum(1)


def eigen_cam(activations: Tensor) -> Tensor:
    """Activations along the direction in which positions differ most, (B, H, W); of no class.

    Of the two ways along it, the one in which activations are larger. Muhammad and Yeasin,
    "Eigen-CAM", arXiv:2008.00299.

    Parameters
    ----------
    activations : Tensor (B, C, H, W)
    """
    positions = activations.flatten(2).transpose(1, 2)
    centred = positions - positions.mean(1, keepdim=True)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    along = (centred @ directions[:, 0, :, None]).squeeze(2)
    size = positions.norm(dim=2)
    turned = (along * (size - size.mean(1, keepdim=True))).sum(1, keepdim=True) < 0
    return torch.where(turned, -along, along).reshape(len(along), *activations.shape[2:])


def scaled(evidence: Tensor) -> Tensor:
    """What speaks for the class, (B, H, W) from zero to one.

    What speaks against it counts as nothing; where everything does, the least of it is shown.

    Parameters
    ----------
    evidence : Tensor (B, H, W)
    """
    speaks = evidence.amax((1, 2), keepdim=True) > 0
    shown = torch.where(speaks, evidence.clamp(min=0), evidence)
    shown = shown - shown.amin((1, 2), keepdim=True)
    highest = shown.amax((1, 2), keepdim=True)
    return torch.where(highest > 0, shown / highest, torch.zeros_like(shown))
