"""The plane of the data as each layer bends it.

A layer of two units shows its plane as it is; of more, the two directions in which the data vary
most (Pearson 1901); of one, a line, with the classes one above the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.arrays import Array
from chainrule.explanation.drawing.diagram import stage_name
from chainrule.explanation.drawing.plane import GRID, Lookout
from chainrule.explanation.subject import Subject
from chainrule.network import Network
from chainrule.views import words
from chainrule.views.data import Bend, Numbers, Plane
from chainrule.views.layout import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 13  # of each direction
MOST = {"page": 9, "slide": 8}  # panels


def bending(subject: Subject, lookout: Lookout, size: str = "page") -> Figure:
    """The data and a grid of lines before the first layer, and after each.

    Args:
        subject: the network, and the rows.
        lookout: the plane.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    from chainrule.views.pictures.bending import bending as picture

    found = bends(subject, lookout)
    kept, _ = shown(len(found), MOST.get(size, len(found)))
    left = len(found) - len(kept)
    title = "The plane as each layer bends it" + (
        f"; {words.many(left, 'layer')} not shown" if left else ""
    )
    return picture(lookout.plane, [found[k] for k in kept], title, size)


def bends(subject: Subject, lookout: Lookout) -> list[Bend]:
    """The rows and the lines, as the input and after each layer."""
    network = subject.network
    at = np.linspace(0, GRID - 1, LINES).round().astype(np.int64)
    rows = lookout.X.reshape(GRID, GRID, -1)
    lines = np.concatenate([rows[:, at].swapaxes(0, 1), rows[at]])  # (2 · LINES, GRID, d)
    x, y = lookout.plane.x, lookout.plane.y
    there = np.stack(np.meshgrid(x, y), axis=-1)
    drawn = np.concatenate([there[:, at].swapaxes(0, 1), there[at]])
    with np.errstate(over="ignore", invalid="ignore"):
        of_lines = network.trace(lines.reshape(-1, lines.shape[-1])).z
        of_rows = network.trace(subject.X[lookout.shown]).z
    first = Bend(
        f"z_{len(network.layers) + 1} = x", "", lookout.plane.axes, lookout.plane.points, drawn
    )
    return [
        first,
        *(
            _bend(network, r, of_rows[r].astype(np.float64), of_lines[r], lookout.plane)
            for r in range(len(network.layers), 0, -1)
        ),
    ]


def _bend(network: Network, r: int, z: Numbers, lines: Array, plane: Plane) -> Bend:
    """After layer r: its outputs for the rows (n, m) and for the points of all lines."""
    name, m = stage_name(network, r), z.shape[1]
    flat = lines.astype(np.float64)
    if m == 1:
        return _on_a_line(network, r, name, z, plane)
    if m == 2:
        axes, note, points, bent = ("unit 1", "unit 2"), "", z, flat
    else:
        points, bent, share = _projected(z, flat)
        axes = ("component 1", "component 2")
        note = f"2 of {m} dimensions, {100 * share:.0f} %"
    borders = _border(network, points) if r == 2 and m == 2 else ()
    return Bend(name, note, axes, points, bent.reshape(2 * LINES, GRID, 2), borders)


def _on_a_line(network: Network, r: int, name: str, z: Numbers, plane: Plane) -> Bend:
    """A layer of one unit: its value to the right, the classes upwards."""
    height = np.nan_to_num(plane.values) if plane.classes else np.zeros(len(z))
    points = np.column_stack([z[:, 0], height])
    half = r == 1 and network.activations[-1] == "logistic"
    top = float(height.max())
    border = np.array([[0.5, -0.12 * (top or 1)], [0.5, top + 0.12 * (top or 1)]])
    return Bend(name, "", ("unit 1", ""), points, np.empty((0, 0, 2)), (border,) if half else ())


def _projected(z: Numbers, others: Numbers) -> tuple[Numbers, Numbers, float]:
    """Both in the two directions in which z (n, m) varies most, and their share of its variance."""
    mean = z.mean(axis=0)
    _, spread, directions = np.linalg.svd(z - mean, full_matrices=False)
    V = directions[:2].T  # (m, 2)
    V = V * np.sign(V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])])
    variance = spread**2
    share = float(variance[:2].sum() / (variance.sum() or 1.0))
    return (z - mean) @ V, (others - mean) @ V, share


def _border(network: Network, points: Numbers) -> tuple[Numbers, ...]:
    """Where the output layer, given two numbers, changes between two classes: w·z + b = 0."""
    W, b = (part.astype(np.float64) for part in (network.layer(1).W, network.layer(1).b))
    output = network.activations[-1]
    if output == "softmax" and len(b) == 2:
        w, c = W[:, 1] - W[:, 0], b[1] - b[0]
    elif output == "logistic" and len(b) == 1:
        w, c = W[:, 0], b[0]
    else:
        return ()
    if not w.any():
        return ()
    foot = -c * w / (w @ w)  # the point of the line that is nearest to 0
    along = np.array([-w[1], w[0]]) / np.linalg.norm(w)
    far = 2 * float(np.abs(points - foot).max() + 1)
    return (np.stack([foot - far * along, foot + far * along]),)
