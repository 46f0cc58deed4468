"""A real Jupyter server in a folder of its own, with nothing that asks the network or the user."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 120.0

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


@dataclass(frozen=True)
class JupyterServer:
    """A server that runs, and where.

    Parameters
    ----------
    url : str
        With a slash at the end.
    token : str
    root : Path
        The folder whose notebooks it serves.
    """

    url: str
    token: str
    root: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """Call the server's REST interface."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as reply:
            body = reply.read()
        return json.loads(body) if body else None


@contextlib.contextmanager
def serving(folder: Path):
    """Run a server until the block ends."""
    port, token = free_port(), secrets.token_hex(16)
    root = folder / "root"
    root.mkdir()
    write_settings(folder, SETTINGS)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *(f"--ServerApp.root_dir={root}", f"--port={port}", "--ServerApp.port_retries=0"),
                *(f"--IdentityProvider.token={token}", "--ip=127.0.0.1"),
                "--LabApp.extension_manager=readonly",
            ],
            env=environment(folder),
            cwd=root,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = JupyterServer(f"http://127.0.0.1:{port}/", token, root)
    try:
        await_answer(server, process, folder / "server.log")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def write_settings(folder: Path, settings: dict[str, dict[str, Any]]) -> None:
    """Set JupyterLab's settings as its own settings editor would."""
    for plugin, values in settings.items():
        path = folder / "lab-settings" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def environment(folder: Path) -> dict[str, str]:
    """Ours, with every folder of Jupyter's in `folder`, and the notebooks' runs beside them."""
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "lab-settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "NBFINETUNE_CACHE": "cache",
    }
    kept = {k: v for k, v in os.environ.items() if k != "NBFINETUNE_HOME"}
    return kept | {name: str(folder / place) for name, place in own.items()}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_answer(server: JupyterServer, process: subprocess.Popen, log: Path) -> None:
    """Return once the server answers; fail with its log where it ends before."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the Jupyter server ended: {log.read_text()[-2000:]}")
        try:
            server.ask("api/status")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"the Jupyter server did not answer in {START_S} s; see {log}")
