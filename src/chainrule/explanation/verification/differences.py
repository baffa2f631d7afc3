"""The gradient by differences of the loss alone: no derivative of anything is used.

An entry θ of W_r or b_r moves one column of u_{r+1} by h·z, and the network is run on from there,
at five points:

    ∂L/∂θ ≈ (8 (L(θ + h) − L(θ − h)) − (L(θ + 2h) − L(θ − 2h))) / 12h

The error of cutting off the series is of the order h⁴, that of rounding of ε/h, and both are alike
at h = ε^(1/5) ≈ 7e-4 (Press et al., Numerical Recipes, 3rd edition, section 5.7). Several h are
tried, each a quarter of the last, and for each row of data the one taken at which two neighbours
agree best; how far they are apart is its error. Steps over a kink that is known by the name of its
activation are not used. One that is not, and that u stands on, is seen by the slopes of its two
sides: with S(h) = ℓ(θ + h) + ℓ(θ − h) − 2ℓ(θ) they differ by J = (4 S(h) − S(2h)) / 2h, up to h³,
and J/2 is added to the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.activations import ACTIVATIONS, Activation
from chainrule.arrays import Array
from chainrule.losses import Loss
from chainrule.network import Network

LARGEST_STEP = float(np.finfo(np.float64).eps) ** 0.2  # 7.4e-4
STEPS = tuple(LARGEST_STEP / 4**k for k in range(8))
_ENOUGH = 3  # so many steps where no kink is near
_POINTS = np.array([-2.0, -1.0, 1.0, 2.0])
_WEIGHTS = np.array([1.0, -8.0, 8.0, -1.0]) / 12
_BENDS = np.array([-1.0, 4.0, 4.0, -1.0]) / 2  # what a parabola has none of
_VALUE = 100  # multiplications take as long as one number of φ
_AT_ONCE = 2**21  # numbers of a layer that are computed together
_KINKED = ("relu", "leaky_relu", "elu", "selu")  # φ, φ′ or φ″ jumps at 0

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """What was measured of ∂L/∂W_r or ∂L/∂b_r.

    Attributes:
        where: (m,), the entries, as indices into the flat array.
        values: (m,), the derivatives; nan where every step of some row crosses a kink.
        errors: (m,), how far two steps were apart; inf there.
    """

    where: Indices
    values: Array
    errors: Array

    @property
    def kinks(self) -> int:
        """How many entries have a kink within the smallest steps."""
        return int(np.isnan(self.values).sum())


class Differences:
    """A network, rows and a loss, all float64, whose gradient is measured."""

    def __init__(self, network: Network, X: Array, t: Array, loss: Loss) -> None:
        """Run the rows through once.

        Args:
            network: in float64.
            X: (n, d), float64.
            t: as `losses.targets` gives them.
            loss: the loss.
        """
        self.layers, self.loss, self.t = network.layers, loss, t
        self.z, self.u = [X], []
        for layer in self.layers:
            self.u.append(layer.affine(self.z[-1]))
            self.z.append(layer.activation.value(self.u[-1]))
        self.ell = loss.rows(self.u[-1] if loss.link else self.z[-1], t)

    def by_W(self, i: int, where: Indices) -> Measured:
        """Entries of ∂L/∂W of the layer that is i-th from the input, counted from 0."""
        a, b = np.unravel_index(where, self.layers[i].W.shape)
        return self._measured(i, where, self.z[i].T[a], np.asarray(b))

    def by_b(self, i: int, where: Indices) -> Measured:
        """The same for ∂L/∂b."""
        return self._measured(i, where, np.ones((len(where), len(self.z[0]))), where)

    def work(self, i: int) -> int:
        """Multiplications, about, that one entry of layer i takes at one step."""
        after = self.layers[i + 1 :]
        products = sum(layer.inputs * layer.outputs for layer in after)
        values = sum(layer.outputs for layer in self.layers[i:])
        return len(_POINTS) * len(self.t) * (products + _VALUE * values)

    def _measured(self, i: int, where: Indices, pushes: Array, columns: Indices) -> Measured:
        """With the entry at its place in `where`, u of the rows moves by `pushes` (m, n) per unit."""
        size = np.abs(pushes).max(axis=1)
        found, errors = np.empty(len(where)), np.empty(len(where))
        for part in self._parts(len(where)):
            found[part], errors[part] = self._best(i, pushes[part], size[part], columns[part])
        return Measured(where, found, errors)

    def _parts(self, count: int) -> Iterator[slice]:
        wide = max(layer.outputs for layer in self.layers)
        together = max(1, _AT_ONCE // (len(_POINTS) * len(self.t) * wide))
        return (slice(begin, begin + together) for begin in range(0, count, together))

    def _best(self, i: int, pushes: Array, size: Array, columns: Indices) -> tuple[Array, Array]:
        """∂L/∂θ of each entry and its error: each row by the step that is best for it."""
        chosen, errors = np.full(pushes.shape, np.nan), np.full(pushes.shape, np.inf)
        last = chosen
        for k, step in enumerate(STEPS):
            if k >= _ENOUGH and np.isfinite(errors).all():
                break
            estimate, jump = self._estimate(i, pushes, step / np.maximum(1.0, size), columns)
            gap = np.abs(estimate - last) + jump / 2
            better = gap < errors  # where one of the two is nan, it is not
            chosen, errors = np.where(better, last, chosen), np.where(better, gap, errors)
            last = estimate
        return chosen.mean(axis=1), errors.mean(axis=1)

    def _estimate(self, i: int, pushes: Array, h: Array, columns: Indices) -> tuple[Array, Array]:
        """∂ℓ/∂θ of each entry and row, (m, n), and |J|, with the entries' steps; nan over a kink."""
        m, n = pushes.shape
        U = np.broadcast_to(self.u[i], (m, len(_POINTS), *self.u[i].shape)).copy()
        shifts = (h[:, None] * pushes)[:, None, :] * _POINTS[:, None]  # (m, 4, n)
        U[np.arange(m), :, :, columns] += shifts
        ell, crossed = self._run_on(i, U.reshape(-1, U.shape[-1]))
        moved = ell.reshape(m, len(_POINTS), n) - self.ell
        by_row = np.einsum("p,mpn->mn", _WEIGHTS, moved) / h[:, None]
        jump = np.abs(np.einsum("p,mpn->mn", _BENDS, moved)) / h[:, None]
        return np.where(crossed.reshape(m, len(_POINTS), n).any(axis=1), np.nan, by_row), jump

    def _run_on(self, i: int, u: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """From u of layer i, many times the rows: the loss of each, and whether a sign changed."""
        times = len(u) // len(self.t)
        crossed, z = np.zeros(len(u), bool), u
        for k in range(i, len(self.layers)):
            phi = self.layers[k].activation
            u = u if k == i else self.layers[k].affine(z)
            if _kinked(phi):
                before = np.tile(np.sign(self.u[k]), (times, 1))
                crossed |= (np.sign(u) != before).any(axis=1)
            z = phi.value(u)
        a = u if self.loss.link else z
        return self.loss.rows(a, np.tile(self.t, (times, 1))), crossed


def _kinked(phi: Activation) -> bool:
    """Whether it is the library's own activation of one of these names."""
    return phi.name in _KINKED and ACTIVATIONS[phi.name] is phi
