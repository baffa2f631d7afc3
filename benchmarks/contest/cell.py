"""A cell of the contest: an estimator learns from one half of a data set and is judged by the other.

``run`` gives it a process of its own with a time limit; ``python -m benchmarks.contest.cell`` is
that process: it reads the cell as JSON from its input and answers with JSON in its last line.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Cell:
    """What a result is the result of."""

    suite: str
    set: str
    split: int
    estimator: str
    version: str
    threads: int = 1

    @property
    def label(self) -> str:
        """The estimator, and its threads where they are several."""
        return self.estimator if self.threads == 1 else f"{self.estimator}, {self.threads} threads"


def run(cell: Cell, limit: float) -> dict[str, Any]:
    """Scores and seconds, or ``error`` with the last line of what went wrong."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.contest.cell"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | dict.fromkeys(THREADS, str(cell.threads)),
        start_new_session=True,
    )
    try:
        answer, complaint = process.communicate(json.dumps(asdict(cell)), timeout=limit)
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {limit:g} s"}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        last = complaint.strip().splitlines()[-1:] or [f"ended with {process.returncode}"]
        return {"error": last[0]}
    found: dict[str, Any] = json.loads(answer)
    return found


def cpu_seconds() -> float:
    """Of all threads of this process and of the children that it has waited for."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(cell: Cell) -> Mapping[str, Any]:
    """Fit and judge in this process."""
    from benchmarks.contest.scores import scores
    from benchmarks.contest.splits import halves
    from benchmarks.datasets import named
    from benchmarks.estimators import ESTIMATORS

    data = named(cell.suite, cell.set)
    X, y = data.load()
    learned, judged = halves(y, data.task, cell.split)
    model = ESTIMATORS[cell.estimator].make(data.task, cell.split, cell.threads)
    start, cpu = perf_counter(), cpu_seconds()
    model.fit(X.iloc[learned], y.iloc[learned])
    spent = {"fit_seconds": perf_counter() - start, "cpu_seconds": cpu_seconds() - cpu}
    start = perf_counter()
    found = scores(model, X.iloc[judged], y.iloc[judged], data.task)
    return found | spent | {"predict_seconds": perf_counter() - start}


def main() -> None:
    """Keeps the pipe to itself: what a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    found = measured(Cell(**json.load(sys.stdin)))
    print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
