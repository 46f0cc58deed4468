"""What is known of a published model before anything of it is loaded."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["cnn", "transformer", "hybrid", "mlp"]
LicenseKind: TypeAlias = Literal["permissive", "restricted", "non-commercial", "unknown"]


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One set of weights, or an architecture for which none are published.

    Parameters
    ----------
    name : str
        As `fine_tune(model=)` takes it: `resnet18.a1_in1k`, `tv_alexnet.IMAGENET1K_V1`.
    architecture : str
        The name without its tag: `resnet18`, `tv_alexnet`.
    default : bool
        Whether the architecture's name alone means these weights.
    pretrained : bool
        Whether weights are published.
    family : str
        As people call it: `ResNet`, `ConvNeXt`, `ViT`.
    kind : {"cnn", "transformer", "hybrid", "mlp"}
    parameters : int
        With its own classifier of 1000 classes (or of as many as it was published with).
    macs : int
        Multiply-accumulates of a forward pass of one image of `image_size`.
    activations : int
        Elements in the outputs of its convolutions and linear layers, one image of `image_size`.
    saved_bytes : int
        What autograd keeps of one image of `image_size` for the backward pass, in float32.
    image_size : int
        Side in pixels that its weights were trained at.
    min_size : int
        Smallest side that goes through.
    other_sizes : bool
        Whether it takes other sides than `image_size`.
    top1, top5 : float, optional
        Percent of ImageNet-1k's validation images, where published.
    pretraining : str
        What it was trained on, in words: `ImageNet-1k`, `LAION-2B (CLIP), then ImageNet-1k`.
    license : str
        SPDX-like, lower case; `unknown` where nobody says.
    license_kind : {"permissive", "restricted", "non-commercial", "unknown"}
    year : int, optional
        Of the paper.
    paper : str
        arXiv's number, or empty.
    weights_bytes : int
        Size of the file, float32.
    hub_id : str
        Repository on the Hugging Face hub, or empty.
    file : str
        Its name there, or the address of weights that are not on the hub.
    gpu_images_per_s : float, optional
        Published training speed on one RTX 3090, at `image_size`, automatic mixed precision.
    cpu_images_per_s : float, optional
        Published inference speed on an i7-12700H, batch of 1, float32.
    """

    name: str
    architecture: str
    default: bool
    pretrained: bool
    family: str
    kind: Kind
    parameters: int
    macs: int
    activations: int
    saved_bytes: int
    image_size: int
    min_size: int
    other_sizes: bool
    top1: float | None = None
    top5: float | None = None
    pretraining: str = ""
    license: str = "unknown"
    license_kind: LicenseKind = "unknown"
    year: int | None = None
    paper: str = ""
    weights_bytes: int = 0
    hub_id: str = ""
    file: str = ""
    gpu_images_per_s: float | None = None
    cpu_images_per_s: float | None = None
