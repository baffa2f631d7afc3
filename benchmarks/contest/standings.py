"""Who stands where: ranks, win rates and seconds over the data sets of a suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.contest.cell import Cell

SIMPLE = ("mlp", "mlp-256", "linear", "constant")
"""No network should lose much to the best of these."""
MARGIN = 1.05
"""As much of their log loss is allowed."""

Found = Mapping[Cell, Mapping[str, Any]]


@dataclass(frozen=True)
class Standings:
    """What was measured on a suite, and who can be compared with whom.

    Attributes:
        sets: The names of the data sets.
        means: What was measured, by estimator and data set: the mean over the ``splits``.
        splits: Those in which each of the ``ranked`` has every data set.
        ranked: The estimators that have at least one split with every data set.
        missing: For the others, what they lack.
    """

    sets: Sequence[str]
    means: Mapping[str, Mapping[str, Mapping[str, float]]]
    splits: Sequence[int]
    ranked: Sequence[str]
    missing: Mapping[str, str]

    @classmethod
    def of(cls, found: Found, sets: Sequence[str], labels: Sequence[str]) -> Standings:
        whole = {label: _whole_splits(found, sets, label) for label in labels}
        ranked = [label for label in labels if whole[label]]
        splits = sorted(set.intersection(*(whole[label] for label in ranked))) if ranked else []
        missing = {label: _lacks(found, sets, label) for label in labels if not whole[label]}
        means = {label: _means(found, label, splits) for label in labels}
        return cls(sets, means, splits, ranked, missing)

    def losses(self, name: str) -> dict[str, float]:
        """On this data set, of each ranked estimator."""
        return {label: loss(self.means[label][name]) for label in self.ranked}

    def mean_ranks(self) -> dict[str, float]:
        """Over the data sets; 1 is always the best."""
        each = [ranks(self.losses(name)) for name in self.sets]
        return {label: fmean(rank[label] for rank in each) for label in self.ranked}

    def win_rate(self, label: str, other: str) -> float:
        """The share of data sets on which the one is ahead of the other; equals count a half."""
        pairs = [(losses[label], losses[other]) for losses in map(self.losses, self.sets)]
        return fmean((mine < theirs) + 0.5 * (mine == theirs) for mine, theirs in pairs)

    def total(self, label: str, what: str) -> float:
        """The sum over the data sets of the mean over the splits."""
        return sum(self.means[label][name][what] for name in self.sets)

    def behind(self, label: str) -> dict[str, tuple[float, str]]:
        """On each data set with classes, its log loss over that of the best of ``SIMPLE``."""
        simple = [other for other in SIMPLE if other in self.ranked]
        ratios = {}
        for name in self.sets:
            if simple and "log_loss" in self.means[label].get(name, {}):
                best = min(simple, key=lambda other: self.means[other][name]["log_loss"])
                own, least = (self.means[who][name]["log_loss"] for who in (label, best))
                ratios[name] = (own / least, best)
        return ratios


def loss(score: Mapping[str, float]) -> float:
    """Log loss, or 1 − R²: the less, the better."""
    return score["log_loss"] if "log_loss" in score else 1 - score["r2"]


def ranks(losses: Mapping[str, float]) -> dict[str, float]:
    """1 for the least; equals share the mean of their places."""
    return {
        label: 0.5 + sum((other < own) + 0.5 * (other == own) for other in losses.values())
        for label, own in losses.items()
    }


def _whole_splits(found: Found, sets: Sequence[str], label: str) -> set[int]:
    done = {
        (cell.split, cell.set)
        for cell, result in found.items()
        if cell.label == label and "error" not in result
    }
    return {split for split, _ in done if all((split, name) in done for name in sets)}


def _lacks(found: Found, sets: Sequence[str], label: str) -> str:
    """The data sets without a result in the split that has most, and why where it is known."""
    cells = {
        (cell.split, cell.set): result for cell, result in found.items() if cell.label == label
    }
    done = [split for (split, _), result in cells.items() if "error" not in result]
    most = max(sorted(set(done)), key=done.count, default=0)
    return "; ".join(
        f"{name}: {cells.get((most, name), {}).get('error', 'not yet')}"
        for name in sets
        if "error" in cells.get((most, name), {"error": ""})
    )


def _means(found: Found, label: str, splits: Sequence[int]) -> dict[str, dict[str, float]]:
    gathered: dict[str, list[Mapping[str, float]]] = {}
    for cell, result in found.items():
        if cell.label == label and cell.split in splits and "error" not in result:
            gathered.setdefault(cell.set, []).append(result)
    return {
        name: {what: fmean(result[what] for result in results) for what in results[0]}
        for name, results in gathered.items()
    }
