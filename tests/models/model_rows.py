"""Rows of a catalogue, made up."""

from __future__ import annotations

from typing import Any

from nbfinetune.models.model_facts import ModelFacts


def row(name: str, **changed: Any) -> ModelFacts:
    usual = {
        "architecture": name.partition(".")[0],
        "default": True,
        "pretrained": True,
        "family": "ResNet",
        "kind": "cnn",
        "parameters": 10_000_000,
        "macs": 10**9,
        "activations": 10**6,
        "saved_bytes": 10**7,
        "image_size": 224,
        "min_size": 32,
        "other_sizes": True,
        "top1": 75.0,
        "license": "apache-2.0",
        "license_kind": "permissive",
    }
    return ModelFacts(name=name, **(usual | changed))
