"""Which published weights lie on this machine, and whether others can be had.

By the rules of `huggingface_hub` and `torch.hub`, without importing either.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from nbfinetune.models.model_facts import ModelFacts

__all__ = ["cached_names", "hub_folder", "network", "torch_folder"]

PATIENCE_S = 2.0
ENDPOINT = "https://huggingface.co"
# A repository may hold the same weights in both forms; either will do.
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_TRUE = {"1", "ON", "YES", "TRUE"}


def cached_names(rows: Iterable[ModelFacts]) -> frozenset[str]:
    """Names of those whose weights are in the hub's cache or torch's; no network is asked.

    A listing of each folder, and a look at the few repositories that are there.
    """
    hub, torch_hub = hub_folder(), torch_folder()
    repositories, files = _names_in(hub), _names_in(torch_hub)
    return frozenset(
        row.name
        for row in rows
        if (_repository(row) in repositories and _is_whole(hub, row))
        or (not row.hub_id and row.file.rpartition("/")[2] in files)
    )


def hub_folder() -> Path:
    """Folder in which the hub's client keeps what it has downloaded."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{cache}/huggingface")
    older_name = os.environ.get("HUGGINGFACE_HUB_CACHE", f"{home}/hub")
    return _expanded(os.environ.get("HF_HUB_CACHE", older_name))


def torch_folder() -> Path:
    """Folder in which `torch.hub` keeps weights."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return _expanded(f"{home}/hub/checkpoints")


def network() -> Literal["online", "offline"]:
    """Whether the hub can be reached; known after two seconds at most.

    `HF_HUB_OFFLINE` forbids to look; `HF_ENDPOINT` names another hub. Proxies are as for any
    download of Python's own.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return "offline"
    answered = threading.Event()
    looker = threading.Thread(target=_look, args=(answered,), daemon=True, name="look-at-hub")
    looker.start()
    # The look's own timeout does not cover the search for the host's address.
    looker.join(PATIENCE_S)
    return "online" if answered.is_set() else "offline"


def _look(answered: threading.Event) -> None:
    import http.client
    import urllib.error
    import urllib.request

    url = os.environ.get("HF_ENDPOINT", ENDPOINT)
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the user's own choice
        with urllib.request.urlopen(request, timeout=PATIENCE_S):  # noqa: S310
            answered.set()
    except urllib.error.HTTPError as error:
        error.close()
        answered.set()
    except (OSError, ValueError, http.client.HTTPException):
        # No network, an endpoint that is no address, or no hub at it.
        return


def _repository(row: ModelFacts) -> str:
    repository, _, _ = row.hub_id.partition("@")
    return "models--" + repository.replace("/", "--")


def _is_whole(hub: Path, row: ModelFacts) -> bool:
    """Whether a repository of the cache has the weights at the revision that would be taken."""
    repository = hub / _repository(row)
    revision = row.hub_id.partition("@")[2] or "main"
    try:
        commit = (repository / "refs" / revision).read_text()
    except OSError:
        # A revision that is no branch is a commit itself.
        commit = revision
    snapshot = repository / "snapshots" / commit
    return any((snapshot / name).is_file() for name in {row.file, *_HUB_FILES})


def _names_in(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except OSError:
        # Nothing was ever downloaded, or it is not for us to read.
        return frozenset()


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()
