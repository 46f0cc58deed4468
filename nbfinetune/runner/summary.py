"""A run in a line, and in a small table for notebooks."""

from __future__ import annotations

from html import escape

from nbfinetune.runner.speed_notes import speed_notes
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


def speed(store: RunStore) -> dict[str, str]:
    """What its worker chose for the sake of speed, or could not do; empty where that is nothing."""
    notes = [note.text for note in speed_notes(store)]
    return {"speed": " · ".join(notes)} if notes else {}


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
