"""``python -m benchmarks.scaling``: a step by 1, 2 and 4 processes on gloo, beside what the model predicts.

Each process has one thread, and should have a core; more processes than cores are slower than the model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import chainrule
from chainrule.plan import Plan
from chainrule.training.scaling import CPU, SlowerTogether, parameters, step_seconds

NETWORKS = ((20, 64, 2), (64, 256, 256, 2), (256, 1024, 1024, 10), (784, 2048, 2048, 10))
BATCHES = (32, 256, 2048)
PROCESSES = (1, 2)
STEPS, ROUNDS = 8, 3


def plan_of(sizes: tuple[int, ...], batch: int) -> Plan:
    network = chainrule.Network.of_sizes(sizes, output="softmax", seed=0)
    return Plan.of(network, "cross_entropy", "sgd", batch_size=batch)


def seconds(sizes: tuple[int, ...], batch: int) -> float:
    """Of a step in this process and its companions: the median of some epochs, the first left out."""
    import torch

    from chainrule.engines.torch_distributed import DistributedEngine
    from chainrule.engines.torch_engine import TorchEngine

    torch.set_num_threads(1)
    network = chainrule.Network.of_sizes(sizes, output="softmax", seed=0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((STEPS * batch, sizes[0]), dtype=np.float32)
    t = rng.integers(0, sizes[-1], (len(X), 1)).astype(np.float32)
    kind = DistributedEngine if "RANK" in os.environ else TorchEngine
    engine = kind(plan_of(sizes, batch), network, X, t, threads=1)
    times = []
    for epoch in range(ROUNDS + 1):
        start = perf_counter()
        engine.epoch(epoch, 0.01)
        times.append((perf_counter() - start) / STEPS)
    return median(times[1:])


def measured(processes: int) -> list[float]:
    """A process group's seconds a step, for each network and batch."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "seconds.json")
        command = [sys.executable, "-m", "benchmarks.scaling", str(out)]
        if processes > 1:
            launch = [
                "-m",
                "torch.distributed.run",
                "--standalone",
                "--nproc-per-node",
                str(processes),
            ]
            command = [sys.executable, *launch, "-m", "benchmarks.scaling", str(out)]
        subprocess.run(
            command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        return [float(value) for value in json.loads(out.read_text())]


def worker(out: str) -> None:
    import warnings

    warnings.simplefilter("ignore", SlowerTogether)
    found = [seconds(sizes, batch) for sizes, batch in product(NETWORKS, BATCHES)]
    if os.environ.get("RANK", "0") == "0":
        Path(out).write_text(json.dumps(found))


def main() -> None:
    times = {processes: measured(processes) for processes in PROCESSES}
    print(
        "| network | P | batch | "
        + " | ".join(f"{p}: measured, model (ms)" for p in PROCESSES)
        + " |"
    )
    print("| --- |" + " ---: |" * (2 + len(PROCESSES)))
    for i, (sizes, batch) in enumerate(product(NETWORKS, BATCHES)):
        plan = plan_of(sizes, batch)
        cells = [
            f"{times[p][i] * 1e3:.2f}, {step_seconds(plan, p, CPU) * 1e3:.2f}" for p in PROCESSES
        ]
        print(
            f"| {'-'.join(map(str, sizes))} | {parameters(plan):,} | {batch:,} | {' | '.join(cells)} |"
        )


if __name__ == "__main__":
    worker(sys.argv[1]) if len(sys.argv) > 1 else main()
