"""The standby's own side: import torch, answer questions, become a worker or leave."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import Arrays, Files, FineTuneConfig, Named, decode

if TYPE_CHECKING:
    from nbfinetune.data.images import ImageSet


def main() -> int:
    """Wait for a run on standard input; returns the worker's exit status."""
    heard: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(heard,), name="listen", daemon=True).start()
    _warm_up()
    while "begin" not in (record := heard.get()):
        config = decode(json.dumps(record["describe"]), FineTuneConfig)
        sys.stdout.write(json.dumps(describe(config, Path(record["folder"]))) + "\n")
        sys.stdout.flush()
    return _begin(Path(record["begin"]), Path(record["log"]))


def _listen(heard: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        record = json.loads(line)
        heard.put(record)
        if "begin" in record:
            return
    # The kernel has gone: nobody wants what is being imported or looked up.
    os._exit(0)


def describe(config: FineTuneConfig, folder: Path) -> dict[str, Any]:
    """What a run of `config` would be, as far as a look without training can tell.

    Returns
    -------
    dict
        Any of ``device``, ``parameters``, ``classes``, ``images``, and how the model sees one:
        ``image_size``, ``interpolation``, ``crop_pct``; ``model_error`` and ``data_error`` where
        the look found what would end the run at once.
    """
    facts: dict[str, Any] = {"device": _device(config.runner.device)}
    images, classes = None, 2
    try:
        images = _images(config, folder)
        if images is not None:
            classes = len(images.index.classes)
            used = len(images.index.train) + len(images.index.val)
            facts |= {"images": used, "classes": classes}
    except NbFinetuneError as error:
        facts["data_error"] = str(error)
    try:
        facts["parameters"] = _parameters(config.model.name, classes)
        facts |= _view(config, images)
    except NbFinetuneError as error:
        facts["model_error"] = str(error)
    return facts


def _warm_up() -> None:
    import sklearn.datasets
    import sklearn.metrics  # noqa: F401
    import timm  # noqa: F401
    import torchvision.transforms.v2  # noqa: F401

    import nbfinetune.engine.train
    import nbfinetune.runner.worker  # noqa: F401


def _begin(folder: Path, log: Path) -> int:
    from nbfinetune.runner import worker

    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return worker.main(folder)


def _images(config: FineTuneConfig, folder: Path) -> ImageSet | None:
    """Images that the source holds, or None where only a download could tell."""
    from nbfinetune.data.images import open_images, with_channels
    from nbfinetune.data.index import preview_index
    from nbfinetune.data.named import DIGITS

    source = config.data.source
    if isinstance(source, Named) and source.name != DIGITS:
        return None
    if isinstance(source, (Arrays, Files)) and not (folder / source.path).is_dir():
        return None
    images = open_images(source, preview_index(config.data, config.seed, folder), folder)
    return with_channels(images, config.model.in_chans)


def _view(config: FineTuneConfig, images: ImageSet | None) -> dict[str, Any]:
    """How a run of `config` would see an image; empty where only its images or code can tell."""
    if images is None or ":" in config.model.name:
        return {}
    from nbfinetune.data.images import median_side
    from nbfinetune.models.inputs import choose_image_size, model_input

    wanted = model_input(config.model.name)
    size = choose_image_size(wanted, config.data.image_size, median_side(images))
    return {
        "image_size": size,
        "interpolation": wanted.interpolation,
        "crop_pct": wanted.crop_pct,
    }


def _parameters(name: str, classes: int) -> int | None:
    """Weights of the network; None where it is the user's own code, which may still change."""
    from nbfinetune.models.names import parse_name

    if ":" in name:
        return None
    parsed = parse_name(name)
    import torch

    with torch.device("meta"):
        model = _blank(parsed.origin, parsed.architecture, classes)
    return int(sum(weight.numel() for weight in model.parameters()))


def _blank(origin: str, architecture: str, classes: int) -> Any:
    if origin == "torchvision":
        import torchvision

        return torchvision.models.get_model(architecture, num_classes=classes)
    import timm

    return timm.create_model(architecture, num_classes=classes)


def _device(wanted: str) -> str:
    import torch

    if wanted == "auto":
        here = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
        wanted = here.type if here else "cpu"
    if wanted == "cpu":
        return "the CPU"
    # The name would need a context on the device, which would keep its memory while we wait.
    return wanted


if __name__ == "__main__":
    sys.exit(main())
