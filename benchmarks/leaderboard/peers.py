"""An environment of its own for the peers, beside the package's; torch is shared with it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

PEERS = ("fastai", "lightning", "transformers[torch]")


def python_with_peers(folder: Path) -> Path:
    """Python of an environment that has the peers and sees everything that this one has.

    Parameters
    ----------
    folder : Path
        Where it is made, once.
    """
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if ready.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    [site] = (folder / "lib").glob("python*/site-packages")
    (site / "package.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    # The very torch that we run on: another one would be another race.
    pinned = folder / "pinned.txt"
    pinned.write_text("".join(f"{name}=={version(name)}\n" for name in ("torch", "torchvision")))
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", pinned, *PEERS], check=True)
    ready.touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """Of what takes part."""
    names = ("torch", "timm", "fastai", "lightning", "transformers")
    script = f"from importlib.metadata import version\nfor n in {names}: print(n, version(n))"
    said = subprocess.run([python, "-c", script], check=True, capture_output=True, text=True)
    return dict(line.split() for line in said.stdout.splitlines())
