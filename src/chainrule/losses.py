"""L, the loss, and its gradient.

A row of the data costs ℓ: the mean over the outputs, or for `cross_entropy` the sum over the
classes. The loss of a batch is L = Σ wᵢ ℓᵢ / Σ wᵢ, with w = 1 unless rows are weighted, and L = 0
where all weights are 0.

Three losses stand on the logit u_2 = z_2 W_1 + b_1, the output before φ_1, and bring their own φ_1,
the link:

    binary_cross_entropy   logistic      −t log σ(u) − (1 − t) log(1 − σ(u))
    cross_entropy          softmax       −Σ_j t_j log softmax(u)_j
    poisson                exponential   eᵘ − t u   (less log t!, which no parameter moves)

In these canonical pairs φ_1 and ℓ merge: ∂ℓ/∂u = φ_1(u) − t. The others take the output z_1 of any
φ_1:

    squared_error          (z − t)²
    absolute_error         |z − t|
    huber                  ½(z − t)² where |z − t| ≤ 1, else |z − t| − ½
    quantile:τ_1,…,τ_k     max(τ(t − z), (τ − 1)(t − z)) of the j-th output with τ = τ_j

The last carries its levels in its name, as `quantile:0.05,0.5,0.95`. All its outputs have the same
target, of which the j-th learns the quantile at level τ_j. Its slope is −τ where z < t, 1 − τ where
z > t, and between the two, ½ − τ, where z = t: what PyTorch's autograd gives for that maximum.

Source: Koenker & Bassett 1978, Regression Quantiles, Econometrica 46, equation 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.activations import Activation, exponential, logistic, softmax
from chainrule.activations import get as get_activation
from chainrule.arrays import Array, DType, numbers
from chainrule.errors import InvalidValue, ShapeError, unknown

Entries = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """A loss whose outputs count one by one.

    In what follows a is what the loss stands on: the logits if it has a link, else the outputs z_1;
    shape (n, k), as the targets t.

    Attributes:
        name: the name that `get` knows it by.
        link: the name of the φ_1 that it brings, or None.
        entry: (a, t) ↦ the cost of each entry, (n, k).
        slope: (a, t) ↦ the derivative of that by a, (n, k).
        output_slope: (z, t) ↦ the derivative by the output z_1, (n, k).
    """

    name: str
    link: str | None
    entry: Entries
    slope: Entries
    output_slope: Entries

    def rows(self, a: Array, t: Array) -> Array:
        """The loss ℓ of each row, shape (n,).

        Raises:
            ShapeError: a and t do not have the same shape; nothing broadcasts.
        """
        a, t = self._pair(a, t)
        return np.asarray(self.entry(a, t).sum(axis=1) / self._divisor(a))

    def value(self, a: Array, t: Array, weights: Array | None = None) -> float:
        """L = Σ wᵢ ℓᵢ / Σ wᵢ, summed in float64."""
        ell = self.rows(a, t).astype(np.float64)
        return float(_shares(len(ell), weights) @ ell)

    def gradient(self, a: Array, t: Array, weights: Array | None = None) -> Array:
        """∂L/∂a, shape (n, k)."""
        return self._weighted(self.slope, a, t, weights)

    def output_gradient(self, z: Array, t: Array, weights: Array | None = None) -> Array:
        """∂L/∂z_1, shape (n, k), the first factor of the lecture's chain.

        For binary labels −1/z_1 where t = 1 and 1/(1 − z_1) where t = 0. It is infinite where z_1
        is 0 or 1 on the wrong side; training uses `gradient`, which never is.
        """
        return self._weighted(self.output_slope, z, t, weights)

    def _weighted(self, slope: Entries, a: Array, t: Array, weights: Array | None) -> Array:
        a, t = self._pair(a, t)
        scale = _shares(len(a), weights) / self._divisor(a)
        return np.asarray(scale.astype(a.dtype)[:, None] * slope(a, t))

    def _divisor(self, a: Array) -> int:
        return int(a.shape[1])

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        a, t = _columns(a), _columns(t)
        if a.shape != t.shape:
            raise ShapeError(f"{len(a)} rows of {a.shape[1]} outputs, targets of shape {t.shape}")
        return a, t

    def __repr__(self) -> str:
        """The name, in brackets."""
        return f"<loss {self.name}>"


class CrossEntropy(Loss):
    """The loss over classes; targets are class numbers (n, 1) or rows of probabilities (n, k)."""

    def _divisor(self, a: Array) -> int:
        return 1

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        a, t = _columns(a), _columns(t)
        if t.shape == (len(a), 1) and a.shape[1] > 1:
            e = np.eye(a.shape[1], dtype=a.dtype)
            t = e[t[:, 0].astype(np.int64)]  # class c becomes the row e_c
        return super()._pair(a, t)


@dataclass(frozen=True, repr=False)
class Quantile(Loss):
    """The loss of quantiles; targets are (n, k), the same number in each column: see `targets`.

    Attributes:
        levels: τ of each output, ascending, in (0, 1).
    """

    levels: tuple[float, ...]

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        a, t = super()._pair(a, t)
        _one_output_a_level(self, a.shape[1])
        return a, t


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


def _quantile(z: Array, t: Array, levels: tuple[float, ...]) -> Array:
    tau = np.asarray(levels, z.dtype)
    return np.maximum(tau * (t - z), (tau - 1) * (t - z))


def _quantile_slope(z: Array, t: Array, levels: tuple[float, ...]) -> Array:
    half = z.dtype.type(0.5)
    return np.asarray(half * np.sign(z - t) + (half - np.asarray(levels, z.dtype)))


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


_QUANTILE = "quantile"


def quantile(levels: Sequence[float]) -> Quantile:
    """The loss of the quantiles at these levels, one output for each.

    Raises:
        InvalidValue: they are not ascending numbers between 0 and 1.
    """
    found = tuple(map(_level, levels))
    if not found or any(b <= a for a, b in zip(found, found[1:], strict=False)):
        raise InvalidValue(f"levels of quantiles are ascending, one or more, got {list(found)}")
    return Quantile(
        name=f"{_QUANTILE}:{','.join(map(repr, found))}",
        link=None,
        entry=partial(_quantile, levels=found),
        slope=partial(_quantile_slope, levels=found),
        output_slope=partial(_quantile_slope, levels=found),
        levels=found,
    )


def _level(value: Any) -> float:
    try:
        tau = float(value)
    except (TypeError, ValueError):
        tau = np.nan
    if not 0 < tau < 1:
        raise InvalidValue(f"a level of a quantile is a number between 0 and 1, got {value!r}")
    return tau


@lru_cache
def _quantile_named(name: str) -> Quantile:
    _, colon, levels = name.partition(":")
    if not colon:
        raise InvalidValue(f"the quantile loss carries its levels, as '{_QUANTILE}:0.05,0.5,0.95'")
    return quantile([_level(level) for level in levels.split(",")])


def get(loss: str | Loss) -> Loss:
    """The loss of that name; a Loss is returned as it is.

    Raises:
        UnknownName: no loss is called so.
        InvalidValue: a quantile loss whose levels are not ascending numbers between 0 and 1.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if isinstance(loss, str) and loss.partition(":")[0] == _QUANTILE:
        return _quantile_named(loss)
    raise unknown("loss", loss, [*LOSSES, f"{_QUANTILE}:0.05,0.5,0.95"])


