"""An evaluation with its images, as it is looked through: read at once, measured in depth later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbfinetune.data.image_index import ImageIndex
from nbfinetune.data.images import ImageSet, open_images
from nbfinetune.data.source_reading import needs_torchvision
from nbfinetune.errors import DataError
from nbfinetune.evaluation.metrics import Predictions, log_softmax
from nbfinetune.evaluation.verdicts import verdicts
from nbfinetune.records import Named, Source
from nbfinetune.runner.run import Run

if TYPE_CHECKING:
    from nbfinetune.evaluation.report import Evaluation

UNKNOWN = -1
"""Place of an image of which nothing was said."""


class Review:
    """What a model, or the models of folds, said of labelled images.

    Parameters
    ----------
    title : str
        What a person knows it by.
    index : ImageIndex
        All images, those that nothing is said of among them.
    kept : Predictions
        Their ids are numbers in `index`.
    source, folder : Source and Path
        Where the images lie.
    measure : callable () -> Evaluation
        Takes its time.
    run_of : callable (image) -> Run
        Whose model said it; for other images of the index, whose model may be asked.
    own : bool
        Whether the images are those of the run, which knows them by the same numbers.
    unseen : bool
        Whether no image was trained on by the model that judges it.

    Attributes
    ----------
    ids : int64 array (N,)
    verdicts : Verdicts
    """

    def __init__(
        self,
        title: str,
        index: ImageIndex,
        kept: Predictions,
        place: tuple[Source, Path],
        measure: Callable[[], Evaluation],
        run_of: Callable[[int], Run],
        *,
        own: bool = True,
        unseen: bool = False,
    ) -> None:
        self.title, self.index, self.own, self.unseen = title, index, own, unseen
        self.run_of = run_of
        self.ids = np.asarray(kept.ids, np.int64)
        self.verdicts = verdicts(kept.logits, kept.labels, index.classes)
        self._logits = kept.logits
        self._source, self.folder = place
        self._measure = measure
        self._evaluation: Evaluation | None = None
        self._images: ImageSet | None = None
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._places = np.full(len(index), UNKNOWN, dtype=np.int64)
        self._places[self.ids] = np.arange(len(self.ids))

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes."""
        return self.index.classes

    @property
    def evaluation(self) -> Evaluation:
        """All figures; takes up to a minute where images and classes are many."""
        with self._lock:
            if self._evaluation is None:
                self._evaluation = self._measure()
            return self._evaluation

    @property
    def images(self) -> ImageSet:
        """The images, to be decoded.

        Raises
        ------
        DataError
            If they are gone, or only the process that trains can read them.
        """
        with self._opening:
            if self._images is None:
                if isinstance(self._source, Named) and needs_torchvision(self._source):
                    raise DataError(
                        f"{self._source.name} is read by torchvision in the process that trains, "
                        "so its images are not shown here"
                    )
                self._images = open_images(self._source, self.index, self.folder)
            return self._images

    def place_of(self, image: int) -> int | None:
        """Place of an image among those that something is said of."""
        place = int(self._places[image])
        return None if place == UNKNOWN else place

    def said_of(self, image: int) -> list[Any]:
        """Number and probability of the predicted class; None where nothing is said."""
        place = self.place_of(image)
        if place is None:
            return [None, None]
        said = self.verdicts
        return [int(said.predicted[place]), round(float(said.confidence[place]), 4)]

    def scores(self, image: int, most: int = 5) -> list[list[Any]]:
        """Number and probability of the most probable classes; none where nothing is said."""
        place = self.place_of(image)
        if place is None:
            return []
        [probabilities] = np.exp(log_softmax(self._logits[[place]]))
        best = np.argsort(-probabilities, kind="stable")[:most]
        return [[int(number), round(float(probabilities[number]), 6)] for number in best]

    def asked_as(self, image: int) -> int | Path:
        """What `AskedModel` calls an image.

        Raises
        ------
        DataError, UnreadableImage
            If it can't be read.
        """
        if self.own:
            return image
        if self.index.items:
            return Path(self.index.path(image))
        path = self.folder / f"asked-{image}.png"
        if not path.exists():
            self.images.image(image).save(path)
        return path
