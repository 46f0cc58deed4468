"""The durable run store: one folder per run, one SQLite file in it."""

from nbfinetune.store.run_store import RunStore

__all__ = ["RunStore"]
