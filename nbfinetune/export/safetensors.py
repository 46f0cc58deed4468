"""Plain weights, and a JSON beside them that says how to load them without nbfinetune."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from nbfinetune.errors import ConfigError
from nbfinetune.evaluation.trained import Which, checkpoint_path, load_model
from nbfinetune.export.loading import loading_code
from nbfinetune.export.parity import Parity
from nbfinetune.export.reading import Input
from nbfinetune.export.storing import stored, storing, write_text
from nbfinetune.models.names import ModelName, parse_name, timm_config
from nbfinetune.models.shape import RGB
from nbfinetune.models.weights import read_facts
from nbfinetune.records import FineTuneConfig

__all__ = ["export", "note"]

# What described the published weights, and does not describe these.
_OUTDATED = (
    "url",
    "file",
    "state_dict",
    "hf_hub_id",
    "hf_hub_filename",
    "source",
    "custom_load",
    "label_offset",
    "label_names",
    "label_descriptions",
    "test_input_size",
    "test_crop_pct",
    "test_pool_size",
    "pool_size",
    "tag",
)
# What of it goes on for weights that were trained from the published ones, and for no others.
_OF_THE_WEIGHTS = ("license", "origin_url", "paper_ids", "paper_name", "description", "notes")


def export(
    run_folder: Path,
    config: FineTuneConfig,
    path: Path,
    which: Which = "best",
    input: Input = "normalised",
) -> None:
    """Write `path` and a `.json` of the same name.

    The JSON has the form of timm's `config.json` on the hub: in a folder of its own, under that
    name, `timm.create_model("local-dir:FOLDER", pretrained=True)` loads both. Its `load` holds
    lines of Python that load the file as it lies, also where timm can't.

    Raises
    ------
    ConfigError
        If another input than normalised images is asked for.
    StoreError
        If the files can't be written.
    """
    if input != "normalised":
        raise ConfigError(
            f"input is {input!r}, but weights are read by the architecture, which takes normalised "
            "images; leave input out, or export to .onnx or .pt2"
        )
    facts = read_facts(checkpoint_path(run_folder, which))
    module = load_model(run_folder, config, which)
    tensors = {name: t.contiguous().clone() for name, t in module.state_dict().items()}
    with stored(path, SafetensorError) as unfinished:
        save_file(tensors, unfinished, metadata={"format": "pt"})
    _write(_description(module, facts, path.name), path.with_suffix(".json"))


def note(parity: Parity, path: Path) -> None:
    """Write the parity of a file into the JSON beside it.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    beside = path.with_suffix(".json")
    with storing(beside):
        described = json.loads(beside.read_bytes())
    _write({**described, "parity": asdict(parity)}, beside)


def _write(description: Mapping[str, Any], path: Path) -> None:
    write_text(json.dumps(description, indent=2) + "\n", path)


def _description(module: nn.Module, facts: Mapping[str, Any], filename: str) -> dict[str, Any]:
    name = parse_name(facts["model"]["name"])
    size = facts["image_size"]
    seen = {key: facts[key] for key in ("mean", "std", "interpolation", "crop_pct")}
    described: dict[str, Any] = {
        "architecture": name.architecture if name.origin == "timm" else name.full,
        "num_classes": facts["num_classes"],
        "label_names": facts["classes"],
        "pretrained_cfg": {
            **_published(name, pretrained=_is_pretrained(facts["model"])),
            **seen,
            "num_classes": facts["num_classes"],
            "input_size": [facts["model"].get("in_chans", RGB), size, size],
        },
        "load": loading_code(module, name, facts, filename),
    }
    if described["pretrained_cfg"].get("fixed_input_size"):
        described["model_args"] = {"img_size": size}
    return described


def _is_pretrained(model: Mapping[str, Any]) -> bool:
    return bool(model["pretrained"]) and model["checkpoint"] is None


def _published(name: ModelName, *, pretrained: bool) -> dict[str, Any]:
    if name.origin != "timm":
        return {}
    outdated = _OUTDATED if pretrained else _OUTDATED + _OF_THE_WEIGHTS
    return {k: v for k, v in timm_config(name.full).items() if k not in outdated}
