"""Memory that the system does not give: one line and exit code 2, wherever it runs out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule.cli.app import _lacks_memory

SCARCE = """
import contextlib, io, json, resource, sys
from chainrule.cli.app import run

def within(more, arguments):
    pages = int(open("/proc/self/statm").read().split()[0])
    said = io.StringIO()
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, -1))
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            return run(arguments), said.getvalue()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))

run(["fit", "small.csv", "--out", "small.st", "--epochs", "1", "--json"])  # imports
run(["fit", "small.parquet", "--out", "small.st", "--epochs", "1", "--json"])
told = []
for data, more in (("large.csv", 24), ("large.csv", 64), ("large.parquet", 24), ("large.jsonl", 24)):
    job = ["fit", data, "--out", "model.st", "--epochs", "1", "--members", "1", "--json"]
    told.append([data, more, *within(more << 20, job)])
told.append(["predict", 24, *within(24 << 20, ["predict", "small.st", "large.csv"])])
print("TOLD" + json.dumps(told))
"""


def test_a_fit_and_a_prediction_for_which_there_is_no_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)  # encoded, 160 MB: more than malloc has set aside for a thread
    large = pd.DataFrame(rng.normal(size=(80_000, 8)), columns=[*"abcdefgh"])
    large["kind"] = np.where(large["a"] > 0, "yes", "no")
    large.to_csv(tmp_path / "large.csv", index=False)
    large.to_parquet(tmp_path / "large.parquet")
    large.to_json(tmp_path / "large.jsonl", orient="records", lines=True)
    large[:200].to_csv(tmp_path / "small.csv", index=False)
    large[:200].to_parquet(tmp_path / "small.parquet")
    done = subprocess.run([sys.executable, "-c", SCARCE], cwd=tmp_path, capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.split("TOLD")[1])
    for data, more, code, said in told:
        lines = [line for line in said.splitlines() if not line.startswith("epoch ")]
        assert code in (0, 2), (data, more, said)
        assert code == 0 or len(lines) == 1, (data, more, said)
        assert code == 0 or "chainrule: there is not enough memory" in lines[0], (data, more, said)
    assert {data for data, _, code, _ in told if code == 2} >= {"large.csv", "large.jsonl", "large.parquet"}  # fmt: skip
    assert not list(tmp_path.glob(".chainrule-*"))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libx.so.0: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        OSError("libgomp.so.1: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_what_says_that_there_is_no_memory(error: Exception) -> None:
    assert _lacks_memory(error)
    assert not _lacks_memory(type(error)("something else")) or isinstance(error, MemoryError)
