"""The integral of a gradient along the straight line from one row to another.

With F(x) a number that a network gives and x_0 the row to start from, the integrated gradients are

    IG_i = (x_i − x_0i) ∫₀¹ ∂F/∂x_i (x_0 + α (x − x_0)) dα        and        Σ_i IG_i = F(x) − F(x_0)

(Sundararajan, Taly & Yan 2017, equation 1 and proposition 1). The line is cut where a unit passes
the kink of its activation, and each piece is integrated by Gauss and Kronrod's rule, halved until
its error is small. On the line the first layer's u is linear in α, so that only ∂F/∂u of the first
layer is integrated; its W then stands before the integral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.explanation.attribution.line import Line, Scalar, kinks

PROMISE = 1e-6  # of the remainder, as a share of |F(x) − F(x_0)| or of 1, whichever is more
MOST_POINTS = 500_000
_GOAL = 1e-9  # what is aimed at, as a share of the same
_HALVINGS = 50
_STAYS = 0.6  # of the error of a piece; at an unknown kink half of it is left, elsewhere less
# Gauss–Kronrod, 7 and 15 points on [−1, 1] (Piessens et al. 1983, QUADPACK, qk15), from the end to
# the middle; every second point is one of Gauss's.
_K_NODES = (
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144691693013,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
)
_K_WEIGHTS = (
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
    0.209482141084727828012999174891714,
)
_G_WEIGHTS = (
    0.129484966168869693270611432679082,
    0.279705391489276667901467771423780,
    0.381830050505118944950369775488975,
    0.417959183673469387755102040816327,
)


def _rule() -> tuple[Array, Array, Array]:
    """Nodes on [0, 1], Kronrod's weights and Gauss's (0 where it has no point), (15,) each."""
    nodes = np.array([-node for node in _K_NODES] + [0.0, *reversed(_K_NODES)])
    kronrod = np.array([*_K_WEIGHTS, *reversed(_K_WEIGHTS[:-1])])
    gauss = np.zeros(15)
    gauss[1::2] = (*_G_WEIGHTS, *reversed(_G_WEIGHTS[:-1]))
    return (1 + nodes) / 2, kronrod / 2, gauss / 2


_NODES, _KRONROD, _GAUSS = _rule()


@dataclass(frozen=True)
class PathIntegral:
    """Integrated gradients, and how well they were reached.

    Attributes:
        integrated: IG, (d,).
        start, end: F(x_0) and F(x).
        points: how often the gradient was computed.
        remainder: |Σ IG − (F(x) − F(x_0))|.
    """

    integrated: Array
    start: float
    end: float
    points: int
    remainder: float


def integrated_gradients(f: Scalar, x_0: Array, x: Array) -> PathIntegral:
    """The integrated gradients of F from x_0 to x, (d,) each.

    Raises:
        InvalidValue: F is not finite at an end of the line; or the sum is not what F changes by, to
            `PROMISE`, or what is known of the error of the integrated gradients is more than that
            share of their sizes.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
        line = Line.between(f, x_0, x)
        total = line.end - line.start
        for where, value in (("the baseline", line.start), ("the row", line.end)):
            if not np.isfinite(value):
                raise InvalidValue(f"at {where} the network's output is not finite: {value}")
        D, points, error = _integral(line, _GOAL * max(1.0, abs(total)))
    integrated = line.step * (f.network.layers[0].W @ D)
    remainder = float(abs(integrated.sum() - total))
    size = max(1.0, abs(total))
    if not (remainder <= PROMISE * size and error <= PROMISE * max(size, np.abs(integrated).sum())):
        raise InvalidValue(
            f"the integral from the baseline to the row was not reached: after {points:,} points it "
            f"may be off by {max(remainder, error):.2g}; choose a baseline nearer to the row"
        )
    return PathIntegral(integrated, line.start, line.end, points, remainder)


def _integral(line: Line, goal: float) -> tuple[Array, int, float]:
    """∫₀¹ ∂F/∂u dα of the first layer's u, (m,); how many points it took, and an error bound."""
    D = np.zeros_like(line.v)
    points, error, done = 0, 0.0, 0
    ends = kinks(line)
    pieces = np.stack([ends[:-1], ends[1:]], axis=1)  # (n, 2), from and to
    before = np.full(len(pieces), np.inf)  # the errors of what they are halves of
    for halving in range(_HALVINGS + 1):
        last = halving == _HALVINGS or points + 2 * 15 * len(pieces) > MOST_POINTS
        tolerated = goal / 2 / (done + len(pieces))
        left, left_errors = [], []
        for part in line.parts(len(pieces), each=15):
            integrals, errors, floor = _measured(line, pieces[part])
            stays = errors > _STAYS * before[part]  # halving does not help against rounding
            fine = last | (errors <= np.maximum(tolerated, floor)) | (stays & (errors <= goal))
            D += integrals[fine].sum(axis=0)
            error += float(errors[fine].sum())
            done += int(fine.sum())
            points += 15 * len(errors)
            left.append(pieces[part][~fine])
            left_errors.append(errors[~fine])
        pieces, before = _halved(np.concatenate(left)), np.tile(np.concatenate(left_errors), 2)
        if not len(pieces):
            break
    return D, points, error


def _measured(line: Line, pieces: Array) -> tuple[Array, Array, Array]:
    """∫ ∂F/∂u dα over each piece (n, m), its error (n,), and what of it is only rounding (n,)."""
    W = line.f.network.layers[0].W
    begin, width = pieces[:, :1], pieces[:, 1:] - pieces[:, :1]
    alpha = begin + width * _NODES  # (n, 15)
    slopes = line.f.slopes(line.u(alpha.ravel())).reshape(len(pieces), 15, -1)
    kronrod = width * np.einsum("k,nkm->nm", _KRONROD, slopes)
    gauss = width * np.einsum("k,nkm->nm", _GAUSS, slopes)
    between = (np.abs(line.step) * np.abs((kronrod - gauss) @ W.T)).sum(axis=1)
    F = line.values(pieces.ravel()).reshape(-1, 2)
    missed = np.abs(kronrod @ line.v - (F[:, 1] - F[:, 0]))  # what the sum is known to lack
    sizes = np.abs(F).max(axis=1) + np.abs(kronrod) @ np.abs(line.v)
    return kronrod, np.maximum(between, missed), 64 * np.finfo(np.float64).eps * sizes


def _halved(pieces: Array) -> Array:
    middle = pieces.mean(axis=1)
    return np.concatenate(
        [np.stack([pieces[:, 0], middle], axis=1), np.stack([middle, pieces[:, 1]], axis=1)]
    )
