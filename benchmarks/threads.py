"""``python -m benchmarks.threads``: the same comparison's trainings on one thread and on all, in turns."""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from time import perf_counter

from benchmarks.__main__ import cores
from chainrule.comparison.bench import Bench
from chainrule.comparison.trial import run
from chainrule.optimizers import make
from chainrule.training.pool import Pool

RATES = {"sgd": 0.5, "momentum": 0.5, "adagrad": 0.1, "rmsprop": 0.01, "adam": 0.03}
REPEATS, EPOCHS = 20, 100


def seconds(bench: Bench, threads: int) -> float:
    """How long the trainings take: five optimizers on the lecture's network."""
    with Pool(threads) as pool:
        jobs = [
            partial(run, bench, make(name, rate), seed, EPOCHS, pool.stop)
            for name, rate in RATES.items()
            for seed in range(REPEATS)
        ]
        began = perf_counter()
        pool.run("trainings", jobs)
        return perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    bench = Bench.of(
        "moons", None, batch_size=None, hidden=None, activation="relu", task=None, validation=None,
        seed=0, engine="native", dtype="float32", na=(),
    )  # fmt: skip
    seconds(bench, cores())
    taken = [(seconds(bench, 1), seconds(bench, cores())) for _ in range(rounds)]
    one, every = (statistics.median(column) for column in zip(*taken, strict=True))
    ratios = statistics.quantiles([a / b for a, b in taken], n=4)
    print(f"{len(RATES) * REPEATS} trainings of {EPOCHS} epochs of 50 steps")
    print(f"one thread {one:.3f} s, {cores()} threads {every:.3f} s")
    print("ratio {1:.2f} (quartiles {0:.2f}, {2:.2f})".format(*ratios))


if __name__ == "__main__":
    main()
