"""The cache on the disk: whole or not there, of this file and these settings or made anew."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from chainrule.errors import DataError, InvalidValue, MissingFile, ModelFileError
from chainrule.tables import spool
from chainrule.training import cache as caches
from chainrule.training import caching
from chainrule.training.cache import Cache
from chainrule.training.caching import Reading, cached, place

ROWS = 400


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """A file of numbers and towns, of which a class is to be learned."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    town = rng.choice(["Köln", "Ulm"], ROWS)
    data = pd.DataFrame({"x": x, "town": town, "y": np.where(x > 0, "yes", "no")})
    data.to_csv(tmp_path / "data.csv", index=False)
    path = str(tmp_path / "data.csv")
    return Reading(path, None, None, 0.2, 3, (), "float32", 10**8)


@pytest.fixture
def path(reading: Reading) -> Path:
    return place(reading.path, None)


def silent(line: str) -> None:
    pass


def left(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir() if p.name != "data.csv")


def arrays(path: Path) -> dict[str, Any]:
    return safetensors.numpy.load_file(path)


def test_a_cache_is_a_safetensors_file_with_all_rows(reading: Reading, path: Path) -> None:
    made, there = cached(reading, path, silent)
    with made:
        assert not there
        held = arrays(path)
        assert {name: array.shape for name, array in held.items()} == {
            "X": (320, 3), "t": (320, 1), "check.X": (80, 3), "check.t": (80, 1),
        }  # fmt: skip
        X, t = np.empty((5, 3), np.float32), np.empty((5, 1), np.float32)
        made.read("", 100, X, t)
        np.testing.assert_array_equal(X, held["X"][100:105])
        made.read("check.", 75, X, t)
        np.testing.assert_array_equal(t, held["check.t"][75:])
    again, there = cached(reading, path, silent)
    with again:
        assert there
        assert again.contents == made.contents
    assert left(path) == ["data.csv.cache"]


@pytest.mark.parametrize(
    "change",
    [
        {"target": "x"}, {"task": "classification"}, {"validation": 0.3}, {"validation": 0.0},
        {"seed": 4}, {"na": ("Ulm",)}, {"dtype": "float64"},
    ],
)  # fmt: skip
def test_other_settings_make_another_cache(
    change: dict[str, Any], reading: Reading, path: Path
) -> None:
    for settings, was_there in ((reading, False), (replace(reading, **change), False)):
        made, there = cached(settings, path, silent)
        with made:
            assert there is was_there


def test_another_memory_takes_the_same_cache(reading: Reading, path: Path) -> None:
    cached(reading, path, silent)[0].__exit__()
    before = path.read_bytes()
    made, there = cached(replace(reading, spare=6 * 10**7), path, silent)
    made.__exit__()
    assert there
    path.unlink()
    cached(replace(reading, spare=10**6), path, silent)[0].__exit__()
    assert path.read_bytes() == before


