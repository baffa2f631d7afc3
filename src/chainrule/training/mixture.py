"""Shares of several predictions in one: those that would have predicted best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
_LEAST = 1e-9  # a probability of the truth counts as no less, nor does a share


def shares_of_probabilities(p: Numbers, weights: Numbers, prior: Numbers) -> Numbers:
    """The shares s ≥ 0, Σs = 1, with the lowest −Σ w log Σ_k s_k p_k − Σ_k c_k log s_k.

    That is the log loss, and the doubt that few rows leave: the most probable shares, had they been
    drawn from Dirichlet's distribution with the parameters 1 + c before anything was known.

    Args:
        p: the probability of the truth by each of k predictions, (k, n).
        weights: (n,).
        prior: c, in rows, (k,); 0 or more.
    """
    p, total = np.maximum(p, _LEAST), weights.sum()
    w, c = weights / total, prior / total

    def cost(s: Numbers) -> tuple[float, Numbers]:
        s = np.maximum(s, _LEAST)
        mixed = s @ p
        return -float(w @ np.log(mixed) + c @ np.log(s)), -(p / mixed) @ w - c / s

    return on_the_simplex(cost, len(p))


def shares_of_numbers(z: Numbers, y: Numbers, weights: Numbers) -> Numbers:
    """The shares s ≥ 0, Σs = 1, with the lowest squared error Σ w (y − Σ_k s_k z_k)².

    Args:
        z: the numbers by each of k predictions, (k, n).
        y: the true ones, (n,).
        weights: (n,).
    """
    w = weights / weights.sum()

    def cost(s: Numbers) -> tuple[float, Numbers]:
        error = s @ z - y
        return float(w @ error**2), 2 * (z @ (w * error))

    return on_the_simplex(cost, len(z))


def on_the_simplex(cost: Callable[[Numbers], tuple[float, Numbers]], k: int) -> Numbers:
    """The shares s ≥ 0, Σs = 1, with the lowest cost.

    Args:
        cost: from the shares, (k,), to a convex cost and its gradient.
        k: how many.
    """
    from scipy.optimize import minimize

    found = minimize(
        cost, np.full(k, 1 / k), jac=True, method="SLSQP", bounds=[(0, 1)] * k,
        constraints={"type": "eq", "fun": lambda s: s.sum() - 1, "jac": lambda s: np.ones(k)},
        options={"ftol": 1e-10},
    )  # fmt: skip
    s = np.clip(found.x, 0, 1)
    return np.asarray(s / s.sum())
