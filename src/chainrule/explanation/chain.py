"""The chain rule for the rows that are explained, layer by layer from the output down.

Nothing larger than a layer's matrix is built: the tensor ∂g/∂W is made from its parts where it is
shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.activations import Activation
from chainrule.activations import get as get_activation
from chainrule.arrays import Array
from chainrule.losses import Loss
from chainrule.network import Layer, Network


@dataclass(frozen=True, eq=False)
class Link:
    """What layer r adds to the chain, for n rows.

    Attributes:
        r: the lecture's number; 1 is the output layer.
        layer: W_r (d, e), b_r and φ_r.
        phi: φ_r; for the output layer the link of a loss that has one.
        z: z_{r+1}, what the layer was given, (n, d).
        u: u_{r+1}, (n, e).
        above: ∂L/∂z_r, (n, e): the product of all factors down to this layer.
        delta: ∂L/∂u_{r+1} = ∂L/∂z_r·∇φ_r, (n, e).
    """

    r: int
    layer: Layer
    phi: Activation
    z: Array
    u: Array
    above: Array
    delta: Array

    @cached_property
    def by_W(self) -> Array:
        """∂L/∂W_r = z_{r+1}ᵀ·∂L/∂u_{r+1}, (d, e)."""
        return np.asarray(self.z.T @ self.delta)

    @cached_property
    def by_b(self) -> Array:
        """∂L/∂b_r, the sum of ∂L/∂u_{r+1} over the rows, (e,)."""
        return np.asarray(self.delta.sum(axis=0))

    @cached_property
    def below(self) -> Array:
        """∂L/∂z_{r+1} = ∂L/∂u_{r+1}·W_rᵀ, (n, d)."""
        return np.asarray(self.delta @ self.layer.W.T)

    @cached_property
    def slope(self) -> Array:
        """The diagonal of ∇φ_r for the first row, (e,), where it is diagonal."""
        return self.phi.derivative(self.u[0])

    def nabla(self) -> Array:
        """∇φ_r for the first row, (e, e)."""
        return self.phi.jacobian(self.u[0])

    def by_z(self) -> Array:
        """∂g_r/∂z_{r+1} = ∇φ_r·W_rᵀ for the first row, (e, d)."""
        W = self.layer.W.T
        return self.slope[:, None] * W if self.phi.elementwise else np.asarray(self.nabla() @ W)


@dataclass(frozen=True, eq=False)
class Chain:
    """The way from x to L and back, for n rows; L is the mean over them.

    Attributes:
        x: (n, d).
        t: the targets as the loss takes them, or None: then there is no way back.
        output: z_1, (n, k).
        value: L, or None.
        links: of layers 1, 2, … to the input; `above` and what follows from it are only there with
            targets.
        merged: whether ∂L/∂z_1 is infinite, so that ∂L/∂u_2 stands in its place.
    """

    x: Array
    t: Array | None
    output: Array
    value: float | None
    links: tuple[Link, ...]
    merged: bool


def chain(network: Network, X: Array, t: Array | None, loss: Loss) -> Chain:
    """Follow rows through a network, and where there are targets the gradient back.

    Args:
        network: in float64.
        X: (n, d), float64.
        t: as `losses.targets` gives them, or None.
        loss: the loss.
    """
    trace = network.trace(X)
    count = len(network.layers)
    phi = {r: network.layer(r).activation for r in range(1, count + 1)}
    if loss.link is not None:
        phi[1] = get_activation(loss.link)
    u_2 = trace.u[2]
    z_1 = phi[1].value(u_2)
    above = np.zeros_like(z_1) if t is None else loss.output_gradient(z_1, t)
    merged = not np.isfinite(above).all()
    links: list[Link] = []
    for r in range(1, count + 1):
        u = trace.u[r + 1]
        if r == 1 and t is not None and loss.link is not None:
            delta = loss.gradient(u, t)  # the same product, and finite where a factor is not
        else:
            delta = phi[r].backward(u, above)
        link = Link(r, network.layer(r), phi[r], trace.z[r + 1], u, above, delta)
        links.append(link)
        above = link.below
    value = None if t is None else loss.value(u_2 if loss.link else z_1, t)
    return Chain(X, t, z_1, value, tuple(links), merged)
