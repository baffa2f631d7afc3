"""A network as circles and lines: what `views` needs to draw it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue, ShapeError
from chainrule.explanation import letters
from chainrule.network import Layer, Network
from chainrule.views.data import Diagram, Numbers, Stage
from chainrule.views.mathematics import raised


def diagram(
    network: Network,
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    row: npt.ArrayLike | None = None,
    title: str = "",
    row_name: str = "a row",
) -> Diagram:
    """The network, its circles filled by the biases, or by what it computes for a row.

    Args:
        network: what is drawn.
        inputs: names of the d numbers of a row; x⁽¹⁾, x⁽²⁾, … without them.
        outputs: names of the k outputs.
        row: (d,), whose z fill the circles.
        title: stands above; the sizes of the layers without it.
        row_name: what the row is called.

    Raises:
        InvalidValue: a parameter is not finite.
        ShapeError: the row or the names do not fit the network.
    """
    _check(network, inputs, outputs)
    return Diagram(
        title or f"Network {'-'.join(map(str, network.sizes))}",
        tuple(
            Stage(stage_name(network, r), names, values)
            for r, names, values in zip(
                range(len(network.layers) + 1, 0, -1),
                _names(network, inputs, outputs),
                _values(network, row),
                strict=True,
            )
        ),
        tuple(layer.W.astype(np.float64) for layer in network.layers),
        "bias b" if row is None else f"x and z of {row_name}",
    )


def stage_name(network: Network, r: int) -> str:
    """What z_r is, as "z_2 = ReLU(u_3)"."""
    if r > len(network.layers):
        return f"z_{r} = x"
    return f"z_{r} = {letters.value(network.layer(r).activation, f'u_{r + 1}')}"


def unit_names(count: int) -> tuple[str, ...]:
    """Units are numbered from 1, as the components of z are."""
    return tuple(f"unit {j + 1}" for j in range(count))


def _check(network: Network, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for what, names, count in (
        ("inputs", inputs, network.sizes[0]),
        ("outputs", outputs, network.sizes[-1]),
    ):
        if names and len(names) != count:
            raise ShapeError(f"the network has {count} {what}, got {len(names)} names for them")
    for r in range(len(network.layers), 0, -1):
        if not _finite(network.layer(r)):
            raise InvalidValue(f"layer {r} holds numbers that are not finite: nothing can be drawn")


def _finite(layer: Layer) -> bool:
    return bool(np.isfinite(layer.W).all() and np.isfinite(layer.b).all())


def _names(
    network: Network, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    d, *hidden, k = network.sizes
    first = tuple(inputs) or tuple(f"x{raised(i + 1)}" for i in range(d))
    last = tuple(outputs) or tuple(f"z₁{raised(j + 1)}" if k > 1 else "z₁" for j in range(k))
    return (first, *map(unit_names, hidden), last)


def _values(network: Network, row: npt.ArrayLike | None) -> tuple[Numbers, ...]:
    if row is None:
        biases = [layer.b.astype(np.float64) for layer in network.layers]
        return (np.full(network.sizes[0], np.nan), *biases)
    if np.ndim(row) != 1:
        raise ShapeError(f"a row is ({network.sizes[0]},), got shape {np.shape(row)}")
    z = network.trace(row).z
    return tuple(z[r].astype(np.float64) for r in sorted(z, reverse=True))
