"""Where the next trial goes: the tree-structured Parzen estimator, on arrays.

Of n trials that are done, the γ(n) = min(⌈n/10⌉, 25) best are good, and all others are bad, those still running too.
Both sets make a density of their settings x: ℓ(x) of the good, g(x) of the bad. Of some candidates drawn from ℓ, the
next trial takes the one with the largest ℓ(x)/g(x).

A density of m trials is the mean of a uniform one and of m kernels. A kernel is a product over the settings: over a
range, scaled to [0, 1], a Gaussian cut off at its ends, with σ = 0.2·m^(−1/(d + 4)) for d settings; over c choices,
(m + 1)/(m + c) at the trial's own and 1/(m + c) at each other.

Source: Bergstra, Bardenet, Bengio & Kégl 2011, Algorithms for Hyper-Parameter Optimization, with the joint kernels of
Falkner, Klein & Hutter 2018, BOHB. Optuna's own sampler does the same trial by trial in Python, which takes some 15 ms
of the interpreter for a trial among a thousand: more than the training of a small network, and nothing else trains
meanwhile.

What is drawn depends on the seed, on how many trials there are before (failed ones do not count: they are made again),
and on these. So several machines draw different ones, and a sweep that is taken up again goes on as if it had not
stopped.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from optuna import Study
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtr, ndtri

from chainrule.sweeping.space import Choice, Range, Space, Value

Numbers: TypeAlias = npt.NDArray[np.float64]
Rank: TypeAlias = tuple[float, ...]

STARTUP = 20  # trials that are drawn uniformly
CANDIDATES = 32
_SIGMA = 0.2
_SEEN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


class Parzen(BaseSampler):
    """The sampler of a sweep."""

    def __init__(self, space: Space, seed: int) -> None:
        """Take what is tried, and a seed."""
        self._axes = {name: _Axis(entry) for name, entry in space.tried.items()}
        self._whole = distributions(space)
        self._seed = seed
        self._done = _Done(len(self._axes))
        self._lock = Lock()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All settings, which are drawn together."""
        return dict(self._whole)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The settings of the next trial."""
        trials = study.get_trials(deepcopy=False, states=_SEEN)
        place = sum(each.number < trial.number for each in trials)
        rng = np.random.default_rng([self._seed, place])
        with self._lock:
            good, bad = self._split(trials, trial.number)
        axes = list(self._axes.values())
        drawn = rng.random((1, len(axes)))
        if len(good):
            candidates = _Density(good, axes).sample(rng, CANDIDATES)
            gain = _Density(good, axes).log(candidates) - _Density(bad, axes).log(candidates)
            drawn = candidates[[gain.argmax()]]
        each = zip(self._axes.items(), drawn[0], strict=True)
        return {name: axis.value(x) for (name, axis), x in each}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Every setting is drawn together with the others."""
        raise AssertionError(f"{param_name} is no setting of this sweep")

    def _split(self, trials: Sequence[FrozenTrial], number: int) -> tuple[Numbers, Numbers]:
        """Good and bad points, (m, settings) each; none are good before there are enough."""
        running = []
        for each in trials:
            if each.number in self._done.numbers or each.number == number:
                continue
            if each.state != TrialState.RUNNING:
                self._done.add(each.number, rank(each), self._point(each.params))
            elif self._axes.keys() <= each.params.keys():
                running.append(self._point(each.params))
        n = len(self._done.numbers)
        points = self._done.ordered()
        count = min(math.ceil(n / 10), 25) if n >= STARTUP else 0
        return points[:count], np.concatenate(
            [points[count:], np.reshape(running, (-1, len(self._axes)))]
        )

    def _point(self, params: Mapping[str, Any]) -> Numbers:
        return np.array([axis.place(params[name]) for name, axis in self._axes.items()])


def rank(trial: FrozenTrial) -> Rank:
    """The order of trials: finished ones by their loss, then those stopped, the later ones first."""
    if trial.user_attrs.get("run", {}).get("diverged"):
        return (2,)
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        return (0, trial.value)
    if not trial.intermediate_values:
        return (2,)
    epoch, loss = max(trial.intermediate_values.items())
    return (1, -epoch, loss if math.isfinite(loss) else math.inf)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """What is tried, in Optuna's terms."""
    return {name: _distribution(entry) for name, entry in space.tried.items()}


def _distribution(entry: Range | Choice) -> BaseDistribution:
    if isinstance(entry, Choice):
        return CategoricalDistribution(entry.values)
    if entry.whole:
        return IntDistribution(int(entry.low), int(entry.high), log=entry.log)
    return FloatDistribution(entry.low, entry.high, log=entry.log)