def default(output_activation: str | Activation) -> Loss:
    """The loss whose link an output activation is, else the squared error."""
    name = get_activation(output_activation).name
    return next((loss for loss in LOSSES.values() if loss.link == name), LOSSES["squared_error"])


def check_output(loss: str | Loss, output_activation: str | Activation) -> None:
    """Refuse an output activation under which the loss would apply a second φ_1.

    The lecture does so: its `forward` ends in σ, and its loss is BCEWithLogitsLoss.

    Raises:
        InvalidValue: the loss has a link, and the output layer has another activation than it or
            the identity.
    """
    loss, phi = get(loss), get_activation(output_activation).name
    if loss.link is None or phi in ("identity", loss.link):
        return
    doubled = f": a doubled {phi}" if phi in ("logistic", "softmax") else ""
    raise InvalidValue(
        f"{loss.name} stands on the logit and applies the {loss.link} itself, but the output layer "
        f"applies {phi} before it{doubled}; make the output {loss.link!r} or 'identity'"
    )


def targets(y: npt.ArrayLike, loss: str | Loss, outputs: int, dtype: DType) -> Array:
    """The labels or numbers y as the loss takes them.

    (n,) and (n, 1) mean the same. `binary_cross_entropy` takes booleans, 0/1 or −1/+1 and gets 0/1;
    `cross_entropy` takes class numbers or rows of probabilities; `poisson` takes counts or rates. Of
    the quantiles each output gets the row's one number; where that is done already, it stays.

    Args:
        y: (n,), (n, 1) or (n, outputs).
        loss: the loss or its name.
        outputs: how many numbers the network gives for a row.
        dtype: the type of the result.

    Returns:
        (n, outputs), or (n, 1) of class numbers; C-contiguous.

    Raises:
        ShapeError: y has not one row of `outputs` numbers for each row, or the levels of quantiles
            are not as many as the outputs.
        InvalidValue: a target is not a number, not finite, or not one that the loss knows.
    """
    loss = get(loss)
    t = _columns(numbers(y, "targets"))
    alone = isinstance(loss, (CrossEntropy, Quantile)) and t.shape[1:] == (1,)
    if t.ndim != 2 or (t.shape[1] != outputs and not alone):
        raise ShapeError(_wrong_targets(np.shape(y), loss, outputs))
    t = t.astype(np.float64)
    _refuse(~np.isfinite(t), t, "targets must be finite")
    if isinstance(loss, Quantile):
        t = _one_for_all(loss, t, outputs)
    elif alone:
        _refuse((t < 0) | (t >= outputs) | (t != np.floor(t)), t, _class_numbers(outputs))
    elif loss.name in _CODINGS:
        t = _CODINGS[loss.name](t)
    with np.errstate(over="ignore"):
        coded = np.ascontiguousarray(t, dtype=dtype)
    _refuse(~np.isfinite(coded), t, f"targets must be finite in {dtype}")
    return coded


