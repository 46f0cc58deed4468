"""What a run's model answers, in the process that is asked: it needs torch once it is called."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nbfinetune.data.images import open_images
from nbfinetune.data.index import load_index, save_index
from nbfinetune.records import Source
from nbfinetune.runner import kept_label_errors
from nbfinetune.store import RunStore, layout
from nbfinetune.store.layout import Which

if TYPE_CHECKING:
    from nbfinetune.data.images import ImageSet
    from nbfinetune.evaluation.batches import OnBatch
    from nbfinetune.evaluation.given_images import AskedImage
    from nbfinetune.evaluation.predicting import Said

Asked: TypeAlias = "int | str"
OnPart: TypeAlias = Callable[[dict[str, Any]], None]
Row: TypeAlias = tuple[str, list[float], str]

BATCH_SIZE = 32
"""Images of a prediction at a time; short questions wait for so many."""

SHOWN_PX = 256
"""Longer side that a tiny image is at least drawn at: its map is finer than its pixels."""

_TINY_PX = 128
_QUALITY = 90


class ModelAnswers:
    """Answers about one checkpoint of a run; a newer one is loaded as soon as it is there.

    Parameters
    ----------
    folder : Path
        Of the run.
    which : {"best", "last"}
    threads : int, optional
        CPU threads of torch.
    """

    def __init__(self, folder: Path, which: Which, threads: int | None) -> None:
        self._folder, self._which, self._threads = folder, which, threads
        with RunStore.open(folder) as store:
            self._config = store.config
        self._loaded: tuple[tuple[int, int], Any] | None = None

    def predict(self, images: Sequence[Asked], on_part: OnPart, on_batch: OnBatch) -> None:
        """Tell, batch by batch, ``first`` (a place in `images`) and ``rows``.

        A row is the label, the probabilities of the classes, and why there are none.
        """
        from nbfinetune.evaluation.predicting import probabilities
        from nbfinetune.evaluation.trained import device_of

        model = self.model()
        if any(isinstance(image, int) for image in images):
            _ = self._images  # once, before several threads want it

        def pixels(image: Asked) -> NDArray[np.uint8]:
            decoded: NDArray[np.uint8] = model.preprocess.pixels(self._asked(image).source)
            return decoded

        def row(said: Said) -> Row:
            if isinstance(said, str):
                return "", [], said
            return model.classes[int(said.argmax())], said.tolist(), ""

        device, done = device_of(self._config), 0
        with closing(probabilities(model, images, pixels, device, BATCH_SIZE)) as batches:
            for batch in batches:
                on_part({"first": done, "rows": [row(said) for said in batch]})
                done += len(batch)
                on_batch(done, len(images))

    def heat_map(self, image: Asked, target: str | None, method: Any) -> dict[str, Any]:
        """A drawn map of one image: pictures in base64, and what it shows.

        Raises
        ------
        ConfigError, DataError, ModelError
            As `nbfinetune.explain.explaining.heat_maps`.
        """
        from nbfinetune.evaluation.trained import device_of
        from nbfinetune.explain.explaining import heat_maps

        asked, model = self._asked(image), self.model()
        [found] = heat_maps(
            model,
            [asked.source],
            method=method,
            target=target,
            names=[asked.name],
            device=device_of(self._config),
        )
        plain = _enlarged(found.image)
        return {
            "picture": _encoded(found.overlay(plain)),
            "plain": _encoded(plain),
            "class_name": found.class_name,
            "probability": found.probability,
            "method": found.method,
            "layer": found.layer,
        }

    def label_errors(self, on_batch: OnBatch) -> dict[str, Any]:
        """Label errors of the run as lists; see `nbfinetune.runner.kept_label_errors.Found`.

        Raises
        ------
        DataError, ModelError
            As `nbfinetune.evaluation.label_errors.find_label_errors`.
        """
        self._take_threads()
        found = kept_label_errors.found_label_errors(
            self._folder, self._config, self._which, on_batch
        )
        return {name: array.tolist() for name, array in found._asdict().items()}

    def measure(self, source: Source, folder: Path, on_batch: OnBatch) -> None:
        """Leave the index of a source and the predictions for it in `folder`.

        Raises
        ------
        DataError
            If the source can't be read, or holds a class that the run does not know.
        """
        from nbfinetune.evaluation.inference import labelled_images, logits_as_seen
        from nbfinetune.evaluation.metrics import save_predictions

        model = self.model()
        images = labelled_images(source, folder, model.classes)
        output, ids = logits_as_seen(model, images, self._config, on_batch)
        layout.predictions(folder).parent.mkdir(exist_ok=True)
        save_index(images.index, layout.index(folder))
        save_predictions(layout.predictions(folder), output, images.index.labels[ids], ids)

    def model(self) -> Any:
        """The model of the checkpoint as it is now.

        Raises
        ------
        ModelError
            If it can't be loaded.
        """
        from nbfinetune.evaluation.trained import load_model

        self._take_threads()
        found = layout.checkpoint(self._folder, self._which).stat()
        stamp = (found.st_mtime_ns, found.st_size)
        if self._loaded is None or self._loaded[0] != stamp:
            self._loaded = (stamp, load_model(self._folder, self._config, self._which))
        return self._loaded[1]

    def _take_threads(self) -> None:
        import torch

        if self._threads:
            torch.set_num_threads(self._threads)

    @cached_property
    def _images(self) -> ImageSet:
        index = load_index(layout.index(self._folder))
        return open_images(self._config.data.source, index, self._folder)

    def _asked(self, image: Asked) -> AskedImage:
        from nbfinetune.evaluation.given_images import AskedImage
        from nbfinetune.explain.asked_images import numbered

        return AskedImage(image, image) if isinstance(image, str) else numbered(self._images, image)


def _enlarged(image: Image.Image) -> Image.Image:
    longer = max(image.size)
    if longer > _TINY_PX:
        return image
    factor = math.ceil(SHOWN_PX / longer)
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _encoded(image: Image.Image) -> str:
    target = io.BytesIO()
    if max(image.size) <= 2 * SHOWN_PX:
        image.save(target, "PNG")
    else:
        image.save(target, "JPEG", quality=_QUALITY)
    return base64.b64encode(target.getvalue()).decode()
