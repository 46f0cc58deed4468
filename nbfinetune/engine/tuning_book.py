"""What self-tests found on this machine, kept in the cache: most runs need none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from nbfinetune.data.machine import cache_home
from nbfinetune.records import StepTuned
from nbfinetune.whole_files import write_whole

FILE_NAME = "tuning.json"
FORMAT = 1
MOST = 1000
"""Findings that are kept, the latest."""

_PATIENCE_S = 2.0


class Way(NamedTuple):
    """How a step is computed.

    Parameters
    ----------
    precision : {"fp32", "bf16", "fp16"}
    channels_last : bool
        Memory format.
    threads : int, optional
        Of the CPU; None is as many as torch takes by itself.
    """

    precision: str
    channels_last: bool
    threads: int | None = None

    def words(self) -> str:
        """As people read it: "bf16, channels last, 1 thread"."""
        told = f"{self.precision}, channels {'last' if self.channels_last else 'first'}"
        if self.threads is None:
            return told
        return f"{told}, {self.threads} thread{'s' * (self.threads != 1)}"


class _Page(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    found: dict[str, StepTuned]


def read(key: str) -> StepTuned | None:
    """What was found; a file that is damaged or of another version is as good as none."""
    found = _page().get(key)
    return None if found is None else msgspec.structs.replace(found, remembered=True)


def everything() -> dict[str, StepTuned]:
    """All that was found, by key, oldest first."""
    return _page()


def keep(key: str, found: StepTuned) -> None:
    """Remember; a cache that can't be written is passed over: the test is then made again."""
    from filelock import FileLock, Timeout

    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE_S):
            page = _page()
            page.pop(key, None)
            page[key] = found
            latest = dict(list(page.items())[-MOST:])
            write_whole(path, msgspec.json.encode(_Page(FORMAT, latest)))
    except (OSError, Timeout):
        return


def _path() -> Path:
    return cache_home() / FILE_NAME


def _page() -> dict[str, StepTuned]:
    try:
        page = msgspec.json.decode(_path().read_bytes(), type=_Page)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return page.found if page.format == FORMAT else {}
