"""An activation: its value and its derivative side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.views.data import ActivationCurve, Numbers, SharesCurve
from chainrule.views.layout import lowered, signed
from chainrule.views.pens import COLOURS
from chainrule.views.pictures.look import FAINT, GREY, TITLE, Look, look, new_figure, write_legend
from chainrule.views.pictures.signs import signed_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 2.5  # inches, of a page's panels
_DASHES = ("-", "--", "-.")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def elementwise(curve: ActivationCurve, size: str = "page") -> Figure:
    """φ at the left and φ′ at the right.

    Their values at 0 have a dot and are written beside it. A dashed line is a value that φ comes
    near to. Where φ′ jumps, the dot is its value there, and the ring the one that it comes near to.

    Args:
        curve: the activation.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    figure = new_figure(sizes.width, sizes.height or TITLE + _HEIGHT, curve.title, sizes)
    left, right = figure.subplots(1, 2)
    for ax, values, name in ((left, curve.z, "φ(u)"), (right, curve.slope, "φ′(u)")):
        _cross(ax, sizes, name)
        ax.plot(curve.u, values, color=COLOURS[0], linewidth=1.6 * sizes.line, zorder=3)
        ax.margins(x=0)
    for limit in curve.limits:
        _limit(left, curve, limit, sizes)
    middle = int(np.abs(curve.u).argmin())
    _value(left, "φ", curve.u[middle], curve.z[middle], sizes)
    for u, taken, missed in curve.jumps:
        right.plot([u], [missed], **_dot(sizes), markerfacecolor="white")
        _value(right, "φ′", u, taken, sizes)
    if not curve.jumps:
        _value(right, "φ′", curve.u[middle], curve.slope[middle], sizes)
    return figure


def shares(curve: SharesCurve, size: str = "page") -> Figure:
    """The outputs as the first input moves, at the left, and the Jacobian at one place.

    Args:
        curve: the activation.
        size: "page" or "slide".

    Raises:
        UnknownName: another size.
        MissingExtra: matplotlib is not installed.
    """
    sizes = look(size)
    figure = new_figure(sizes.width, sizes.height or TITLE + _HEIGHT, curve.title, sizes)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    others = ", ".join(signed(other) for other in curve.others)
    _cross(left, sizes, f"z = φ(u, {others})")
    drawn = [
        left.plot(
            curve.u, z, color=COLOURS[k], linestyle=_DASHES[k % 3], linewidth=1.6 * sizes.line
        )[0]
        for k, z in enumerate(curve.z.T)
    ]
    left.margins(x=0)
    left.axvline(curve.at[0], color=GREY, linewidth=0.7 * sizes.line, linestyle=":")
    write_legend(left, [(_output(k), line) for k, line in enumerate(drawn)], sizes, "output")
    _matrix(right, curve.jacobian, f"∇φ at ({', '.join(signed(x) for x in curve.at)})", sizes)
    return figure


def _dot(sizes: Look) -> dict[str, Any]:
    return {"marker": "o", "markersize": 1.5 * sizes.mark, "color": COLOURS[0], "zorder": 4}


def _value(ax: Axes, name: str, u: float, value: float, sizes: Look) -> None:
    """A dot, and its numbers at the upper left: none of these curves goes there."""
    ax.plot([u], [value], **_dot(sizes))
    gap = 1.1 * sizes.mark
    ax.annotate(
        f"{name}({signed(u)}) = {signed(value)}",
        (u, value),
        (-gap, gap),
        textcoords="offset points",
        ha="right",
        fontsize=sizes.small,
        parse_math=False,
    )
    ax.margins(y=0.14)  # room above a summit


def _limit(ax: Axes, curve: ActivationCurve, limit: float, sizes: Look) -> None:
    """A dashed line, and its number at the end that the curve is far from."""
    ax.axhline(limit, color=GREY, linewidth=0.7 * sizes.line, linestyle="--")
    end = int(np.abs(curve.z[[0, -1]] - limit).argmax())
    ax.annotate(
        f"limit {signed(limit)}",
        (curve.u[[0, -1]][end], limit),
        (0, 0.8 * sizes.mark),
        textcoords="offset points",
        ha="right" if end else "left",
        fontsize=sizes.small,
    )


def _cross(ax: Axes, sizes: Look, name: str) -> None:
    """Axes through 0, and a name above."""
    ax.axhline(0, color=GREY, linewidth=0.6 * sizes.line)
    ax.axvline(0, color=GREY, linewidth=0.6 * sizes.line)
    ax.grid(color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_title(name, fontsize=sizes.text, parse_math=False)
    ax.set_xlabel("u", fontsize=sizes.small)
    ax.tick_params(labelsize=sizes.small, length=2)
    ax.locator_params(axis="y", nbins=6)
    ax.spines[:].set_visible(False)


def _matrix(ax: Axes, values: Numbers, name: str, sizes: Look) -> None:
    """Numbers in coloured squares, a row for each output and a column for each input."""
    top = float(abs(values).max())
    ax.imshow(values, cmap=signed_map(), vmin=-1.4 * top, vmax=1.4 * top)  # black type is legible
    for (i, j), value in _entries(values):
        ax.text(
            j, i, f"{value:.3f}".replace("-", "−"), ha="center", va="center", fontsize=sizes.small
        )
    ax.set_title(name, fontsize=sizes.text, parse_math=False)
    inputs = [lowered(f"u_{k + 1}") for k in range(values.shape[1])]
    outputs = [_output(k) for k in range(values.shape[0])]
    ax.set_xticks(range(len(inputs)), inputs)
    ax.set_yticks(range(len(outputs)), outputs)
    ax.tick_params(labelsize=sizes.small, length=0)


def _output(k: int) -> str:
    """The name of an output, counted from 0: "z⁽¹⁾" of the first."""
    return f"z⁽{str(k + 1).translate(_RAISED)}⁾"


def _entries(values: Numbers) -> list[tuple[tuple[int, int], float]]:
    rows, columns = values.shape
    return [((i, j), float(values[i, j])) for i in range(rows) for j in range(columns)]
