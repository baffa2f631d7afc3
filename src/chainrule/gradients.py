"""The chain rule: ∂L/∂W_r and ∂L/∂b_r.

Three ways to the same numbers. For one row the lecture's factors stand as they are, ∂g/∂W as a
tensor:

    ∂L/∂W_r = ∂L/∂z_1 · ∇φ_1·W_1ᵀ · ∇φ_2·W_2ᵀ ⋯ ∇φ_{r−1}·W_{r−1}ᵀ · ∂g_r/∂W_r

`backprop` multiplies them from the left, for all rows of a batch at once, and never builds a factor
that is mostly zeros. `central_differences` knows no calculus. Gradients are lists of (∂L/∂W,
∂L/∂b), from input to output as the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.activations import Activation
from chainrule.activations import get as get_activation
from chainrule.arrays import Array
from chainrule.errors import ShapeError
from chainrule.losses import Loss, targets
from chainrule.losses import get as get_loss
from chainrule.network import Layer, Network

Gradients: TypeAlias = list[tuple[Array, Array]]


def g_by_z(phi: Activation, u: Array, W: Array) -> Array:
    """∂g/∂z = ∇φ(u)·Wᵀ for g(z, W, b) = φ(zW + b), shape (m, n): row j belongs to output j."""
    return np.asarray(phi.jacobian(u) @ W.T)


def g_by_W(phi: Activation, u: Array, z: Array) -> Array:
    """∂g/∂W, a tensor (m, n, m): its j-th matrix is zᵀ·(0, …, h(u_j), …, 0).

    In general that is zᵀ times row j of ∇φ(u), which for an elementwise φ has one entry.
    """
    return np.asarray(np.einsum("i,jk->jik", z, phi.jacobian(u)))


def g_by_b(phi: Activation, u: Array) -> Array:
    """∂g/∂b = ∇φ(u), shape (m, m)."""
    return phi.jacobian(u)


def contract(v: Array, tensor: Array) -> Array:
    """Σ_j v_j·T_j, the linear combination of the matrices of a tensor (m, n, m): (n, m)."""
    return np.asarray(np.einsum("j,jik->ik", v, tensor))


@dataclass(frozen=True)
class Factors:
    """The factors of the lecture's product for one row, under the lecture's numbers.

    Attributes:
        loss: L.
        output_gradient: ∂L/∂z_1, (k,).
        g_by_z: r ↦ ∂g_r/∂z_{r+1}.
        g_by_W: r ↦ ∂g_r/∂W_r.
        g_by_b: r ↦ ∂g_r/∂b_r.
    """

    loss: float
    output_gradient: Array
    g_by_z: dict[int, Array]
    g_by_W: dict[int, Array]
    g_by_b: dict[int, Array]


def factors(network: Network, x: npt.ArrayLike, y: npt.ArrayLike, loss: str | Loss) -> Factors:
    """All factors at a data point (y, x).

    Args:
        network: any network; its φ_1 is taken to be the link of a loss that has one.
        x: one row, (d,).
        y: its label, number or numbers.
        loss: the loss or its name.

    Raises:
        ShapeError: x is not one row, or y does not fit the outputs.
    """
    loss = get_loss(loss)
    if np.ndim(x) != 1:
        raise ShapeError(f"the factors are those of one row (d,), got shape {np.shape(x)}")
    numbers = range(1, len(network.layers) + 1)
    phi = {r: network.layer(r).activation for r in numbers}
    if loss.link is not None:
        phi[1] = get_activation(loss.link)
    u, z = (trace := network.trace(x)).u, trace.z
    z_1 = phi[1].value(u[2])
    t = targets(np.reshape(y, (1, -1)), loss, len(z_1), network.dtype)
    return Factors(
        loss=loss.value((u[2] if loss.link else z_1)[None], t),
        output_gradient=loss.output_gradient(z_1[None], t)[0],
        g_by_z={r: g_by_z(phi[r], u[r + 1], network.layer(r).W) for r in numbers},
        g_by_W={r: g_by_W(phi[r], u[r + 1], z[r + 1]) for r in numbers},
        g_by_b={r: g_by_b(phi[r], u[r + 1]) for r in numbers},
    )


def explicit_gradients(
    network: Network, x: npt.ArrayLike, y: npt.ArrayLike, loss: str | Loss
) -> tuple[float, Gradients]:
    """The loss L and its gradient at one data point, as the lecture's product of `factors`."""
    f = factors(network, x, y, loss)
    v = f.output_gradient  # ∂L/∂z_1
    gradients: Gradients = []
    for r in range(1, len(network.layers) + 1):
        gradients.append((contract(v, f.g_by_W[r]), v @ f.g_by_b[r]))
        v = v @ f.g_by_z[r]  # ∂L/∂z_{r+1}
    return f.loss, gradients[::-1]


