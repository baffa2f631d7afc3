"""Calibration by temperature: probabilities φ(u/T), with the T that suits the outputs of rows not trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array

BINS = 15
_COLDEST, _HOTTEST = math.log(0.05), math.log(20.0)  # of log T


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
    u: Array, classes: npt.NDArray[np.int64], weights: npt.NDArray[np.float64] | None = None
) -> Calibration:
    """The temperature with the lowest log loss (Guo et al. 2017, section 4.2).

    Args:
        u: logits, (n, classes); (n, 1) for two classes, the logit of the second.
        classes: class numbers, (n,).
        weights: of the rows, (n,), or None.
    """
    from scipy.optimize import minimize_scalar

    logits = np.asarray(np.hstack([np.zeros_like(u), u]) if u.shape[1] == 1 else u, np.float64)
    w = np.ones(len(u)) if weights is None else np.asarray(weights, np.float64)

    def loss(log_t: float) -> float:
        return _log_loss(logits / math.exp(log_t), classes, w)

    found = minimize_scalar(
        loss, bounds=(_COLDEST, _HOTTEST), method="bounded", options={"xatol": 1e-6}
    )
    T = math.exp(float(found.x)) if found.fun < loss(0.0) else 1.0
    return Calibration(
        T,
        (loss(0.0), loss(math.log(T))),
        (
            calibration_error(_softmax(logits), classes, w),
            calibration_error(_softmax(np.asarray(logits / T)), classes, w),
        ),
    )


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


def _log_loss(
    logits: npt.NDArray[np.float64],
    classes: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
) -> float:
    top = logits.max(axis=1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return float(np.average(log_sum - logits[np.arange(len(logits)), classes], weights=weights))


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
