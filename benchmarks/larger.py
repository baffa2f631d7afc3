"""Memory and speed of `chainrule fit FILE --memory` on a file that is larger than memory.

`python -m benchmarks.larger --gigabytes 4 --memory 500M` writes a CSV file into a temporary folder
(TMPDIR says where), fits to it twice and predicts it, each in a process of its own, and for
comparison reads it with pandas alone. The folder, cache included, goes at the end. Linux only, as it
reads /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

NUMBERS, BLOCK = 12, 200_000

# What is run in a process of its own; the most memory that it had is its last line.
_PEAK = """
import re, sys
from pathlib import Path
from time import perf_counter, process_time

began = perf_counter()
code = 0
{work}
seconds = perf_counter() - began
held = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(f"\\n[{{code}}, {{held}}, {{seconds}}, {{process_time()}}]")
"""
_COMMAND = "from chainrule.cli.app import run\ncode = run(sys.argv[1:])"
_PANDAS = "import pandas\npandas.read_csv(sys.argv[1])"


def write(path: Path, size: float) -> int:
    """A file of about so many bytes: ids, numbers with gaps, towns, days, classes; how many rows."""
    import pyarrow as pa
    from pyarrow import csv

    rng, rows = np.random.default_rng(0), 0
    towns = np.array([f"town {i}" for i in range(40)])
    with path.open("wb") as file:
        while file.tell() < size:
            x = rng.normal(size=(NUMBERS, BLOCK)).round(5)
            town = rng.integers(0, len(towns), BLOCK)
            day = np.datetime64("2020-01-01") + rng.integers(0, 1_000, BLOCK)
            gaps = rng.random(BLOCK) < 0.05
            columns: dict[str, Any] = {"account": 10**12 + np.arange(rows, rows + BLOCK)}
            columns |= {f"x{j}": x[j] for j in range(NUMBERS)}
            columns["x3"] = pa.array(x[3], mask=gaps)
            columns |= {"town": towns[town], "day": day.astype("datetime64[D]")}
            columns["left"] = np.where(x[0] + x[1] * x[2] + town % 2 > 0.5, "yes", "no")
            first = csv.WriteOptions(include_header=not rows, quoting_style="none")
            csv.write_csv(pa.table(columns), file, first)
            rows += BLOCK
    return rows


def peak(work: str, *arguments: str) -> tuple[str, int, float, float]:
    """What a process printed, the most bytes that it had, its seconds, and those of its processors."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK.format(work=work), *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    said, _, numbers = done.stdout.rstrip().rpartition("\n")
    code, held, seconds, busy = json.loads(numbers)
    if code:
        raise SystemExit(done.stderr)
    return said, held, seconds, busy


def main(words: Sequence[str]) -> None:
    """Print a row of a table for each run."""
    parser = argparse.ArgumentParser(prog="benchmarks.larger", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--memory", default="500M")
    parser.add_argument("--epochs", default="2")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        file, model = Path(folder) / "big.csv", str(Path(folder) / "model.safetensors")
        began = perf_counter()
        rows = write(file, given.gigabytes * 1e9)
        print(
            f"{rows:,} rows, {file.stat().st_size / 1e9:.2f} GB of text, written in {perf_counter() - began:.0f} s"
        )
        fit = ("fit", str(file), "--memory", given.memory, "--epochs", given.epochs, "--out", model)
        runs = {
            f"fit, {given.epochs} epochs": (_COMMAND, *fit),
            "fit again, from the cache": (_COMMAND, *fit),
            "predict": (_COMMAND, "predict", model, str(file), "--out", f"{folder}/said.csv"),
            "pandas.read_csv alone": (_PANDAS, str(file)),
        }
        print("| | peak, MB | s | CPU s | rows/s |\n|---|---|---|---|---|", flush=True)
        notes = []
        for name, (work, *arguments) in runs.items():
            said, held, seconds, busy = peak(work, *arguments)
            print(
                f"| {name} | {held / 1e6:,.0f} | {seconds:.0f} | {busy:.0f} | {rows / seconds:,.0f} |",
                flush=True,
            )
            notes += [
                line
                for line in said.splitlines()
                if line.startswith(("note", "trained", "engine", "this"))
            ]
        print("\n".join(notes))


if __name__ == "__main__":
    main(sys.argv[1:])
