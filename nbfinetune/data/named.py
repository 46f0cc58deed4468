"""Data sets by name: scikit-learn's digits and the labelled image sets of torchvision."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nbfinetune.data.machine import cache_home
from nbfinetune.records import Named

DIGITS = "digits"

_TEN = tuple("0123456789")
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class NamedSet:
    """How a data set is asked for in `torchvision.datasets`.

    Parameters
    ----------
    loader : str
        Name of the class.
    train, val : dict
        Arguments that choose the part; `val` is None where the set has one part only.
    idx_classes : tuple of str
        Class names of sets whose files are IDX, which need no torchvision once they are there.
    """

    loader: str
    train: dict[str, Any] = field(default_factory=dict)
    val: dict[str, Any] | None = None
    idx_classes: tuple[str, ...] = ()


def _by_flag(loader: str, idx_classes: tuple[str, ...] = (), **fixed: str) -> NamedSet:
    return NamedSet(loader, {"train": True, **fixed}, {"train": False, **fixed}, idx_classes)


def _by_split(loader: str, train: str, val: str, **fixed: str) -> NamedSet:
    return NamedSet(loader, {"split": train, **fixed}, {"split": val, **fixed})


SETS = {
    "caltech101": NamedSet("Caltech101"),
    "cifar10": _by_flag("CIFAR10"),
    "cifar100": _by_flag("CIFAR100"),
    "country211": _by_split("Country211", "train", "valid"),
    "dtd": _by_split("DTD", "train", "val"),
    "emnist": _by_flag("EMNIST", split="balanced"),
    "eurosat": NamedSet("EuroSAT"),
    "fashion-mnist": _by_flag("FashionMNIST", _FASHION),
    "fgvc-aircraft": _by_split("FGVCAircraft", "trainval", "test"),
    "flowers102": _by_split("Flowers102", "train", "val"),
    "food101": _by_split("Food101", "train", "test"),
    "gtsrb": _by_split("GTSRB", "train", "test"),
    "imagenette": _by_split("Imagenette", "train", "val"),
    "imagenette-160": _by_split("Imagenette", "train", "val", size="160px"),
    "imagenette-320": _by_split("Imagenette", "train", "val", size="320px"),
    "kmnist": _by_flag("KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")),
    "mnist": _by_flag("MNIST", _TEN),
    "oxford-pets": _by_split("OxfordIIITPet", "trainval", "test"),
    "qmnist": NamedSet("QMNIST", {"what": "train"}, {"what": "test10k"}),
    "rendered-sst2": _by_split("RenderedSST2", "train", "val"),
    "stanford-cars": _by_split("StanfordCars", "train", "test"),
    "stl10": _by_split("STL10", "train", "test"),
    "sun397": NamedSet("SUN397"),
    "svhn": _by_split("SVHN", "train", "test"),
    "usps": _by_flag("USPS"),
}


def named_datasets() -> list[str]:
    """Names that `fine_tune` knows as data sets."""
    return sorted([DIGITS, *SETS])


def canonical_name(name: str) -> str | None:
    """Name of the table for what a user wrote (`FashionMNIST`, `fashion_mnist`), or None."""
    plain = {known.replace("-", ""): known for known in named_datasets()}
    return plain.get(name.lower().replace("-", "").replace("_", "").replace(" ", ""))


def close_names(name: str) -> str:
    """Names of the table that a wrong one may have meant, for a message."""
    near = get_close_matches(name.lower(), named_datasets(), n=3, cutoff=0.5)
    return ", ".join(near or named_datasets())


def datasets_folder(source: Named) -> Path:
    """Where the files of a named data set lie or are downloaded to."""
    if source.root is not None:
        return Path(source.root)
    return cache_home() / "datasets"
