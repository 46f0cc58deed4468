"""What a race came to, as JSON: the figures of every round, and where and when they were taken."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import psutil
from outcome import Outcome

CPU_INFO = Path("/proc/cpuinfo")


@dataclass
class Kept:
    """A race that was run, or why it was not.

    Parameters
    ----------
    title : str
        Of its set.
    key : str
        Of its set.
    command : str
        That runs it again.
    photos : str
        What they were, and how many.
    load : list of float
        Of the machine in the minute before the race, and in that before its end: its own included.
    minutes : float
        That it took.
    skipped : str
        Why there are no outcomes.
    """

    title: str
    key: str
    command: str = ""
    date: str = ""
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    photos: str = ""
    rounds: int = 0
    load: list[float] = field(default_factory=list)
    minutes: float = 0.0
    skipped: str = ""
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Keep it as `<key>.json`; a race that was skipped replaces none that was run."""
        path = folder / f"{self.key}.json"
        if self.skipped and path.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_rounded(asdict(self)), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Kept]:
    """All that is kept in a folder, by key."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        fields = json.loads(path.read_text(encoding="utf-8"))
        outcomes = {
            name: [Outcome(**one) for one in rounds] for name, rounds in fields["outcomes"].items()
        }
        found[path.stem] = Kept(**{**fields, "outcomes": outcomes})
    return found


def today() -> str:
    """The date, in UTC."""
    return datetime.now(timezone.utc).date().isoformat()


def cpus() -> int:
    """CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return psutil.cpu_count(logical=False) or 1


def machine(gpu: str = "") -> str:
    """Cores, processor, memory and system in a line."""
    name = platform.processor() or platform.machine()
    if CPU_INFO.exists():
        lines = CPU_INFO.read_text().splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    memory = psutil.virtual_memory().total / 2**30
    facts = [f"cores: {cpus()}", name.strip(), f"{memory:.0f} GiB", platform.system(), gpu]
    return ", ".join(filter(None, facts))


def _rounded(value: object) -> object:
    """Floats to four places: more of them say nothing and make every difference long."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
