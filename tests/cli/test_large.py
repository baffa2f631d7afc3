"""`chainrule fit` on a file that is larger than memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.tables import read_table
from chainrule.training import memory

Ran = Callable[..., tuple[int, str, str]]
ROWS = 60_000


@pytest.fixture(scope="module")
def text() -> str:
    """A table that takes about 400 MB to be trained on in memory."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(ROWS, 5)).round(3), columns=list("abcde"))
    data["town"] = rng.choice(["Köln", "Ulm"], ROWS)
    data["won"] = np.where(data["a"] + (data["town"] == "Ulm") > 0.5, "yes", "no")
    return data.to_csv(index=False)


@pytest.fixture
def big(folder: Path, text: str) -> Path:
    path = folder / "big.csv"
    path.write_text(text)
    return path


def test_a_file_larger_than_memory_is_read_once_on_to_the_disk(big: Path, ran: Ran) -> None:
    fit = ("fit", "big.csv", "--memory", "300M", "--epochs", "2")
    code, out, err = ran(*fit)
    assert code == 0
    assert "chainrule: big.csv takes about" in err
    assert (
        "in memory, more than --memory 300M (300 MB): it is read once, on to the disk, and one network is trained"
        in err
    )
    assert (
        "note     the encoded rows are in big.csv.cache (1.92 MB), which can be used again, or deleted"
        in out
    )
    assert "network  7-64-64-1," in out
    assert "12,000 rows not trained on" in out
    assert "rows on the disk, 1 group an epoch" in out
    code, out, _ = ran(*fit, "--json")
    found = json.loads(out)
    assert found["notes"] == [
        "the encoded rows are in big.csv.cache (1.92 MB), which was there from before"
    ]
    assert found["validation"]["accuracy"] > 0.95
    model = chainrule.load("big.safetensors")
    assert ran("predict", "big.safetensors", "big.csv", "--out", "said.csv")[0] == 0
    said = pd.read_csv("said.csv")["prediction"]
    assert said.tolist() == model.predict(read_table("big.csv")).tolist()


def test_the_cache_goes_where_it_is_said(big: Path, ran: Ran) -> None:
    os.mkdir("scratch")
    fit = ("fit", "big.csv", "--memory", "300M", "--epochs", "1")
    for place, name in (("scratch", "scratch/big.csv.cache"), ("mine", "mine")):
        code, out, _ = ran(*fit, "--cache", place)
        assert code == 0
        assert f"the encoded rows are in {name} (" in out
        assert Path(name).stat().st_size > 10**6
    assert not Path("big.csv.cache").exists()


def test_a_file_that_fits_is_trained_on_in_memory(big: Path, ran: Ran) -> None:
    Path("small.csv").write_text("\n".join(big.read_text().splitlines()[:200]))
    code, out, err = ran("fit", "small.csv", "--memory", "300M", "--members", "2", "--epochs", "1")
    assert code == 0
    assert "takes about" not in err
    assert "networks 2," in out
    assert not Path("small.csv.cache").exists()


def test_without_bins_a_file_takes_less(big: Path, ran: Ran) -> None:
    code, out, err = ran(
        "fit", "big.csv", "--memory", "300M", "--bins", "0", "--members", "2", "--epochs", "1"
    )
    assert code == 0
    assert "takes about" not in err
    assert "networks 2," in out


def test_half_of_what_is_free_is_the_limit_without_one(
    big: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.cli import job

    monkeypatch.setattr(memory, "free", lambda: 600_000_000)
    monkeypatch.setattr(job, "_SMALL", 1 << 20)
    code, out, err = ran("fit", "big.csv", "--epochs", "1")
    assert code == 0
    assert "more than half of what is free (300 MB): it is read once" in err
    assert "rows on the disk" in out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("big.csv", "--memory", "300M", "--bins", "3"), "--bins does not go with a folder or torchrun, nor with a file larger"),
        (("big.csv", "--memory", "100M"), "100 MB of memory is too little"),
        (("big.csv", "--memory", "lots"), "memory is a size, as 500M"),
        (("moons", "--memory", "300M"), "--memory and --cache are for one file"),
        (("-", "--memory", "300M"), "--memory and --cache are for one file"),
        (("big.csv", "--memory", "300M", "--cache", "xor.csv"), "xor.csv is there and is no cache"),
        (("big.csv", "--memory", "300M", "--target", "wun"), "did you mean 'won'?"),
        (("big.csv", "--memory", "300M", "--engine", "torch"), "native engine, not 'torch'"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_it_is_said_in_a_line(
    arguments: tuple[str, ...], error: str, big: Path, ran: Ran
) -> None:
    code, out, err = ran("fit", *arguments)
    assert (code, out) == (2, "")
    assert error in err.splitlines()[-1]
    assert sorted(p.name for p in big.parent.iterdir()) == ["big.csv", "not-xor.json", "xor.csv"]


def test_checkpoints_and_the_cache_go_together(
    big: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.training import large_fitting

    monkeypatch.setattr(large_fitting, "PROGRAM", 1_400_000)
    monkeypatch.setattr(memory, "PROGRAM", 1_400_000)
    monkeypatch.setattr(large_fitting, "LEAST", 1)
    fit = ("fit", "big.csv", "--memory", "3M", "--checkpoint", "run", "--every", "1epochs")
    assert ran(*fit, "--epochs", "1")[0] == 0
    code, out, _ = ran(*fit, "--epochs", "3", "--resume")
    assert code == 0
    assert "trained  3 epochs" in out
    assert "was there from before" in out
    assert "1 group an epoch" not in out


INTERRUPTED = """
import sys
from chainrule.cli.app import main
from chainrule.tables.spool import Spool

append = Spool.append
def told(*given):
    append(*given)
    print("reading", file=sys.stderr, flush=True)
    import time; time.sleep(0.2)
Spool.append = told
main(["fit", "big.csv", "--memory", "300M"])
"""


def test_ctrl_c_while_it_is_read_leaves_nothing(big: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any("reading" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert "chainrule: interrupted" in process.stderr.read()
        assert process.wait() == 130
    assert sorted(p.name for p in big.parent.iterdir()) == ["big.csv", "not-xor.json", "xor.csv"]
