"""A run in a line, and in a small table for notebooks."""

from __future__ import annotations

from html import escape

from nbfinetune.store import RunStore


def facts(store: RunStore) -> dict[str, str]:
    """What a person wants to know of a run at first sight."""
    epochs = store.epochs()
    config = store.config
    told = {
        "status": store.status(),
        "model": config.model.name,
        "epoch": f"{len(epochs)}/{store.epochs_planned()}",
    }
    if epochs:
        told["best accuracy"] = f"{max(epoch.accuracy for epoch in epochs):.4f}"
    return told


def line(name: str, told: dict[str, str]) -> str:
    """Like `Run('20261122-093012-resnet18-k3f9', status running, epoch 2/5)`."""
    return f"Run({name!r}, {', '.join(f'{what} {value}' for what, value in told.items())})"


def table(name: str, told: dict[str, str], path: str) -> str:
    """HTML of the same, with the folder."""
    rows = {"run": name, **told, "folder": path}
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(what)}</th><td>{escape(value)}</td></tr>"
        for what, value in rows.items()
    )
    return f"<table>{cells}</table>"
