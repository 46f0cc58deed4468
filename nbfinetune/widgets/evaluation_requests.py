"""What the page of an evaluation may ask besides what every page of pictures may."""

from __future__ import annotations

from typing import Literal

from nbfinetune.widgets.gallery_requests import Asked, Place

Method = Literal[
    "auto", "grad_cam", "hires_cam", "eigen_cam", "gradient_attention", "attention_rollout"
]


class Explain(Asked, frozen=True):
    """Where the model finds a class in an image; an empty target is the predicted one."""

    image: Place
    target: str = ""
    method: Method = "auto"


def heat_key(wish: Explain) -> str:
    """What the page calls a heat map."""
    return f"heat {wish.image} {wish.target} {wish.method}"
