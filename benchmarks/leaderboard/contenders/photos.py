"""What tutorials do: ImageFolder, transforms on the CPU, a DataLoader with two workers."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import timm
import torch
from task import Task
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WORKERS = 2


class HeadOnly(nn.Module):
    """A timm model whose backbone only computes: no gradients, no statistics."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        model.get_classifier().requires_grad_(True)

    def train(self, mode: bool = True) -> HeadOnly:  # noqa: FBT001, FBT002 - as torch has it
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.model.forward_features(images)
        return self.model.forward_head(features)


def model_of(task: Task) -> nn.Module:
    """The model with a new head, and ImageNet weights where there are some."""
    torch.manual_seed(task.seed)
    model = timm.create_model(task.model, pretrained=False, num_classes=task.classes)
    if task.weights:
        load(task, model)
        # Some of timm's begin with a head so wide that it takes an epoch to get over it.
        model.get_classifier().reset_parameters()
    return HeadOnly(model) if task.frozen else model


def load(task: Task, model: nn.Module) -> None:
    """Give a model what fits of the task's weights."""
    weights = safetensors.torch.load_file(task.weights)
    own = model.state_dict()
    fit = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fit, strict=False)


def datasets(task: Task) -> tuple[ImageFolder, ImageFolder]:
    """Training and validation photos, with the usual augmentation or with none."""
    after = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    varied = [
        transforms.RandomResizedCrop(task.image_size, scale=(0.35, 1.0)),
        transforms.RandomHorizontalFlip(),
    ]
    side = round(task.image_size / 0.875)
    still = [transforms.Resize(side), transforms.CenterCrop(task.image_size)]
    train = varied if task.augment == "standard" else still
    folder = Path(task.data)
    return (
        ImageFolder(folder / "train", transforms.Compose([*train, *after])),
        ImageFolder(folder / "val", transforms.Compose([*still, *after])),
    )


def loaders(task: Task) -> tuple[DataLoader, DataLoader]:
    """Batches, as tutorials load them."""
    train, val = datasets(task)
    settings = {
        "num_workers": WORKERS,
        "persistent_workers": True,
        "multiprocessing_context": "fork",
        "pin_memory": task.device != "cpu",
    }
    batches = DataLoader(train, task.batch_size, shuffle=True, drop_last=True, **settings)
    return batches, DataLoader(val, 64, **settings)


@torch.inference_mode()
def accuracy(model: nn.Module, batches: DataLoader, device: str) -> float:
    """Part of the photos whose class is told right."""
    model.eval()
    right = [
        (model(images.to(device)).argmax(1) == labels.to(device)).float()
        for images, labels in batches
    ]
    return float(torch.cat(right).mean())
