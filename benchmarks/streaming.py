"""Memory and speed of reading Parquet files along the training, against their number of rows.

`python -m benchmarks.streaming 1 5 20` writes 1, 5 and 20 million rows of 20 columns into a
temporary folder, one after another, and goes through each twice in a process of its own. What is
measured is what feeds a training: the sample, the encoders, the rows to validate on, the count of the
targets, and the batches; not the training. Linux only, as it reads /proc.
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

FILES, GROUP, BATCH, EPOCHS = 4, 131_072, 4_096, 2


def write(folder: Path, rows: int, columns: int, group: int = GROUP) -> int:
    """Files of rows of numbers, the last column being the target: 0 or 1; how many bytes they take."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    rng = np.random.default_rng(0)
    names = [f"x{j}" for j in range(1, columns)]
    schema = pa.schema([(name, pa.float64()) for name in names] + [("y", pa.int64())])
    for number in range(FILES):
        path, left = folder / f"part-{number}.parquet", len(range(number, rows, FILES))
        with ParquetWriter(path, schema) as writer:
            while left:
                n = min(group, left)
                x = rng.normal(size=(columns - 1, n))
                y = (x[0] + x[-1] > 0).astype(np.int64)
                writer.write_table(pa.table([*x, y], schema=schema), row_group_size=group)
                left -= n
    return sum(path.stat().st_size for path in folder.iterdir())


def memory(what: str) -> float:
    """What /proc says of this process in MB: VmRSS, what it holds; VmHWM, the most that it held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{what}:"))
    return int(found.split()[1]) * 1024 / 1e6


def measure(folder: str) -> dict[str, Any]:
    """Go through the files in this process, which should be a fresh one.

    Returns:
        Megabytes above the interpreter: imports, peak; seconds: start, epoch (the median); rows of
        an epoch.
    """
    interpreter = memory("VmRSS")
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from chainrule.tables.row_groups import RowGroups
    from chainrule.training.problem import Problem
    from chainrule.training.streaming import Drawn, Stream

    imports, began = memory("VmRSS"), perf_counter()
    groups = RowGroups.of(folder, "y")
    drawn = Drawn(groups, validation=0.1, seed=0)
    table, checked = drawn.sample()
    problem = Problem.of_marked(table, "y", checked)
    del table
    loss = "binary_cross_entropy"
    stream = Stream(groups, drawn, problem.target, problem.encoder, loss, outputs=1, seed=0)
    count = stream.count()
    start, seconds = perf_counter() - began, []
    for epoch in range(EPOCHS):
        began = perf_counter()
        rows = sum(len(X) for X, _ in stream.batches(epoch, BATCH))
        seconds.append(perf_counter() - began)
        assert rows == count, f"{rows} rows of {count}"
    return {
        "imports": imports - interpreter,
        "peak": memory("VmHWM") - interpreter,
        "start": start,
        "epoch": float(np.median(seconds)),
        "rows": count,
    }


def in_fresh_process(folder: str) -> dict[str, Any]:
    """`measure` there."""
    code = "import sys, json; from benchmarks.streaming import measure"
    code += "; print(json.dumps(measure(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(words: Sequence[str]) -> None:
    """Print a row of a table for each number of rows."""
    parser = argparse.ArgumentParser(prog="benchmarks.streaming", description=__doc__)
    parser.add_argument("millions", nargs="*", type=float, default=[1.0, 5.0, 20.0])
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--group", type=int, default=GROUP, help="rows of a row group")
    given = parser.parse_args(words)
    print("| million rows | files, MB | peak, MB | of it imports | start, s | epoch, s | rows/s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for millions in given.millions:
        with tempfile.TemporaryDirectory() as folder:
            size = write(Path(folder), round(millions * 1e6), given.columns, given.group)
            found = in_fresh_process(folder)
        speed = found["rows"] / found["epoch"]
        print(
            f"| {millions:g} | {size / 1e6:,.0f} | {found['peak']:.0f} | {found['imports']:.0f}"
            f" | {found['start']:.1f} | {found['epoch']:.1f} | {speed:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
