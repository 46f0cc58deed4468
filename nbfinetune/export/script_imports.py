"""The imports of a script: of what its lines use, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["with_imports"]

_MODULES = ("csv", "json", "math", "os", "sys", "np", "timm", "torch", "torchvision")
_NAMES = {
    "itertools": ("islice",),
    "pathlib": ("Path",),
    "PIL": ("Image", "ImageOps"),
    "safetensors.torch": ("load_file", "save_file"),
    "sklearn.metrics": ("f1_score",),
    "timm.optim": ("create_optimizer_v2", "param_groups_weight_decay"),
    "timm.utils": ("ModelEmaV3",),
    "torch": ("nn",),
    "torch.nn": ("functional as F",),
    "torch.utils.data": ("DataLoader", "Dataset"),
    "torchvision.transforms": ("v2",),
}
_STANDARD = {"csv", "itertools", "json", "math", "os", "pathlib", "sys"}


def with_imports(lines: Sequence[str], others: Sequence[str], *further: Sequence[str]) -> list[str]:
    """Lines behind the imports that they need.

    Parameters
    ----------
    lines : sequence of str
    others : sequence of str
        Imports of a model of one's own, and the like.
    further : sequence of str
        Lines that come later, and need imports as well.
    """
    text = "\n".join(line for part in (lines, *further) for line in part)
    return [*_imports(text, others), "", *lines]


def _imports(text: str, others: Sequence[str]) -> Iterator[str]:
    """Imports of what a text uses; `others` are those of a model of one's own."""

    def used(name: str) -> bool:
        return re.search(rf"\b{name.rsplit(maxsplit=1)[-1]}\b", text) is not None

    modules = [name for name in _MODULES if used(rf"{name}\.")]
    names = {
        module: ", ".join(name for name in known if used(name)) for module, known in _NAMES.items()
    }
    for standard in (True, False):
        for name in modules:
            if (name in _STANDARD) == standard:
                yield "import numpy as np" if name == "np" else f"import {name}"
        for module, wanted in names.items():
            if wanted and (module in _STANDARD) == standard:
                yield f"from {module} import {wanted}"
    yield from others
