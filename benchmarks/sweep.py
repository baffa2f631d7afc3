"""``python -m benchmarks.sweep``: how fast trials are made, on one core and on two, and how many in a minute.

The work is the lecture's network: 2-20-40-20-1 on 500 moons, batches of 10, 100 epochs, with what is left of the default
space: optimizer, learning rate, dropout, weight decay, activation. The goals: 1,000 trials in 60 s, and on two cores 1.9
times what one makes. Numbers of one run belong together; a machine that others use as well gives none.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy.typing as npt

from benchmarks.disturbance import busy_seconds, share_of_others

ROWS = 781  # of which 156 are for the test and 125 to judge trials by: 500 to learn from
GOALS = {"seconds": 60.0, "speedup": 1.9}


def space() -> dict[str, Any]:
    """The default one, less the shape of the network, which is the lecture's, and its batches."""
    from chainrule.sweeping.space import DEFAULT

    left = {name: entry for name, entry in DEFAULT.items() if name not in ("depth", "width")}
    return {"hidden": "20,40,20", "batch_size": 10, **left}


def moons() -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    from sklearn.datasets import make_moons

    X, y = make_moons(ROWS, noise=0.1, random_state=0)
    return X, y


def tables() -> dict[str, tuple[Any, Any, dict[str, Any]]]:
    """Data, targets and options of each work."""
    X, y = moons()
    return {
        "lecture": (X, y, {"space": space(), "epochs": 100}),
        "digits": ("digits", None, {}),
    }


def seconds(name: str, trials: int, **options: Any) -> dict[str, float]:
    """What the trials of a sweep take by the clock and of the processors, and what others took of these meanwhile."""
    import chainrule

    data, target, own = tables()[name]
    cpu, before = process_time(), busy_seconds()
    found = chainrule.sweep(data, target, trials=trials, **own, **options)
    cpu, after = process_time() - cpu, busy_seconds()
    numbers = {"seconds": found.search_seconds, "cpu with the fit": cpu}
    if before is not None and after is not None:
        others = share_of_others([(after - before - cpu, found.seconds)])
        numbers["others"] = others or 0.0
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="of the long sweep (default 1000)")
    parser.add_argument(
        "--short", type=int, default=200, help="of those that are compared (default 200)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of these (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result: dict[str, Any] = {"long": seconds("lecture", options.trials)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "a.journal"
        result["journal"] = seconds("lecture", options.short, storage=place)
    for name in tables():
        for pruner in ("median", "none"):
            rounds = [
                [
                    seconds(name, options.short, threads=k, pruner=pruner, seed=i)["seconds"]
                    for k in (1, 2)
                ]
                for i in range(options.rounds)
            ]
            ratios = [one / two for one, two in rounds]
            result[f"{name}, {pruner}"] = {
                "one": median(one for one, _ in rounds),
                "two": median(two for _, two in rounds),
                "speedup": median(ratios),
                "from": min(ratios), "to": max(ratios),
            }  # fmt: skip
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, numbers in result.items():
        print(f"{name:<18}", "  ".join(f"{key} {value:.3g}" for key, value in numbers.items()))
    print("goals             ", GOALS, f"for {options.trials} trials of the lecture's network")


if __name__ == "__main__":
    main()
