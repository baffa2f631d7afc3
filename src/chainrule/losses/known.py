"""The losses that have a name, and their slopes."""

from __future__ import annotations

import numpy as np

from chainrule.activations import exponential, logistic, softmax
from chainrule.arrays import Array
from chainrule.losses.loss import CrossEntropy, Loss


def _squared_error(z: Array, t: Array) -> Array:
    return np.asarray((z - t) ** 2)


def _squared_error_slope(z: Array, t: Array) -> Array:
    return np.asarray(2 * (z - t))


def _absolute_error(z: Array, t: Array) -> Array:
    return np.abs(z - t)


def _absolute_error_slope(z: Array, t: Array) -> Array:
    return np.sign(z - t)


HUBER_DELTA = 1.0


def _huber(z: Array, t: Array) -> Array:
    c = _huber_slope(z, t)
    return c * (z - t - c / 2)  # ½d² inside, δ(|d| − ½δ) outside


def _huber_slope(z: Array, t: Array) -> Array:
    return np.clip(z - t, -HUBER_DELTA, HUBER_DELTA)


def _binary_cross_entropy(u: Array, t: Array) -> Array:
    # −log(1 − σ(u)) = log(1 + eᵘ) = max(u, 0) + log(1 + e^−|u|), and −log σ(u) is that less u
    return np.asarray(np.maximum(u, 0) - t * u + np.log1p(np.exp(-np.abs(u))))


def _binary_cross_entropy_slope(u: Array, t: Array) -> Array:
    return logistic(u) - t  # t = 1: −1/σ · σ(1 − σ) = σ − 1;  t = 0: 1/(1 − σ) · σ(1 − σ) = σ


def _binary_cross_entropy_output_slope(z: Array, t: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(t > 0, -t / z, 0) + np.where(t < 1, (1 - t) / (1 - z), 0)


def _cross_entropy(u: Array, t: Array) -> Array:
    shifted = u - u.max(axis=1, keepdims=True)
    log_z = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.asarray(-t * log_z)


def _cross_entropy_slope(u: Array, t: Array) -> Array:
    return np.asarray(softmax(u) * t.sum(axis=1, keepdims=True) - t)  # the sum is 1


def _cross_entropy_output_slope(z: Array, t: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(t > 0, -t / z, np.zeros_like(z))


def _poisson(u: Array, t: Array) -> Array:
    return exponential(u) - t * u


def _poisson_slope(u: Array, t: Array) -> Array:
    return exponential(u) - t


def _poisson_output_slope(z: Array, t: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - np.where(t > 0, t / z, np.zeros_like(z))


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("squared_error", None, _squared_error, _squared_error_slope, _squared_error_slope),
        Loss(
            "binary_cross_entropy",
            "logistic",
            _binary_cross_entropy,
            _binary_cross_entropy_slope,
            _binary_cross_entropy_output_slope,
        ),
        CrossEntropy(
            "cross_entropy",
            "softmax",
            _cross_entropy,
            _cross_entropy_slope,
            _cross_entropy_output_slope,
        ),
        Loss("absolute_error", None, _absolute_error, _absolute_error_slope, _absolute_error_slope),
        Loss("huber", None, _huber, _huber_slope, _huber_slope),
        Loss("poisson", "exponential", _poisson, _poisson_slope, _poisson_output_slope),
    )
}
