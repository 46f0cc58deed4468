"""Published weights as a file: out of the cache, or downloaded, or a sentence that says why not."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import huggingface_hub
import torch
from huggingface_hub import constants, hf_hub_download, hf_hub_url, try_to_load_from_cache

from nbfinetune.errors import WeightsUnavailable

__all__ = ["file_at_url", "file_on_hub", "timm_weights", "ways_out"]

PATIENCE_S = 5.0
DEFAULT_FILE = "pytorch_model.bin"
# The hub holds most weights twice; the pickle is the one to leave.
_SAFE_TWINS = {
    DEFAULT_FILE: "model.safetensors",
    "open_clip_pytorch_model.bin": "open_clip_model.safetensors",
}


def timm_weights(cfg: dict[str, Any], cache_dir: Path | None = None) -> tuple[Path, str]:
    """File with the weights that a timm configuration names, and a sentence on where it is from.

    Raises
    ------
    WeightsUnavailable
        If nothing is published, or it is neither cached nor reachable.
    """
    if cfg.get("hf_hub_id"):
        return file_on_hub(cfg["hf_hub_id"], cfg.get("hf_hub_filename") or DEFAULT_FILE, cache_dir)
    if cfg.get("url"):
        return file_at_url(cfg["url"], cache_dir)
    raise WeightsUnavailable(
        f"nobody has published weights for {cfg.get('architecture')}; {ways_out()}"
    )


def file_on_hub(hub_id: str, filename: str, cache_dir: Path | None = None) -> tuple[Path, str]:
    """File of a repository on the hub, the safetensors twin of a pickle first.

    The cache is looked at before the network, so that cached weights cost no round trip.

    Parameters
    ----------
    hub_id : str
        `owner/name`, or `owner/name@revision`.
    cache_dir : Path, optional
        Default: the hub's own (`HF_HUB_CACHE`, `HF_HOME`).
    """
    repository, _, revision = hub_id.partition("@")
    names = [_SAFE_TWINS[filename], filename] if filename in _SAFE_TWINS else [filename]
    for name in names:
        cached = try_to_load_from_cache(repository, name, cache_dir, revision or None)
        if isinstance(cached, str):
            return Path(cached), f"{hub_id}, from the hub's cache"
    if constants.HF_HUB_OFFLINE:
        raise WeightsUnavailable(
            f"the weights {hub_id} are not in the cache ({cache_dir or constants.HF_HUB_CACHE}) "
            f"and HF_HUB_OFFLINE forbids to download them; {ways_out()}"
        )
    for name in names:
        url = hf_hub_url(repository, name, revision=revision or None)
        # The hub's own client tries six times, 23 seconds for each name, when there is no network.
        if _exists(url, hub_id, last=name == names[-1]):
            return _downloaded(repository, name, revision, cache_dir), f"{hub_id}, downloaded"
    raise AssertionError(names)


def file_at_url(url: str, cache_dir: Path | None = None) -> tuple[Path, str]:
    """File at an address, kept where `torch.hub` keeps its own."""
    folder = cache_dir or Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    if path.exists():
        return path, f"{url}, from the cache"
    _exists(url, url, last=True)
    found = torch.hub.HASH_REGEX.search(path.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), found[1] if found else None, progress=False)
    except (OSError, RuntimeError) as error:
        raise _unavailable(url, error) from error
    return path, f"{url}, downloaded"


def ways_out() -> str:
    """What a user can do who can't have published weights."""
    return (
        "connect to the network, pass pretrained=False to start from random weights, "
        "or checkpoint= a local .safetensors or .pth file"
    )


def _exists(url: str, what: str, *, last: bool) -> bool:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - addresses of timm's own
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403, 404) and last:
            raise _unavailable(what, error) from error
        return error.code not in (401, 403, 404)
    except OSError as error:
        raise _unavailable(what, error) from error


def _downloaded(repository: str, name: str, revision: str, cache_dir: Path | None) -> Path:
    try:
        return Path(
            hf_hub_download(repository, name, revision=revision or None, cache_dir=cache_dir)
        )
    except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise _unavailable(repository, error) from error


def _unavailable(what: str, error: Exception) -> WeightsUnavailable:
    reason = getattr(error, "reason", None) or error
    return WeightsUnavailable(
        f"the weights {what} are not in the cache and can't be downloaded ({reason}); {ways_out()}"
    )
