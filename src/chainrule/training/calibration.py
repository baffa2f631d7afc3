"""Calibration by temperature: probabilities φ(u/T), with the T that suits the outputs of rows not trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.activations import logistic, softmax
from chainrule.arrays import Array

BINS = 15
_COLDEST, _HOTTEST = math.log(0.05), math.log(20.0)  # of log T
_DOUBT = 0.1

Probabilities: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What a temperature changed, on the rows that it was found on.

    Attributes:
        temperature: T; above 1 where the probabilities were too sure.
        log_loss: before and after.
        error: the expected calibration error (Guo et al. 2017, equation 3), before and after.
    """

    temperature: float = 1.0
    log_loss: tuple[float, float] = (math.nan, math.nan)
    error: tuple[float, float] = (math.nan, math.nan)


def calibrate(
    u: Array,
    classes: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64] | None = None,
) -> Calibration:
    """The temperature with the lowest log loss (Guo et al. 2017, section 4.2), drawn towards 1 where rows are few.

    What is drawn is the most probable T where log T is normal with a standard deviation of 0.1
    before anything is known.

    Args:
        u: logits of several networks, whose probabilities are averaged: (networks, n, classes), or
            (networks, n, 1) for two classes, the logit of the second.
        classes: class numbers, (n,).
        weights: of the rows, (n,).
        shares: of the networks in the average, (networks,); equal ones without it.
    """
    from scipy.optimize import minimize_scalar

    def p(T: float) -> Probabilities:
        return averaged(u, T, shares)

    def cost(log_t: float) -> float:
        loss = log_loss(p(math.exp(log_t)), classes, weights)
        return loss * float(weights.sum()) + 0.5 * (log_t / _DOUBT) ** 2

    found = minimize_scalar(cost, bounds=(_COLDEST, _HOTTEST), method="bounded", options={"xatol": 1e-4})  # fmt: skip
    T = math.exp(float(found.x)) if found.fun < cost(0.0) else 1.0
    return Calibration(
        T,
        (log_loss(p(1.0), classes, weights), log_loss(p(T), classes, weights)),
        (calibration_error(p(1.0), classes, weights), calibration_error(p(T), classes, weights)),
    )


def averaged(
    u: Array, temperature: float = 1.0, shares: npt.NDArray[np.float64] | None = None
) -> Probabilities:
    """The mean of several networks' probabilities φ(u/T), (n, classes); arguments as `calibrate`."""
    logits = np.asarray(u, np.float64) / temperature
    if logits.shape[2] == 1:
        p = np.average(logistic(logits), axis=0, weights=shares)
        return np.hstack([1 - p, p])
    return np.asarray(np.average(softmax(logits), axis=0, weights=shares))


def calibration_error(
    p: npt.NDArray[np.float64], classes: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> float:
    """Σ over 15 bins of confidence: the bin's share of the weight times |its accuracy − its mean confidence|.

    Args:
        p: probabilities, (n, classes).
        classes: class numbers, (n,).
        weights: of the rows, (n,).
    """
    confidence, right = p.max(axis=1), p.argmax(axis=1) == classes
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights * (right - confidence), BINS)
    return float(abs(gap).sum() / weights.sum())


def log_loss(
    p: npt.NDArray[np.float64], classes: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> float:
    """The weighted mean of −log p of the true class; arguments as `calibration_error`."""
    true = np.maximum(p[np.arange(len(p)), classes], np.finfo(np.float64).tiny)
    return float(np.average(-np.log(true), weights=weights))
