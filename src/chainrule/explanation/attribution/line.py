"""The straight line from one row to another, and what a network does on it.

The first layer's u is linear in α there. A unit behind it passes the kink of its activation where
its own u is 0: at these places a gradient jumps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.activations import ACTIVATIONS, Activation
from chainrule.arrays import Array
from chainrule.network import Network

_AT_ONCE = 2**21  # numbers of a layer that are computed together
_SAMPLES = 8  # where a unit's u is curved, its sign is looked at so often between two kinks
_STEPS = 60

_KINKED = ("relu", "leaky_relu", "elu", "selu")  # φ, φ′ or φ″ jumps at 0
_STRAIGHT = ("identity", "relu", "leaky_relu")  # made of straight pieces


@dataclass(frozen=True)
class Scalar:
    """One number that a network gives for a row: F = shift + scale · (its output of that index).

    Attributes:
        network: in float64.
        output: the index of the output, from 0.
        shift, scale: 1 and −1 make the probability of the other class of one logistic output; mean
            and spread give a number its own unit.
    """

    network: Network
    output: int
    shift: float = 0.0
    scale: float = 1.0

    def value(self, x: Array) -> float:
        """F(x) at a row (d,)."""
        return float(self.from_first(self.network.layers[0].affine(x)[None])[0])

    def gradient(self, x: Array) -> Array:
        """∂F/∂x at a row (d,): (d,)."""
        first = self.network.layers[0]
        return np.asarray(first.W @ self.slopes(first.affine(x)[None])[0])

    def before(self, i: int, u: Array) -> Array:
        """u of layer i, counted from the input and 0, from that of the first, (n, m)."""
        for layer, after in zip(
            self.network.layers[:i], self.network.layers[1 : i + 1], strict=True
        ):
            u = after.affine(layer.activation.value(u))
        return u

    def from_first(self, u: Array) -> Array:
        """F from the first layer's u (n, m): (n,)."""
        z = self.network.layers[-1].activation.value(self.before(len(self.network.layers) - 1, u))
        return np.asarray(self.shift + self.scale * z[:, self.output])

    def slopes(self, u: Array) -> Array:
        """∂F/∂u of the first layer, (n, m), where that is u."""
        layers = self.network.layers
        us = [u]
        for layer, after in zip(layers, layers[1:], strict=False):
            us.append(after.affine(layer.activation.value(us[-1])))
        g = np.zeros_like(us[-1])
        g[:, self.output] = self.scale
        for layer, here in zip(layers[:0:-1], us[:0:-1], strict=True):
            g = layer.activation.backward(here, g) @ layer.W.T
        return layers[0].activation.backward(u, g)


@dataclass(frozen=True)
class Line:
    """The way from x_0 to x as the first layer's u sees it: u = a + α v.

    Attributes:
        f: F.
        step: x − x_0, (d,).
        a, v: (m,).
        start, end: F(x_0) and F(x).
    """

    f: Scalar
    step: Array
    a: Array
    v: Array
    start: float
    end: float

    @classmethod
    def between(cls, f: Scalar, x_0: Array, x: Array) -> Line:
        """The line from x_0 to x, (d,) each."""
        first = f.network.layers[0]
        step = x - x_0
        return cls(f, step, first.affine(x_0), step @ first.W, f.value(x_0), f.value(x))

    def u(self, alpha: Array) -> Array:
        """The first layer's u at each α, (n, m)."""
        return np.asarray(self.a + alpha[:, None] * self.v)

    def parts(self, count: int, each: int = 1) -> Iterator[slice]:
        """Slices of so many things, as many at a time as memory takes, of `each` points a thing."""
        size = max(1, _AT_ONCE // (each * max(self.f.network.sizes[1:])))
        return (slice(begin, begin + size) for begin in range(0, count, size))

    def values(self, alpha: Array) -> Array:
        """F at each α, (n,)."""
        return np.concatenate(
            [self.f.from_first(self.u(alpha[part])) for part in self.parts(len(alpha))]
        )


def kinks(line: Line) -> Array:
    """0, each α at which a unit passes the kink of its activation, and 1; ascending."""
    ends, straight = np.array([0.0, 1.0]), True
    for i, layer in enumerate(line.f.network.layers):
        phi = layer.activation
        if _is_one_of(_KINKED, phi):
            alpha = ends if straight else _sampled(ends)
            found = [  # each part with the first α of the next
                _zeros(line, i, alpha[part.start : part.stop + 1], straight)
                for part in line.parts(len(alpha) - 1)
            ]
            ends = np.unique(np.concatenate([ends, *found]))
        straight = straight and _is_one_of(_STRAIGHT, phi)
    return ends


def _is_one_of(names: tuple[str, ...], phi: Activation) -> bool:
    """Whether φ is the library's own activation of one of these names."""
    return phi.name in names and ACTIVATIONS[phi.name] is phi


def _sampled(ends: Array) -> Array:
    shares = np.arange(_SAMPLES) / _SAMPLES
    between = ends[:-1, None] + np.diff(ends)[:, None] * shares
    return np.append(between.ravel(), ends[-1])


def _zeros(line: Line, i: int, alpha: Array, straight: bool) -> Array:
    """Where the u of some unit of layer i changes its sign between two neighbours of the α.

    One secant finds it where u is straight between them, else the Illinois method (Dowell & Jarratt
    1971): secants that halve the value of an end which stays.
    """
    u = line.f.before(i, line.u(alpha))  # (n, m)
    signs = np.sign(u)
    k, j = np.nonzero(signs[:-1] * signs[1:] < 0)
    a, b, f_a, f_b = alpha[k], alpha[k + 1], u[k, j], u[k + 1, j]
    c = _secant(a, b, f_a, f_b)
    if straight or not len(k):
        return c
    for _ in range(_STEPS):
        f_c = line.f.before(i, line.u(c))[np.arange(len(c)), j]
        crossed = np.sign(f_c) != np.sign(f_b)
        a, f_a = np.where(crossed, b, a), np.where(crossed, f_b, f_a / 2)
        b, f_b = c, f_c
        moved = _secant(a, b, f_a, f_b)
        if np.abs(moved - c).max() <= 4 * np.finfo(np.float64).eps:
            return moved
        c = moved
    return c


def _secant(a: Array, b: Array, f_a: Array, f_b: Array) -> Array:
    """Where the straight line through two points is 0; b where that is one already."""
    apart = f_b - f_a
    share = np.divide(f_b, apart, out=np.zeros_like(f_b), where=(apart != 0) & (f_b != 0))
    return np.asarray(b - (b - a) * share)
