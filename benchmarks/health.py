"""``python -m benchmarks.health``: what a Monitor costs, as a share of the training it watches.

Each round trains without a monitor, with one, and with one whose looks are then examined, in turns
that rotate; the ratios are to the first of the same round.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable
from time import perf_counter

import numpy as np
import numpy.typing as npt

import chainrule
from chainrule.explanation.health import Monitor

Data = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def moons() -> Data:
    from sklearn.datasets import make_moons

    X, y = make_moons(500, noise=0.1, random_state=0)
    return X.astype(np.float32), y


def wide(rows: int) -> Data:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 784)).astype(np.float32)
    return X, rng.integers(0, 10, rows)


def seconds(sizes: list[int], data: Data, epochs: int, looks: int, then: str) -> float:
    """How long a training takes: "alone", "watched", or "examined" at the end."""
    output = "logistic" if sizes[-1] == 1 else "softmax"
    network = chainrule.Network.of_sizes(sizes, output=output)
    monitor = Monitor(*data, looks=looks)
    watched = () if then == "alone" else (monitor,)
    gc.collect()
    began = perf_counter()
    chainrule.train(network, *data, epochs=epochs, engine="native", threads=1, callbacks=watched)
    if then == "examined":
        assert monitor.looks
    return perf_counter() - began


def measure(name: str, of: Callable[[str], float], rounds: int) -> None:
    ways = ["alone", "watched", "examined"]
    of("examined")
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in ways[turn % 3 :] + ways[: turn % 3]:
            taken[way].append(of(way))
    print(f"{name}: {1e3 * statistics.median(taken['alone']):.1f} ms alone")
    for way in ways[1:]:
        ratios = [a / b for a, b in zip(taken[way], taken["alone"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"  {way}: {middle:.3f} times that (quartiles {low:.3f}, {high:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--looks", type=int, default=20)
    options = parser.parse_args()
    looks, small, large = options.looks, moons(), wide(4000)
    measure(
        "moons, 2-20-40-20-1, 500 rows, 100 epochs",
        lambda then: seconds([2, 20, 40, 20, 1], small, 100, looks, then),
        options.rounds,
    )
    measure(
        "784-512-512-10, 4,000 rows, 20 epochs",
        lambda then: seconds([784, 512, 512, 10], large, 20, looks, then),
        max(options.rounds // 6, 3),
    )


if __name__ == "__main__":
    main()
