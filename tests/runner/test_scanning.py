"""A scan in the background: a real process that is followed, cancelled, killed and left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from photos import photo
from PIL import Image

from nbfinetune.data.arrays import check_arrays, save_arrays
from nbfinetune.data.scan import State
from nbfinetune.data.scan_facts import load_facts
from nbfinetune.errors import DataError
from nbfinetune.records import Arrays, DataConfig, Exclude, Folder
from nbfinetune.runner.priority import NICENESS
from nbfinetune.runner.scanning import Scan
from nbfinetune.store.liveness import started_at

DEADLINE_S = 180
SLOW = 400


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for i in range(5):
            photo(10 * number + i).save(folder / name / f"{i}.jpg")
    return folder


@pytest.fixture
def slow_photos(photos: Path) -> Path:
    """Enough work for some seconds, on a machine of many cores too."""
    noise = np.random.default_rng(0).integers(0, 256, (2400, 2400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photos / "dog" / "x0.png", compress_level=1)
    for i in range(1, SLOW):
        os.link(photos / "dog" / "x0.png", photos / "dog" / f"x{i}.png")
    return photos


def scan_of(folder: Path, kept: Path, **config: object) -> Scan:
    return Scan(DataConfig(source=Folder(path=str(folder)), **config), 0, kept)


def finished(scan: Scan) -> Scan:
    scan.start()
    assert scan.wait(DEADLINE_S)
    assert scan.status == "done", scan.error
    return scan


def test_a_scan_finds_what_is_wrong_and_tells_how_far_it_is(
    photos: Path, tmp_path: Path, until: Callable[..., None]
) -> None:
    (photos / "dog" / "3.jpg").write_bytes(b"?")
    (photos / "cat" / "9.jpg").write_bytes((photos / "cat" / "1.jpg").read_bytes())
    scan = scan_of(photos, tmp_path / "kept")
    heard: list[tuple[object, ...]] = []
    scan.on_change(lambda: heard.append((scan.status, *scan.progress)))
    assert (scan.status, scan.running, scan.facts) == ("waiting", False, None)
    finished(scan)
    assert heard[0][0] == "running"
    until(lambda: heard[-1] == ("done", 11, 11))  # who waits may be first to know
    assert scan.facts is not None
    assert scan.facts.complete
    kinds = {finding.kind for finding in scan.findings()}
    assert {"corrupt", "exact_duplicates"} <= kinds


def test_the_result_is_kept_and_a_second_scan_leaves_it_alone(photos: Path, tmp_path: Path) -> None:
    first = finished(scan_of(photos, tmp_path / "kept"))
    written = (tmp_path / "kept" / "scan.npz").stat().st_mtime_ns
    second = finished(scan_of(photos, tmp_path / "kept"))
    assert (tmp_path / "kept" / "scan.npz").stat().st_mtime_ns == written
    assert first.facts is not None
    assert second.facts is not None
    assert (second.facts.rows == first.facts.rows).all()
    (photos / "dog" / "3.jpg").write_bytes(b"?")
    third = finished(second)
    assert [finding.kind for finding in third.findings()] == ["corrupt"]


def test_images_that_are_left_out_are_scanned_too(photos: Path, tmp_path: Path) -> None:
    (photos / "dog" / "3.jpg").write_bytes(b"?")
    item = str(Path("dog", "3.jpg"))
    scan = finished(scan_of(photos, tmp_path / "kept", edits=(Exclude(item=item),)))
    assert scan.facts is not None
    assert scan.facts.items[8] == item
    assert scan.facts.rows["state"][8] == State.CORRUPT
    assert "corrupt" not in {finding.kind for finding in scan.findings()}


def test_arrays_are_scanned(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 20, 20), dtype=np.uint8)
    images[7] = images[31]
    checked = check_arrays(images, np.arange(40) % 2)
    save_arrays(checked, tmp_path / "kept" / "data")
    source = Arrays(path="data", classes=checked.classes)
    scan = finished(Scan(DataConfig(source=source), 0, tmp_path / "kept"))
    copies = next(one for one in scan.findings() if one.kind == "exact_duplicates")
    assert sorted(copies.groups[0]) == [7, 31]


def test_a_listener_with_a_fault_ends_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[..., None]
) -> None:
    faults: list[str] = []
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: faults.append(str(told.exc_value)))
    scan = scan_of(photos, tmp_path / "kept")
    scan.on_change(lambda: {}["nothing"])
    scan.on_change(lambda: heard.append(scan.status))
    finished(scan)
    until(lambda: heard[-1:] == ["done"])
    assert faults == ["'nothing'"] * len(heard)


def test_a_source_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    scan = scan_of(tmp_path / "nowhere", tmp_path / "kept")
    with pytest.raises(DataError, match="the scan is waiting"):
        scan.findings()
    scan.start()
    assert scan.wait(DEADLINE_S)
    assert (scan.status, scan.facts) == ("failed", None)
    assert "there is no folder" in scan.error
    with pytest.raises(DataError, match="there is no folder"):
        scan.findings()


def test_it_gives_way_is_cancelled_and_goes_on_where_it_was(
    slow_photos: Path, tmp_path: Path, until: Callable[..., None]
) -> None:
    scan = scan_of(slow_photos, tmp_path / "kept")
    scan.start()
    assert scan._child is not None
    pid = scan._child.pid
    until(lambda: scan.progress[0] >= 12)
    if sys.platform != "win32":
        assert psutil.Process(pid).nice() >= NICENESS
    scan.cancel()
    scan.cancel()
    assert (scan.status, scan.running, scan.wait(0)) == ("cancelled", False, True)
    until(lambda: started_at(pid) is None)
    kept = load_facts(tmp_path / "kept" / "scan.npz")
    assert kept is not None
    seen = int((kept.rows["state"] != State.UNSEEN).sum())
    assert 12 <= seen < 10 + SLOW
    assert not kept.complete
    for i in range(20, SLOW):
        (slow_photos / "dog" / f"x{i}.png").unlink()
    scan.start()
    assert scan.wait(DEADLINE_S)
    assert (scan.status, scan.progress) == ("done", (30, 30))


def test_a_process_that_is_killed_is_a_failure_that_says_so(
    slow_photos: Path, tmp_path: Path, until: Callable[..., None]
) -> None:
    scan = scan_of(slow_photos, tmp_path / "kept")
    scan.start()
    assert scan._child is not None
    until(lambda: scan.progress[1] > 0)
    os.kill(scan._child.pid, signal.SIGTERM)
    assert scan.wait(DEADLINE_S)
    assert scan.status == "failed"
    assert "ended early" in scan.error


def test_it_leaves_with_its_kernel_and_keeps_what_it_saw(
    slow_photos: Path, tmp_path: Path, until: Callable[..., None]
) -> None:
    script = f"""
import os, signal, time
from pathlib import Path
from nbfinetune.records import DataConfig, Folder
from nbfinetune.runner.scanning import Scan
scan = Scan(DataConfig(source=Folder(path={str(slow_photos)!r})), 0, Path({str(tmp_path)!r}))
def told():
    if scan.progress[0] >= 12:
        print(scan._child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
scan.on_change(told)
scan.start()
scan.wait({DEADLINE_S})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)
    until(lambda: started_at(pid) is None)
    kept = load_facts(tmp_path / "scan.npz")
    assert kept is not None
    assert (kept.rows["state"] == State.FINE).sum() >= 12


def test_it_leaves_in_the_middle_of_anything_when_nobody_listens() -> None:
    script = (
        "import threading; from nbfinetune.runner.scan_process import Listener\n"
        "listener = Listener()\nthreading.Event().wait()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0


def test_the_scan_never_imports_torch() -> None:
    script = (
        "import sys, imagehash, nbfinetune.runner.scan_process, nbfinetune.runner.scanning\n"
        "print(*sorted({'torch', 'timm', 'torchvision', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
    script = "import sys, nbfinetune.runner.scanning\nprint('imagehash' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
