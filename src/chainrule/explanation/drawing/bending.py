"""The plane of the data as each layer bends it.

A layer of two units shows its plane as it is; of more, the two directions in which the data vary
most (Pearson 1901); of one, a line, with the classes one above the other.

The straight line that separates the classes after the last hidden layer of two units is the story
of the lecture's ¬XOR: the network bends the plane until such a line is there.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from chainrule import losses
from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.explanation.drawing.diagram import stage_name
from chainrule.explanation.drawing.plane import GRID, Lookout
from chainrule.explanation.subject import Subject
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
        InvalidValue: a layer gives some rows numbers that are not finite.
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
    layers = range(len(network.layers), 0, -1)
    return [first, *(_bend(subject, r, of_rows[r], of_lines[r], lookout.plane) for r in layers)]


def _bend(subject: Subject, r: int, of_rows: Array, of_lines: Array, plane: Plane) -> Bend:
    """After layer r: its outputs for the rows (n, m) and for the points of all lines."""
    name, m = stage_name(subject.network, r), of_rows.shape[1]
    z, lines = of_rows.astype(np.float64), of_lines.astype(np.float64)
    if not np.isfinite(z).all():
        raise InvalidValue(
            f"layer {r} gives some rows numbers that are not finite: they cannot be drawn"
        )
    if m == 1:
        return _on_a_line(subject, r, name, z[:, 0], plane)
    if m == 2:
        axes, note, points = ("unit 1", "unit 2"), "", z
    else:
        points, lines, share = _projected(z, lines)
        axes = ("component 1", "component 2")
        note = f"2 of {m:,} dimensions, {100 * share:.0f} % of variance"
    borders = _borders(subject, r, points) if m == 2 else ()
    return Bend(name, note, axes, points, lines.reshape(2 * LINES, GRID, 2), borders)


def _on_a_line(subject: Subject, r: int, name: str, z: Numbers, plane: Plane) -> Bend:
    """A layer of one unit: its value to the right; upwards the class or the target, if known."""
    known = bool(np.isfinite(plane.values).all())
    points = np.column_stack([z, plane.values if known else np.zeros(len(z))])
    axes = ("unit 1", (subject.target or "target") if known and not plane.classes else "")
    borders: tuple[Numbers, ...] = ()
    if r == 1 and link_of(subject) == "logistic":
        half = 0.5 if subject.network.activations[-1] == "logistic" else 0.0
        borders = (np.array([[half, -1.0], [half, len(plane.classes)]]),)
    return Bend(name, "", axes, points, np.empty((0, 0, 2)), borders)


def link_of(subject: Subject) -> str | None:
    """What makes probabilities of the last u, "logistic" or "softmax"; None for other answers."""
    link = losses.get(subject.loss).link or subject.network.activations[-1]
    return link if subject.classes and link in ("logistic", "softmax") else None


def _projected(z: Numbers, others: Numbers) -> tuple[Numbers, Numbers, float]:
    """Both in the two directions in which z (n, m) varies most, and their share of its variance."""
    mean = z.mean(axis=0)
    _, spread, directions = np.linalg.svd(z - mean, full_matrices=True)
    V = directions[:2].T  # (m, 2)
    V = V * np.sign(V[np.abs(V).argmax(axis=0), [0, 1]])  # the sign is a matter of taste
    variance = spread**2
    share = float(variance[:2].sum() / (variance.sum() or 1.0))
    return (z - mean) @ V, (others - mean) @ V, share


def _borders(subject: Subject, r: int, points: Numbers) -> tuple[Numbers, ...]:
    """Where the most probable class changes, in the plane of a layer of two units.

    Straight lines they are after the last hidden layer, where the scores of the classes are
    z_2 W_1 + b_1, and after the output layer, where they are z_1 itself.
    """
    link, output = link_of(subject), subject.network.layer(1)
    if link is None or r > 2:
        return ()
    if r == 1:
        W, b = np.eye(2), np.zeros(2)
    else:
        W, b = output.W.astype(np.float64), output.b.astype(np.float64)
    if link == "logistic":  # the other class has the score 0
        W, b = np.hstack([np.zeros((2, 1)), W]), np.append(0.0, b)
    pairs = combinations(range(len(b)), 2)
    found = (_between(W, b, i, j, points) for i, j in pairs)
    return tuple(border for border in found if border is not None)


def _between(W: Numbers, b: Numbers, i: int, j: int, points: Numbers) -> Numbers | None:
    """Where classes i and j have the same score and no class a higher one; None where nowhere.

    Args:
        W: (2, k), the scores of the classes at z are z W + b.
        b: (k,).
        i: the number of a class.
        j: that of another.
        points: (n, 2); the line reaches far beyond them.
    """
    w, c = W[:, j] - W[:, i], b[j] - b[i]
    if not w.any():
        return None
    foot = -c * w / (w @ w)  # the point of the line that is nearest to 0
    along = np.array([-w[1], w[0]]) / np.linalg.norm(w)
    far = 2 * float(np.abs(points - foot).max() + 1)
    low, high = -far, far
    slopes = along @ (W - W[:, [i]])  # of the other scores above this one, along the line
    starts = foot @ (W - W[:, [i]]) + b - b[i]
    for k in set(range(len(b))) - {i, j}:
        if slopes[k] > 0:
            high = min(high, -starts[k] / slopes[k])
        elif slopes[k] < 0:
            low = max(low, -starts[k] / slopes[k])
        elif starts[k] > 0:
            return None
    return np.stack([foot + low * along, foot + high * along]) if low < high else None
