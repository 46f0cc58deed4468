"""Archives are unpacked once, within their folder, or refused by the name of a member."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from nbfinetune.data import accept, archives
from nbfinetune.data.archives import check_archive, unpacked
from nbfinetune.data.images import open_images
from nbfinetune.data.index import build_index, preview_index
from nbfinetune.errors import DataError
from nbfinetune.records import Archive, DataConfig, Files

MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}


def never(path, reason):
    pytest.fail(f"{path} was skipped: {reason}")


@pytest.fixture
def photos(write_photos, tmp_path):
    return write_photos(tmp_path / "flowers", {"roses": 5, "tulips": 5})


def pack(photos: Path, suffix: str, top: str) -> Path:
    """Archive beside the photos, with or without folders on top of the classes."""
    target = photos.parent / f"my flowers{suffix}"
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    names = [f"{top}{path.relative_to(photos).as_posix()}" for path in files]
    if suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, name in zip(files, names, strict=True):
                archive.write(path, name)
    else:
        with tarfile.open(target, MODES[suffix]) as archive:
            for path, name in zip(files, names, strict=True):
                archive.add(path, name)
    return target


@pytest.mark.parametrize("suffix", [".zip", *MODES])
@pytest.mark.parametrize("top", ["", "./", "flowers/", "a/b/"])
def test_an_archive_reads_like_its_folder(suffix, top, photos, tmp_path):
    (photos / "notes.txt").write_text("ten flowers")
    (photos / "__MACOSX" / "roses").mkdir(parents=True)
    (photos / "__MACOSX" / "roses" / "._000.jpg").write_bytes(b"resource fork")
    path = pack(photos, suffix, top)
    accepted = accept(str(path))
    assert accepted.source == Archive(path=str(path))
    assert accepted.hint == "my flowers"
    config = DataConfig(source=accepted.source)
    index = build_index(config, 0, tmp_path, never)
    expected = preview_index(DataConfig(source=accept(photos).source), 0, tmp_path)
    assert index.items == expected.items
    assert index.split.tolist() == expected.split.tolist()
    assert Path(index.path(3)).read_bytes() == Path(expected.path(3)).read_bytes()
    assert open_images(accepted.source, index, tmp_path).image(0).size == (40, 30)
    written = [one.name for one in unpacked(path).rglob("*") if one.is_file()]
    assert sorted(written) == sorted(Path(item).name for item in index.items)


def test_parts_inside_are_kept(write_photos, tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        write_photos(tmp_path / "p" / part, {"a": count, "b": count})
    source = accept(pack(tmp_path / "p", ".zip", "p/")).source
    index = preview_index(DataConfig(source=source), 0, tmp_path)
    assert [index.items[i][:3] for i in index.val] == ["val"] * 4


def test_it_is_unpacked_once_until_it_changes(photos, write_photo):
    path = pack(photos, ".zip", "")
    first = unpacked(path)
    (first / "roses" / "000.jpg").unlink()
    facts = path.stat()
    path.write_bytes(bytes(facts.st_size))  # what is not read can't be missed
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert unpacked(path) == first
    assert not (first / "roses" / "000.jpg").exists()
    write_photo(photos / "roses" / "more.jpg", seed=7)
    assert (unpacked(pack(photos, ".zip", "")) / "roses" / "more.jpg").exists()
    assert len(list(first.parent.iterdir())) == 2, "and no scratch is left"


def test_a_run_goes_on_when_the_cache_was_emptied(photos, tmp_path):
    source = accept(pack(photos, ".zip", "")).source
    config = DataConfig(source=source)
    index = build_index(config, 0, tmp_path, never)
    Path(index.root).rename(tmp_path / "gone")
    again = build_index(config, 0, tmp_path, never)
    assert open_images(source, again, tmp_path).image(0).size == (40, 30)


def test_labels_may_be_read_off_the_paths_inside(photos, tmp_path):
    accepted = accept(pack(photos, ".tgz", ""), labels=lambda path: int(path.stem) % 2)
    assert accepted.source == Files(path="data")
    accepted.place(tmp_path)
    index = preview_index(DataConfig(source=accepted.source), 0, tmp_path)
    assert index.classes == ("0", "1")


def zipped(path, name, data=b"x" * 50, mode=0o644 | stat.S_IFREG, compress=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # the constructor tidies names up
    info.external_attr = mode << 16
    info.compress_type = compress
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cats/ok.jpg", b"fine")
        archive.writestr(info, data)


def tarred(path, name, kind=tarfile.REGTYPE, data=b"x" * 50, link=""):
    with tarfile.open(path, "w:xz") as archive:
        for member, content in ((tarfile.TarInfo("cats/ok.jpg"), b"fine"), (named(name), data)):
            member.size = len(content)
            if member.name == name:
                member.type, member.linkname = kind, link
                member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content) if member.size else None)


def named(name):
    return tarfile.TarInfo(name)


EVIL_NAMES = ["../evil.jpg", "a/../../evil.jpg", "/evil.jpg", "C:/evil.jpg", "a\\..\\..\\evil.jpg",
              "c:evil.jpg", "\\\\host\\evil.jpg", "../notes.txt"]  # fmt: skip


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("write", [zipped, tarred])
def test_a_member_that_would_leave_its_folder_is_refused_by_name(write, name, tmp_path):
    path = tmp_path / ("evil.zip" if write is zipped else "evil.tar.xz")
    write(path, name)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(
        DataError, match=r"evil\..* holds .*(absolute path|leaves its folder)"
    ) as no:
        unpacked(path)
    assert repr(name) in str(no.value)
    left = {one.name for one in set(tmp_path.rglob("*")) - before}
    assert left <= {"cache", "archives"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                                  tarfile.FIFOTYPE, tarfile.BLKTYPE])  # fmt: skip
def test_links_and_devices_are_refused(kind, tmp_path):
    tarred(tmp_path / "evil.tar", "cats/b.jpg", kind, link="cats/ok.jpg")
    with pytest.raises(DataError, match=r"evil\.tar holds 'cats/b\.jpg', a link or a device"):
        unpacked(tmp_path / "evil.tar")


def test_a_link_in_a_zip_is_refused_before_anything_is_spawned(tmp_path):
    zipped(tmp_path / "evil.zip", "cats/b", b"/etc/passwd", stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match="holds 'cats/b', a link or a device"):
        accept(tmp_path / "evil.zip")


@pytest.mark.parametrize("write", [zipped, tarred])
def test_a_bomb_is_refused_by_the_name_of_the_member(write, tmp_path):
    path = tmp_path / ("bomb.zip" if write is zipped else "bomb.txz")
    write(path, "cats/zeros.png", data=bytes(40 * 2**20))
    with pytest.raises(DataError, match=r"decompression bomb at 'cats/zeros\.png'"):
        unpacked(path)
    assert not list((tmp_path / "cache" / "archives").iterdir())


@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_name_of_megabytes_is_refused_before_it_is_read(layout, tmp_path):
    with tarfile.open(tmp_path / "long.txz", "w:xz", format=layout) as archive:
        archive.addfile(tarfile.TarInfo("a" * 5_000_000))
    with pytest.raises(DataError, match=r"long\.txz holds a name of 5\d+ bytes"):
        accept(tmp_path / "long.txz")


def test_a_small_file_of_one_colour_is_no_bomb(tmp_path):
    zipped(tmp_path / "ok.zip", "cats/white.bmp", data=bytes(2**19))
    check_archive(tmp_path / "ok.zip")


@pytest.mark.parametrize("bound", ["MOST_BYTES", "MOST_MEMBERS"])
def test_too_much_is_refused(bound, photos, monkeypatch):
    monkeypatch.setattr(archives, bound, 4)
    with pytest.raises(DataError, match="decompression bomb at 'roses/00"):
        accept(pack(photos, ".zip", ""))


def test_an_encrypted_archive_asks_to_be_unpacked(photos):
    path = pack(photos, ".zip", "")
    data = bytearray(path.read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(start)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(start, place + 1)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is encrypted .*with its password"):
        accept(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.xz"])
@pytest.mark.parametrize("keep", [0, 300, -300])
def test_a_broken_archive_is_named_and_leaves_nothing(suffix, keep, photos):
    path = pack(photos, suffix, "")
    path.write_bytes(path.read_bytes()[:keep])
    if suffix == ".tar" and keep == -300:
        return  # the padding at the end of a tar file holds nothing
    with pytest.raises(DataError, match=r"my flowers.*(can't be unpacked|holds no images)"):
        unpacked(path)
    cache = Path(os.environ["NBFINETUNE_CACHE"]) / "archives"
    assert list(cache.iterdir()) == []


def test_an_archive_without_images_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("notes.txt", "none")
    with pytest.raises(DataError, match="holds no images"):
        unpacked(tmp_path / "a.zip")


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no folder|check the path"):
        accept(tmp_path / "gone.zip")
    with pytest.raises(DataError, match=r"gone\.zip can't be read"):
        unpacked(tmp_path / "gone.zip")
