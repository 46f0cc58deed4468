"""What tutorials do: ImageFolder, transforms on the CPU, a DataLoader with two workers."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import timm
import torch
from task import Task
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WORKERS = 2


def model_of(task: Task) -> nn.Module:
    """The model with a new head, and ImageNet weights where there are some."""
    torch.manual_seed(task.seed)
    model = timm.create_model(task.model, pretrained=False, num_classes=task.classes)
    if task.weights:
        weights = safetensors.torch.load_file(task.weights)
        own = model.state_dict()
        fit = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
        model.load_state_dict(fit, strict=False)
    return model


def datasets(task: Task) -> tuple[ImageFolder, ImageFolder]:
    """Training and validation photos, with the usual augmentation."""
    after = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    train = transforms.Compose(
        [
            transforms.RandomResizedCrop(task.image_size, scale=(0.35, 1.0)),
            transforms.RandomHorizontalFlip(),
            *after,
        ]
    )
    side = round(task.image_size / 0.875)
    val = transforms.Compose(
        [transforms.Resize(side), transforms.CenterCrop(task.image_size), *after]
    )
    folder = Path(task.data)
    return ImageFolder(folder / "train", train), ImageFolder(folder / "val", val)


def loaders(task: Task) -> tuple[DataLoader, DataLoader]:
    """Batches, as tutorials load them."""
    train, val = datasets(task)
    workers = {"num_workers": WORKERS, "persistent_workers": True}
    batches = DataLoader(
        train,
        task.batch_size,
        shuffle=True,
        drop_last=True,
        multiprocessing_context="fork",
        **workers,
    )
    return batches, DataLoader(val, 64, multiprocessing_context="fork", **workers)


@torch.inference_mode()
def accuracy(model: nn.Module, batches: DataLoader) -> float:
    """Part of the photos whose class is told right."""
    model.eval()
    right = [(model(images).argmax(1) == labels).float() for images, labels in batches]
    return float(torch.cat(right).mean())
