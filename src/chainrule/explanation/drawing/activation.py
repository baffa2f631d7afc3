"""An activation and its derivative, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.activations import ACTIVATIONS, Activation
from chainrule.activations import get as get_activation
from chainrule.views.data import ActivationCurve, SharesCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REACH, _POINTS = 5.0, 401
_FAR, _NEAR = 1e3, 1e-9  # where limits, and the two sides of a jump, are looked at
_OTHERS, _AT = (0.0, -1.0), (1.0, 0.0, -1.0)


def draw_activation(activation: str | Activation, size: str = "page") -> Figure:
    """φ and φ′ over u from −5 to 5; of softmax, its outputs and its Jacobian.

    Args:
        activation: its name or alias, or one of your own.
        size: "page" or "slide".

    Raises:
        UnknownName: no activation, or no size, is called so.
        MissingExtra: matplotlib is not installed.
    """
    from chainrule.views.pictures import activation as pictures

    phi = get_activation(activation)
    if phi.elementwise:
        return pictures.elementwise(curve(phi), size)
    return pictures.shares(shares(phi), size)


def curve(phi: Activation) -> ActivationCurve:
    """An elementwise activation and its derivative, over a range in which both are legible."""
    top = (
        2.0 if phi is ACTIVATIONS["exponential"] else _REACH
    )  # e⁵ leaves no room for anything else
    u = np.linspace(-_REACH, top, _POINTS)
    u[np.abs(u).argmin()] = 0.0
    z, slope = phi.value(u).astype(np.float64), phi.derivative(u).astype(np.float64)
    sides = phi.derivative(np.array([-_NEAR, 0.0, _NEAR]))
    jumps = [
        (0.0, float(sides[1]), float(side)) for side in sides[[0, 2]] if abs(side - sides[1]) > 1e-6
    ]
    if jumps:
        slope[u == 0] = np.nan
    return ActivationCurve(phi.name, u, z, slope, _limits(phi), tuple(jumps))


def shares(phi: Activation) -> SharesCurve:
    """An activation of a row, as its first number moves."""
    u = np.linspace(-_REACH, _REACH, _POINTS)
    rows = np.column_stack([u, *(np.full_like(u, other) for other in _OTHERS)])
    at = np.array(_AT)
    z, jacobian = phi.value(rows).astype(np.float64), phi.jacobian(at).astype(np.float64)
    return SharesCurve(phi.name, u, _OTHERS, z, _AT, jacobian)


def _limits(phi: Activation) -> tuple[float, ...]:
    """The values that stay the same far from 0, but for 0 itself, where the axis is."""
    found = []
    for sign in (-1.0, 1.0):
        near, far = phi.value(sign * np.array([_FAR, 2 * _FAR]))
        if np.isfinite(far) and abs(far - near) < 1e-9 and abs(far) > 1e-9:
            found.append(round(float(far), 12))
    return tuple(found)
