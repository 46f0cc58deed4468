"""Who takes part: the script of each, and in a sentence what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Contender:
    """One way of training.

    Parameters
    ----------
    name : str
        In the tables.
    script : str
        In `contenders/`.
    does : str
        What it does, for the notes below the tables.
    rival : bool
        Whether a user would pick it instead of nbfinetune.
    guest : bool
        Whether it needs the environment of the peers.
    task : mapping
        What of the task is another for this one.
    """

    name: str
    script: str
    does: str
    rival: bool = True
    guest: bool = False
    task: Mapping[str, Any] = field(default_factory=dict)

    def given(self, name: str = "", does: str = "", **task: Any) -> Contender:
        """The same with another task."""
        return replace(
            self, name=name or self.name, does=does or self.does, task={**self.task, **task}
        )


OURS = Contender(
    "nbfinetune",
    "ours",
    "`nf.fine_tune` with its defaults: decoded cache (empty at the start of every round), threads "
    "that load, a self-test of precision, memory format and threads where the run is worth one.",
    rival=False,
)
LIVE = Contender(
    "nbfinetune, live widget",
    "ours_live",
    "`FineTuneWidget` in a cell of JupyterLab, its charts drawn by Chromium on the same cores; "
    "memory counts Jupyter and the browser, and the clock starts with the cell.",
    rival=False,
)
LIMIT = Contender(
    "limit",
    "limit",
    "nbfinetune's step on one batch of noise in memory, in the fastest of four ways and as many "
    "threads as pay: nothing is loaded.",
    rival=False,
)
TEXTBOOK = Contender(
    "textbook loop",
    "textbook",
    "`ImageFolder`, torchvision's transforms, `DataLoader` with two persistent workers, AdamW "
    "along `OneCycleLR`, validation in `inference_mode`.",
)
TIMM = Contender(
    "timm loader",
    "timm_loader",
    "The same loop over `timm.data.create_loader`, two persistent workers, no colour jitter.",
)
FASTAI = Contender(
    "fastai",
    "fastai_learner",
    "`Learner.fit_one_cycle` over `ImageDataLoaders`, two workers; of `aug_transforms` the flip "
    "alone, since the others' photos are only cropped and flipped.",
    guest=True,
)
LIGHTNING = Contender(
    "Lightning",
    "lightning_trainer",
    "`Trainer` over the textbook's loaders, AdamW along `OneCycleLR`; no logger, no checkpoints, "
    "no progress bar.",
    guest=True,
)
HUGGING_FACE = Contender(
    "Hugging Face",
    "hf_trainer",
    "`Trainer` over the textbook's photos, its own AdamW and gradient clipping, a cosine; two "
    "persistent workers (its default is none), no checkpoints.",
    guest=True,
)
RIVALS = (TEXTBOOK, TIMM, FASTAI, LIGHTNING, HUGGING_FACE)