class _Done:
    """The trials that are done.

    Attributes:
        numbers: theirs.
    """

    def __init__(self, settings: int) -> None:
        self.numbers: set[int] = set()
        self._points = np.empty((64, settings))
        self._order: list[tuple[Rank, int, int]] = []  # best first: rank, number, row in the points

    def add(self, number: int, rank: Rank, point: Numbers) -> None:
        """Take in a trial."""
        row = len(self.numbers)
        if row == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        self._points[row] = point
        insort(self._order, (rank, number, row))
        self.numbers.add(number)

    def ordered(self) -> Numbers:
        """Their points, best first: (n, settings)."""
        return self._points[[row for _, _, row in self._order]]


class _Axis:
    """One setting as numbers from 0 to 1: a range scaled, the middle of an equal share for each choice.

    Attributes:
        choices: how many there are; 0 for a range.
    """

    def __init__(self, entry: Range | Choice) -> None:
        self.entry = entry
        self.choices = len(entry.values) if isinstance(entry, Choice) else 0
        self._low = self._span = 0.0
        if isinstance(entry, Range):
            margin = 0.5 * entry.whole  # so that each whole number has an equal share
            self._low = self._scaled(entry.low - margin)
            self._span = self._scaled(entry.high + margin) - self._low

    def _scaled(self, value: float) -> float:
        assert isinstance(self.entry, Range)
        return math.log(value) if self.entry.log else value

    def place(self, value: Value) -> float:
        """Where a value lies."""
        if isinstance(self.entry, Choice):
            return (self.entry.values.index(value) + 0.5) / self.choices
        return (self._scaled(float(value)) - self._low) / self._span

    def value(self, place: float) -> Value:
        """The value that lies there."""
        entry = self.entry
        if isinstance(entry, Choice):
            return entry.values[min(int(place * self.choices), self.choices - 1)]
        scaled = self._low + place * self._span
        value = min(max(math.exp(scaled) if entry.log else scaled, entry.low), entry.high)
        return round(value) if entry.whole else value


class _Density:
    """The density of some trials, as the module's text has it."""

    def __init__(self, points: Numbers, axes: Sequence[_Axis]) -> None:
        """Take points (m, d)."""
        self.points, self.axes = points, axes
        m, d = points.shape
        self.sigma = _SIGMA * max(m, 1) ** (-1 / (d + 4))

    def sample(self, rng: np.random.Generator, count: int) -> Numbers:
        """Points drawn from it, (count, d)."""
        m, d = self.points.shape
        which = rng.integers(m + 1, size=count)  # m is the uniform part
        u = rng.random((count, d))
        found = u.copy()
        for j, axis in enumerate(self.axes):
            kernel = which < m
            centers = self.points[which[kernel], j]
            if axis.choices:
                found[kernel, j] = _chosen(centers, u[kernel, j], rng, m, axis.choices)
            else:
                low, high = ndtr(-centers / self.sigma), ndtr((1 - centers) / self.sigma)
                cut = ndtri(low + u[kernel, j] * (high - low))
                found[kernel, j] = np.clip(centers + self.sigma * cut, 0, 1)
            found[:, j] = [axis.place(axis.value(x)) for x in found[:, j]]
        return found

    def log(self, x: Numbers) -> Numbers:
        """The logarithm of the density at points (k, d), relative to the uniform one: (k,)."""
        m = len(self.points)
        kernels = np.zeros((len(x), m + 1))  # logarithms; the last is the uniform part
        for j, axis in enumerate(self.axes):
            apart = x[:, [j]] - self.points[:, j]  # (k, m)
            if axis.choices:
                other = math.log(axis.choices / (m + axis.choices))
                same = np.abs(apart) < 0.5 / axis.choices
                kernels[:, :m] += np.where(same, other + math.log(m + 1), other)
            else:
                center = self.points[:, j]
                inside = ndtr((1 - center) / self.sigma) - ndtr(-center / self.sigma)
                kernels[:, :m] -= (0.5 / self.sigma**2) * apart**2
                kernels[:, :m] -= np.log(math.sqrt(2 * math.pi) * self.sigma * inside)
        top = kernels.max(axis=1, keepdims=True)
        return np.asarray(np.log(np.exp(kernels - top).mean(axis=1)) + top[:, 0])


def _chosen(own: Numbers, u: Numbers, rng: np.random.Generator, m: int, choices: int) -> Numbers:
    """For each kernel its own choice, or with probability c/(m + c) any of all c."""
    other = u < choices / (m + choices)
    anything = (rng.integers(choices, size=len(own)) + 0.5) / choices
    return np.where(other, anything, own)