def test_a_file_that_changed_makes_another_cache(reading: Reading, path: Path) -> None:
    cached(reading, path, silent)[0].__exit__()
    text = Path(reading.path).read_text()
    status = os.stat(reading.path)
    Path(reading.path).write_text(text.replace("Ulm", "Bad"))  # of the same length
    os.utime(reading.path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    made, there = cached(reading, path, silent)
    with made:
        assert not there
        assert "town=Bad" in made.contents.encoder.feature_names


@pytest.mark.parametrize("cut", [0, 500, 3_000, -1, -4])
def test_a_cache_that_is_cut_short_is_made_anew(cut: int, reading: Reading, path: Path) -> None:
    cached(reading, path, silent)[0].__exit__()
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    made, there = cached(reading, path, silent)
    made.__exit__()
    assert not there
    assert path.read_bytes() == whole


def test_something_else_is_not_overwritten(reading: Reading, tmp_path: Path) -> None:
    other = tmp_path / "thesis.txt"
    other.write_text("not a cache")
    with pytest.raises(InvalidValue, match=r"thesis\.txt is there and is no cache"):
        cached(reading, other, silent)
    assert other.read_text() == "not a cache"
    with pytest.raises(MissingFile, match="there is no folder"):
        cached(reading, tmp_path / "absent" / "cache", silent)


def test_the_place_is_beside_the_file_or_where_it_was_said(tmp_path: Path) -> None:
    assert place("a/b.csv", None) == Path("a/b.csv.cache")
    assert place("a/b.csv", tmp_path) == tmp_path / "b.csv.cache"
    assert place("a/b.csv", tmp_path / "c") == tmp_path / "c"


def test_targets_are_not_trusted(reading: Reading, path: Path) -> None:
    cached(reading, path, silent)[0].__exit__()
    whole = bytearray(path.read_bytes())
    whole[-4:] = np.float32(2).tobytes()
    path.write_bytes(whole)
    X, t = np.empty((80, 3), np.float32), np.empty((80, 1), np.float32)
    with Cache.open(path) as cache:
        with pytest.raises(ModelFileError, match="is damaged: delete it"):
            cache.read("check.", 0, X, t)
        os.truncate(path, 5_000)
        with pytest.raises(ModelFileError, match="is damaged: delete it"):
            cache.read("check.", 0, X, t)


def test_headers_are_not_trusted(reading: Reading, path: Path) -> None:
    cached(reading, path, silent)[0].__exit__()
    whole = path.read_bytes()
    for damage in (
        b"\xff" * 8 + whole[8:],
        whole[:8] + b"{}" + whole[10:],
        whole.replace(b'"F32"', b'"I32"'),
    ):
        path.write_bytes(damage)
        with pytest.raises(ModelFileError):
            Cache.open(path)


@pytest.mark.parametrize("after", range(0, 18_000, 2_000))
def test_a_full_disk_is_an_error_in_a_line_and_leaves_nothing(
    after: int, reading: Reading, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, write = [after], spool.write_all

    def limited(file: Any, array: Any) -> None:
        if array.nbytes > room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= array.nbytes
        write(file, array)

    monkeypatch.setattr(spool, "write_all", limited)
    monkeypatch.setattr(caches, "write_all", limited)
    if after > 15_000:  # what the rows and the cache take together
        cached(reading, path, silent)[0].__exit__()
        assert left(path) == ["data.csv.cache"]
    else:
        full = r"cannot be put on the disk there \(No space left on device\); name another place"
        with pytest.raises(DataError, match=full):
            cached(reading, path, silent)
        assert left(path) == []


def test_a_disk_with_too_little_room_is_seen_before(
    reading: Reading, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match=r"takes .* kB, and the disk has 1 kB left"):
        cached(reading, path, silent)
    assert left(path) == []


def test_ctrl_c_leaves_nothing(reading: Reading, path: Path) -> None:
    def interrupt(cache: Cache, stored: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(caching, "_fill", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cached(reading, path, silent)
    assert left(path) == []


KILLED = """
import os, signal, sys
from chainrule.training import caching
from chainrule.training.caching import Reading, cached, place
from chainrule.tables.spool import Spool

reading = Reading(sys.argv[1], None, None, 0.2, 3, (), "float32", 10**6)
fill, append = caching._fill, Spool.append

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def fill_half(cache, stored):
    fill(cache, stored)
    die()

if sys.argv[2] == "reading":
    Spool.append = die
else:
    caching._fill = fill_half
cached(reading, place(sys.argv[1], None), print)
"""


@pytest.mark.parametrize("when", ["reading", "writing"])
def test_a_cache_whose_maker_was_killed_is_made_anew(
    when: str, reading: Reading, path: Path
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, reading.path, when], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(left(path)) == (when == "writing")
    assert not path.exists()
    made, there = cached(reading, path, silent)
    made.__exit__()
    assert not there
    assert left(path) == ["data.csv.cache"]  # and what the other left is gone


def test_what_another_process_writes_is_left_alone(
    reading: Reading, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once: the inner one begins and ends while the outer one writes."""
    fill, inner = caching._fill, []

    def nested(cache: Cache, stored: Any) -> None:
        monkeypatch.setattr(caching, "_fill", fill)
        made, there = cached(reading, path, silent)
        made.__exit__()
        inner.append((there, len(left(path))))
        fill(cache, stored)

    monkeypatch.setattr(caching, "_fill", nested)
    made, there = cached(reading, path, silent)
    with made:
        assert not there
        held = arrays(path)
        X, t = np.empty_like(held["X"]), np.empty_like(held["t"])
        made.read("", 0, X, t)
        np.testing.assert_array_equal(X, held["X"])
    assert inner == [(False, 2)]
    assert left(path) == ["data.csv.cache"]
