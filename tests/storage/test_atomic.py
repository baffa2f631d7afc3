"""A file that is written is there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import InvalidValue, MissingFile
from chainrule.storage import check_target, replacing


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def test_the_old_file_stays_until_the_new_one_is_whole(old: Path) -> None:
    with replacing(old) as file:
        file.write(b"new")
        file.flush()
        assert old.read_bytes() == b"old"
        [temporary] = [name for name in os.listdir(old.parent) if name != old.name]
        assert temporary.startswith(".chainrule-") and temporary.endswith(".tmp")
    assert old.read_bytes() == b"new"
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_half_way_leaves_nothing(old: Path, error: type[BaseException]) -> None:
    def write_half() -> None:
        with replacing(old) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        write_half()
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing(old: Path, monkeypatch: Any, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left on device"), replacing(old) as file:
        file.write(b"new")
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == [old.name]


def test_bytes_name_folder_in_this_order(old: Path, monkeypatch: Any) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append("sync folder" if path == str(old.parent) else "sync file")
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        assert source.read_bytes() == b"new"
        done.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    with replacing(old) as file:
        file.write(b"new")
    assert done == ["sync file", "rename", "sync folder"]


def test_two_writers_do_not_meet(old: Path) -> None:
    with replacing(old) as first, replacing(old) as second:
        first.write(b"first")
        second.write(b"second")
    assert old.read_bytes() == b"first"  # the one that is finished last
    assert os.listdir(old.parent) == [old.name]


def test_links_are_followed(old: Path) -> None:
    link = old.with_name("link")
    link.symlink_to(old)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert old.read_bytes() == b"new"


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(old: Path) -> None:
    old.chmod(0o600)
    other, made = old.with_name("other"), old.with_name("made")
    other.write_bytes(b"")
    for path in (old, made):
        with replacing(path) as file:
            file.write(b"new")
    assert old.stat().st_mode & 0o777 == 0o600
    assert made.stat().st_mode == other.stat().st_mode


def test_a_name_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("m" * 255)
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_targets_that_cannot_be(old: Path) -> None:
    assert check_target(old) == Path(os.path.realpath(old))
    with pytest.raises(MissingFile, match=r"there is no folder .*nowhere"):
        check_target(old.parent / "nowhere" / "file")
    for path in (old.parent, Path(os.devnull)):
        with pytest.raises(InvalidValue, match=f"{path} cannot be written: it is a folder or a"):
            check_target(path)
