"""The standby's own side: import torch, answer questions, become a worker or leave."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from nbfinetune.errors import NbFinetuneError
from nbfinetune.records import Arrays, FineTuneConfig, Named, decode


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
        Any of ``device``, ``parameters``, ``classes``, ``images``; ``model_error`` and
        ``data_error`` where the look found what would end the run at once.
    """
    facts: dict[str, Any] = {"device": _device(config.runner.device)}
    classes = 0
    try:
        listing = _listing(config, folder)
        if listing is not None:
            classes = len(listing.classes)
            facts |= {"images": len(listing.labels), "classes": classes}
    except NbFinetuneError as error:
        facts["data_error"] = str(error)
    try:
        facts["parameters"] = _parameters(config.model.name, classes or 2)
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


def _listing(config: FineTuneConfig, folder: Path) -> Any:
    """What the source holds, or None where only a download could tell."""
    from nbfinetune.data.named import DIGITS
    from nbfinetune.data.source_reading import read_source

    source = config.data.source
    if isinstance(source, Named) and source.name != DIGITS:
        return None
    if isinstance(source, Arrays) and not (folder / source.path).is_dir():
        return None
    return read_source(source, folder)


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
