"""Heat maps for the page of an evaluation: asked of the model that judged the image, and sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from nbfinetune.errors import ConfigError
from nbfinetune.runner.question import Question
from nbfinetune.widgets.evaluation_requests import Explain, heat_key
from nbfinetune.widgets.gallery_requests import pictures
from nbfinetune.widgets.review import Review
from nbfinetune.widgets.review_models import ReviewModels
from nbfinetune.widgets.thumbnails import Picture

Send: TypeAlias = Callable[[dict[str, Any], list[bytes]], None]


class HeatMaps:
    """Has images explained, and sends what comes of it.

    Parameters
    ----------
    models : ReviewModels
    send : callable (content, buffers)
        Sends a message to the page; called from a thread.
    """

    def __init__(self, models: ReviewModels, send: Send) -> None:
        self._models, self._send = models, send

    def ask(self, wish: Explain, review: Review) -> None:
        """Have an image explained by the model that judged it.

        Raises
        ------
        ConfigError
            If there is no such image or class.
        DataError, RunError, UnreadableImage
            If the image can't be read, or the run has no model.
        """
        if wish.image >= len(review.index):
            raise ConfigError(
                f"there is no image {wish.image}; the last is {len(review.index) - 1}"
            )
        if wish.target and wish.target not in review.classes:
            raise ConfigError(f"there is no class {wish.target!r} to explain")
        model = self._models.of(review.run_of(wish.image))
        asked = review.asked_as(wish.image)
        question = model.heat_map(asked, target=wish.target or None, method=wish.method)
        question.on_change(lambda: self._heard(wish, question))

    def _heard(self, wish: Explain, question: Question) -> None:
        if question.status not in ("done", "failed"):
            return
        found = question.result
        picture = Picture(b"" if found is None else found.picture, question.error)
        self._send(*pictures([(wish, picture)], heat_key))
        if found is None:
            return
        self._send(
            {
                "kind": "explained",
                "image": wish.image,
                "target": wish.target,
                "asked": wish.method,
                "method": found.method,
                "class_name": found.class_name,
                "probability": found.probability,
                "layer": found.layer,
            },
            [],
        )