def _one_for_all(loss: Quantile, t: Array, outputs: int) -> Array:
    _one_output_a_level(loss, outputs)
    _refuse(t != t[:, :1], t, "the quantiles of a row are those of one number")
    return np.repeat(t[:, :1], outputs, axis=1)


def _one_output_a_level(loss: Quantile, outputs: int) -> None:
    if outputs != len(loss.levels):
        k = len(loss.levels)
        raise ShapeError(f"{loss.name} takes {k} outputs, one for each level, not {outputs}")


def _class_numbers(outputs: int) -> str:
    return f"cross_entropy over {outputs} outputs takes class numbers 0 to {outputs - 1}"


def _binary(t: Array) -> Array:
    plus_minus = (t == -1).any()
    wrong = (t != 1) & (t != -1 if plus_minus else t != 0)
    _refuse(wrong, t, "binary_cross_entropy takes labels 0 and 1, or −1 and +1")
    return np.asarray(t > 0, dtype=t.dtype)


def _probabilities(t: Array) -> Array:
    _refuse(t < 0, t, "rows of class probabilities are not negative")
    wrong = np.abs(t.sum(axis=1, keepdims=True) - 1) > 1e-3
    _refuse(wrong, t.sum(axis=1, keepdims=True), "rows of class probabilities sum to 1")
    return t


def _counts(t: Array) -> Array:
    _refuse(t < 0, t, "poisson takes counts or rates, 0 or more")
    return t


_CODINGS: dict[str, Callable[[Array], Array]] = {
    "binary_cross_entropy": _binary,
    "cross_entropy": _probabilities,
    "poisson": _counts,
}


def _refuse(wrong: npt.NDArray[np.bool_], t: Array, rule: str) -> None:
    """Raise with the rule and the first row that breaks it."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InvalidValue(f"{rule}; row {row} has {t[row, column]:g}")


def _wrong_targets(shape: tuple[int, ...], loss: Loss, outputs: int) -> str:
    one = "(n,) or (n, 1)"
    wanted = one if outputs == 1 or isinstance(loss, Quantile) else f"(n, {outputs})"
    if loss.name == "cross_entropy":
        wanted = f"class numbers {one} or probabilities (n, {outputs})"
    return f"targets have shape {shape}; {loss.name} over {outputs} outputs takes {wanted}"


def _columns(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n,) as (n, 1); anything else as it is."""
    return a.reshape(-1, 1) if a.ndim == 1 else a


def _shares(n: int, weights: Array | None) -> npt.NDArray[np.float64]:
    """wᵢ / Σ w in float64, shape (n,); zeros where the weights sum to 0."""
    if weights is not None and weights.shape != (n,):
        raise ShapeError(f"{n} rows, weights of shape {weights.shape}")
    w = np.ones(n) if weights is None else weights.astype(np.float64)
    total = w.sum()
    return np.asarray(w / total if total > 0 else np.zeros(n))
