"""Files that fill up, change under the reader, or have two writers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule import Network
from chainrule.cli.app import run
from chainrule.errors import DataError
from chainrule.tables import read_chunks, read_table
from chainrule.tables.row_groups import RowGroups, read


def test_a_disk_that_is_full_leaves_the_model_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    chainrule.save(Network.of_sizes([2, 3]), "m.st")
    before = Path("m.st").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as a disk with room for so much
    try:
        code = run(["fit", "iris", "--epochs", "1", "--members", "1", "--out", "m.st", "--json"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err.splitlines()
    assert code == 2
    assert said[-1] == "chainrule: m.st: it cannot be written (File too large)"
    assert Path("m.st").read_bytes() == before
    assert os.listdir() == ["m.st"]


def table(rows: int = 5000) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(rows) / 7, "b": np.arange(rows) % 3})


def shortened(path: Path) -> None:
    """Cut in place at the end of a line or anywhere: what was opened gets shorter, too."""
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(data.rindex(b"\n", 0, len(data) // 2) + 1)


def extended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"1,2\n")


def replaced(path: Path) -> None:
    other = path.with_name("other")
    table(3000).to_csv(other, index=False)
    os.replace(other, path)


@pytest.mark.parametrize("change", [shortened, extended, replaced])
def test_a_table_that_changes_while_it_is_read(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    for name, write in (
        ("x.csv", lambda path: table().to_csv(path, index=False)),
        ("x.jsonl", lambda path: table().to_json(path, orient="records", lines=True)),
    ):
        path = tmp_path / name
        write(path)
        pieces = read_chunks(path, 100)
        next(pieces)
        change(path)
        with pytest.raises(DataError, match=f"^{path} was changed while it was read: begin again"):
            list(pieces)


def test_a_table_that_changes_between_two_looks_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`read_table` looks at a file three times: to sniff, to inspect, to parse."""
    path = tmp_path / "x.csv"
    table().to_csv(path, index=False)
    parse = pd.read_csv

    def changed_before(*given: object, **how: object) -> object:
        shortened(path)
        return parse(*given, **how)  # type: ignore[call-overload]

    monkeypatch.setattr(pd, "read_csv", changed_before)
    with pytest.raises(DataError, match="was changed while it was read"):
        read_table(path)


def test_row_groups_that_change_between_two_epochs(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table().to_parquet(path, row_group_size=500)
    groups = RowGroups.of(path)
    pieces = read(groups.groups, ["a"], 100)
    next(pieces)
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(len(data) // 2)
    with pytest.raises(DataError, match=f"^{path} was changed while it was read"):
        list(pieces)
    table().assign(a=0.0).to_parquet(path, row_group_size=500)  # whole, and other rows
    with pytest.raises(DataError, match=f"^{path} was changed while it was read"):
        list(read(groups.groups, ["a"]))
    assert len(list(read(RowGroups.of(path).groups, ["a"]))) == 10


SAVES = """
import sys
import chainrule
network = chainrule.Network.of_sizes([3, 50, int(sys.argv[1])], seed=int(sys.argv[1]))
for _ in range(60):
    chainrule.save(network, "m.st")
"""


def test_two_that_write_the_same_model(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", SAVES, k], cwd=tmp_path) for k in "12"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "m.st").exists():
            network = chainrule.load(tmp_path / "m.st").network
            k = network.sizes[-1]
            wanted = Network.of_sizes([3, 50, k], seed=k)
            assert all(np.array_equal(a.W, b.W) for a, b in zip(network.layers, wanted.layers, strict=True))  # fmt: skip
            seen.add(k)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen and os.listdir(tmp_path) == ["m.st"]
