"""``python -m benchmarks.dropin``: `fit` of scikit-learn's own perceptrons and of the drop-in, in turns.

Both get the same rows, settings and `random_state`, and as many threads as they take by themselves.
They do the same training: what each reports as its loss at the end stands beside its time.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import process_time
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import chainrule
from benchmarks import table
from benchmarks.harness import Comparison, Sample, compare
from benchmarks.session import Session
from benchmarks.table import Subject
from benchmarks.works import Work
from chainrule.sklearn import MLPClassifier

SKLEARN = "sklearn"
DTYPES = ("float64", "float32")
MOONS = Work("moons", (2, 20, 40, 20, 1), rows=1000)
HUNDRED = Work("(100,)", (20, 100, 1), rows=10_000)
WIDE = Work("(512, 512)", (784, 512, 512, 10), rows=4_000, loss="cross_entropy")


@dataclass(frozen=True)
class Fit:
    """One `fit` of ``epochs`` epochs, or of as many iterations of L-BFGS; all of them are made.

    ``settings`` are scikit-learn's, where they are not its defaults; ``goal`` is the ratio to reach.
    """

    work: Work
    epochs: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    goal: float | None = None

    def title(self, dtype: str) -> str:
        shape = f"{self.work.rows:,}×{self.work.sizes[0]}, {self.work.shape}"
        what = "iterations" if self.settings.get("solver") == "lbfgs" else "epochs"
        words = [f"{name}={value!r}" for name, value in self.settings.items()]
        return ", ".join([f"{self.work.name}: {shape}", f"{self.epochs} {what}", *words, dtype])

    def estimator(self, kind: type[Any]) -> Any:
        return kind(
            hidden_layer_sizes=self.work.sizes[1:-1],
            max_iter=self.epochs,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=0,
            **self.settings,
        )


PLAIN = {"solver": "sgd", "batch_size": 10, "learning_rate_init": 0.1, "momentum": 0.0}
NESTEROV = {"solver": "sgd", "batch_size": 10, "learning_rate_init": 0.01}
FITS = (
    Fit(MOONS, 100, PLAIN, goal=100),
    Fit(MOONS, 100, NESTEROV, goal=100),
    Fit(HUNDRED, 20, goal=10),
    Fit(WIDE, 2, goal=1.5),
    Fit(MOONS, 50, {"solver": "lbfgs"}),
    Fit(HUNDRED, 50, {"solver": "lbfgs"}),
)


class Fitting(Session):
    """A new estimator is fitted in each run."""

    def __init__(self, mlp: Any, X: NDArray[Any], y: NDArray[Any]) -> None:
        self._unfitted, self._X, self._y = mlp, X, y
        self.mlp = mlp

    def reset(self) -> None:
        self.mlp = clone(self._unfitted)

    def run(self) -> None:
        self.mlp.fit(self._X, self._y)

    def check(self) -> float:
        """Scikit-learn's `loss_`."""
        if (made := self.mlp.n_iter_) != self.mlp.max_iter:
            raise RuntimeError(f"{made} epochs were made, not {self.mlp.max_iter}")
        return float(self.mlp.loss_)


class Here:
    """A contender in this process."""

    def __init__(self, key: str, name: str, version: str, session: Session) -> None:
        self.key, self.name = key, name
        self._version, self._session = version, session

    def prepare(self) -> str:
        """The first run, which also loads what is loaded late."""
        self._session.reset()
        self._session.run()
        return self._version

    def measure(self) -> Sample:
        before, seconds = process_time(), self._session.measure()
        return Sample(seconds, process_time() - before)

    def check(self) -> float:
        return self._session.check()

    def close(self) -> None:
        """Nothing is held."""


def measure(fit: Fit, dtype: str, rounds: int) -> tuple[Subject, Comparison]:
    X, y = fit.work.data
    rows = X.astype(dtype), y.astype(int)
    ours = Fitting(fit.estimator(MLPClassifier), *rows)
    theirs = Fitting(fit.estimator(neural_network.MLPClassifier), *rows)
    goals = {} if fit.goal is None else {SKLEARN: fit.goal}
    subject = Subject(fit.title(dtype), unit="fit", time="ms", check="loss_", goals=goals)
    return subject, compare(
        [
            Here(table.OURS, "chainrule.sklearn", chainrule.__version__, ours),
            Here(SKLEARN, "scikit-learn", sklearn.__version__, theirs),
        ],
        rounds,
        lambda line: print(f"  … {line}", file=sys.stderr, flush=True),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dropin", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="turns of each (default 9)")
    parser.add_argument("--only", default="", help="only fits whose title contains this")
    return parser.parse_args()


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = arguments()
    print(f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}\n")
    for fit in FITS:
        for dtype in DTYPES:
            if options.only in fit.title(dtype):
                print(table.text(*measure(fit, dtype, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
