"""The standby's own side: import torch, answer questions, become a worker or leave."""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import Arrays, Files, FineTuneConfig, Named, decode
from nbfinetune.runner.child import speaker

if TYPE_CHECKING:
    from nbfinetune.data.images import ImageSet


def main() -> int:
    """Wait for a run (or other work) on standard input; returns the worker's exit status."""
    heard: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(heard,), name="listen", daemon=True).start()
    _warm_up()
    while "begin" not in (record := heard.get()):
        if "work" in record:
            import_module(record["work"]).work(speaker(), heard)
            return 0
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
        Any of ``device``, ``classes``, ``images``, and how the model sees one: ``image_size``,
        ``interpolation``, ``crop_pct``. Of the model ``parameters``, ``macs`` (multiply-accumulates
        of an image), ``stages`` (before the head), ``memory`` (bytes ``needed`` and ``available``,
        and the ``largest_batch``; the last two are None on an accelerator) and ``choices`` (each
        with ``name``, ``label``, parameters ``trained`` and bytes of ``memory``).
        ``model_error`` and ``data_error`` where the look found what would end the run at once.
    """
    device = _device(config.runner.device)
    # Its name would need a context on the device, which would keep its memory while we wait.
    facts: dict[str, Any] = {"device": "the CPU" if device == "cpu" else device}
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
        facts |= _of_the_model(config, images, classes, device)
    except NbFinetuneError as error:
        facts["model_error"] = str(error)
    return facts


def _warm_up() -> None:
    from nbfinetune.engine.lean_torch import leave_out_compiler

    leave_out_compiler()
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


def _of_the_model(
    config: FineTuneConfig, images: ImageSet | None, classes: int, device: str
) -> dict[str, Any]:
    if ":" in config.model.name:
        return {"parameters": None}
    from nbfinetune.engine.model_outlook import model_outlook

    return model_outlook(config, images, classes, device.partition(":")[0])


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    import torch

    here = torch.accelerator.is_available() and torch.accelerator.current_accelerator()
    return here.type if here else "cpu"


if __name__ == "__main__":
    sys.exit(main())
