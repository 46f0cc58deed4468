"""A file is there whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from nbfinetune.whole_files import whole_file, write_whole


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_written_takes_the_place_of_the_file_at_the_end(durable, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with whole_file(path, durable=durable) as unfinished:
        unfinished.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert unfinished.parent == path.parent
    assert path.read_bytes() == b"new"
    assert [left.name for left in tmp_path.iterdir()] == ["a.json"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def fail() -> None:
        with whole_file(path) as unfinished:
            unfinished.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_is_missing_is_what_the_error_says(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        write_whole(tmp_path / "gone" / "a.json", b"new")


def test_a_writer_that_is_killed_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, b"old")
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from nbfinetune.whole_files import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as unfinished:\n"
        "    unfinished.write_bytes(b'ne')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert [left.suffix for left in tmp_path.iterdir() if left != path] == [".tmp"]
