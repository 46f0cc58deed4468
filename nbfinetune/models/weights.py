"""Weights out of a file, and into a model. No pickle is ever run."""

from __future__ import annotations

import argparse
import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from timm.models import clean_state_dict
from torch import Tensor, nn

from nbfinetune.errors import CheckpointMismatch, ModelError, UnsafeCheckpoint
from nbfinetune.models.first_layer import first_convolution, inflated
from nbfinetune.models.heads import is_under

__all__ = ["load_weights", "read_facts", "read_weights"]

OWN_METADATA = "nbfinetune"
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")
_OPTIONAL = ("num_batches_tracked",)
_SHOWN = 3


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name out of a `.safetensors`, `.pth`, `.pt` or `.bin` file, on the CPU.

    Training checkpoints are unwrapped (of this package's own, the moving average is taken where
    there is one), and the prefixes of wrapped models are removed.

    Raises
    ------
    ModelError
        If there is no such file, or it holds no weights.
    UnsafeCheckpoint
        If reading it would run code. It was not run.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no file {path}; checkpoint= needs a .safetensors or .pth file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return clean_state_dict(_unwrapped(_read_pickle(path), path))


def read_facts(path: Path) -> dict[str, Any]:
    """What a checkpoint of a run says about itself: classes, image size, normalisation, model.

    Raises
    ------
    ModelError
        If the file is no checkpoint of a run.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {})[OWN_METADATA])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ModelError(f"{path} is no checkpoint of a run ({error})") from error
    return facts


def load_weights(
    module: nn.Module,
    state: Mapping[str, Tensor],
    heads: tuple[str, ...],
    *,
    source: str = "the checkpoint",
) -> None:
    """Copy weights into a model of the same architecture.

    The head is taken over where it has the same shape and left fresh where it has not; a first
    convolution for another number of channels is adapted; everything else has to match.

    Parameters
    ----------
    heads : tuple of str
        Modules of the head, see `nbfinetune.models.heads.head_names`.
    source : str
        What the weights are called in messages.

    Raises
    ------
    CheckpointMismatch
        If anything but the head differs; the first keys and shapes are named.
    """
    own = module.state_dict()
    given = _with_first_conv(module, _without_prefix(state, own))
    fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
    missing = [k for k in own if k not in given and not is_under(k, heads)]
    unknown = [k for k in given if k not in own and not is_under(k, heads)]
    reshaped = [
        f"{k} is {_shape(given[k])} there and {_shape(own[k])} here"
        for k in given
        if k in own and k not in fitting and not is_under(k, heads)
    ]
    missing, unknown = _needed(missing), _needed(unknown)
    if missing or unknown or reshaped:
        raise CheckpointMismatch(
            f"{source} does not fit {type(module).__name__} ({len(own)} tensors): "
            + "; ".join(
                sentence
                for sentence in (
                    _some("missing", missing),
                    _some("unknown", unknown),
                    _some("of another shape", reshaped),
                )
                if sentence
            )
            + ". Choose the architecture that it was saved from"
        )
    module.load_state_dict(fitting, strict=False)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            own = OWN_METADATA in (file.metadata() or {})
            names = list(file.keys())
            if own:
                names = [n for n in names if n.startswith(("model.", "ema."))]
            tensors = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is no readable safetensors file ({error})") from error
    if not own:
        return clean_state_dict(tensors)
    averaged_last = sorted(tensors, key=lambda name: name.startswith("ema."))
    return {name.partition(".")[2]: tensors[name] for name in averaged_last}


def _read_pickle(path: Path) -> Any:
    try:
        # timm's training script keeps its arguments beside the weights; a Namespace is harmless.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error) or "Unsupported" in str(error):
            raise UnsafeCheckpoint(
                f"{path} holds more than weights ({_blocked(path, error)}) and reading it could "
                "run code, so it was not read; save model.state_dict() alone, "
                "or a .safetensors file"
            ) from error
        raise _unreadable(path, error) from error
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, IndexError) as error:
        raise _unreadable(path, error) from error


def _blocked(path: Path, error: Exception) -> str:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except (RuntimeError, ValueError, pickle.UnpicklingError):
        names = []
    lines = [line.strip() for line in str(error).splitlines() if "nsupported" in line]
    return ", ".join(names) or next(iter(lines), "not on the list of harmless types")


def _unreadable(path: Path, error: Exception) -> ModelError:
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    return ModelError(f"{path} is no checkpoint that torch can read ({reason})")


def _unwrapped(loaded: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(loaded, Mapping):
        wrapped = next((loaded[k] for k in _WRAPPERS if isinstance(loaded.get(k), Mapping)), None)
        if wrapped is None:
            break
        loaded = wrapped
    tensors = {
        key: value
        for key, value in (loaded.items() if isinstance(loaded, Mapping) else ())
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise ModelError(
            f"{path} holds no weights (it holds a {type(loaded).__name__}); "
            "a dictionary of tensors is needed, as model.state_dict() gives it"
        )
    return tensors


def _without_prefix(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # Lightning and others keep the network as `self.model`.
    if all(k.startswith("model.") for k in state) and not any(k in own for k in state):
        return {k.removeprefix("model."): v for k, v in state.items()}
    return dict(state)


def _with_first_conv(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    path, first = first_convolution(module) or ("", None)
    name = f"{path}.weight"
    if first is None or name not in state:
        return state
    want, have = first.weight.shape, state[name].shape
    if len(have) == 4 and want[1] != have[1] and want[:1] + want[2:] == have[:1] + have[2:]:
        state[name] = inflated(state[name], int(want[1]))
    return state


def _needed(names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(_OPTIONAL)]


def _some(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = ", …" if len(names) > _SHOWN else ""
    return f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{more})"


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"