def backprop(
    network: Network,
    X: Array,
    t: Array,
    loss: str | Loss,
    weights: Array | None = None,
    masks: Sequence[Array | None] | None = None,
) -> tuple[float, Gradients]:
    """The loss L over a batch and its gradient.

    With δ_r = ∂L/∂u_{r+1}, one row for each data point:

        δ_1 = ∂L/∂u_2 from the loss,   δ_{r+1} = (δ_r W_rᵀ) · ∇φ_{r+1}
        ∂L/∂W_r = z_{r+1}ᵀ δ_r,        ∂L/∂b_r = Σ δ_r over the rows

    Args:
        network: of the type of X.
        X: (n, d).
        t: as `losses.targets` gives them.
        loss: the loss or its name.
        weights: one for each row, (n,), or None for equal ones.
        masks: dropout's factors for the output of each hidden layer from input to output, (n, e)
            each, or None.
    """
    loss = get_loss(loss)
    dropped = [*(masks or [None] * (len(network.layers) - 1)), None]
    u, z = [], [X]
    for layer, mask in zip(network.layers, dropped, strict=True):
        u.append(layer.affine(z[-1]))
        z.append(_masked(layer.activation.value(u[-1]), mask))
    a = u[-1] if loss.link else z[-1]
    delta = loss.gradient(a, t, weights)
    if not loss.link:
        delta = network.layers[-1].activation.backward(u[-1], delta)
    return loss.value(a, t, weights), _down(network.layers, u, z, dropped, delta)


def _down(
    layers: Sequence[Layer],
    u: Sequence[Array],
    z: Sequence[Array],
    masks: Sequence[Array | None],
    delta: Array,
) -> Gradients:
    """The gradients from δ_1; the sequences run from input to output, layer i takes z[i]."""
    gradients: Gradients = []
    for i in reversed(range(len(layers))):
        gradients.append((z[i].T @ delta, delta.sum(axis=0)))
        if i > 0:
            g = _masked(delta @ layers[i].W.T, masks[i - 1])
            delta = layers[i - 1].activation.backward(u[i - 1], g)
    return gradients[::-1]


def _masked(z: Array, mask: Array | None) -> Array:
    return z if mask is None else z * mask


def numerical_gradient(f: Callable[[], float], theta: Array, step: float = 1e-6) -> Array:
    """∂f/∂θ by (f(θ + h) − f(θ − h)) / 2h, entry by entry.

    Args:
        f: computes the function from θ as it stands.
        theta: the parameters, float64; changed in place while at work, and put back.
        step: h for entries up to 1 in size; larger ones take ``h·|θ|``.
    """
    gradient = np.empty_like(theta)
    for index in np.ndindex(*theta.shape):
        kept = theta[index]
        h = step * max(1.0, abs(float(kept)))
        theta[index] = kept + h
        above = f()
        theta[index] = kept - h
        gradient[index] = (above - f()) / (2 * h)
        theta[index] = kept
    return gradient


def central_differences(
    network: Network,
    X: Array,
    t: Array,
    loss: str | Loss,
    weights: Array | None = None,
    step: float = 1e-6,
) -> Gradients:
    """The gradient that `backprop` computes, by differences of L alone, in float64.

    Arguments as there. The error is about step² + 1e−16/step; kinks nearer than the step spoil it.
    """
    loss = get_loss(loss)
    wide = network.astype("float64")

    def f() -> float:
        return loss.value(wide.logits(X) if loss.link else wide(X), t, weights)

    return [
        (numerical_gradient(f, layer.W, step), numerical_gradient(f, layer.b, step))
        for layer in wide.layers
    ]
