"""What a notebook shows of a network, a layer and a trace: their formulas with the numbers in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.explanation import letters
from chainrule.explanation.drawing.diagram import diagram
from chainrule.network import Layer, Network, Trace
from chainrule.views.mathematics import Document, Formula, Item, Matrix, display, html
from chainrule.views.svg import network_svg

_WIDTH = 560.0  # of the picture, in pixels


def network_html(network: Network) -> str:
    """A network as HTML: the formulas of its layers, and its picture where it can be drawn."""
    formulas = html(_network(network))
    if not all(np.isfinite(p.W).all() and np.isfinite(p.b).all() for p in network.layers):
        return formulas
    return f"{formulas}<div>{network_svg(diagram(network), _WIDTH)}</div>"


def network_latex(network: Network) -> str:
    """The layers of a network as LaTeX."""
    return display(_network(network))


def layer_html(layer: Layer) -> str:
    """W, b and φ as HTML."""
    return html(_layer(layer))


def layer_latex(layer: Layer) -> str:
    """W, b and φ as LaTeX."""
    return display(_layer(layer))


def trace_html(trace: Trace) -> str:
    """Every u and z as HTML."""
    return html(_trace(trace))


def trace_latex(trace: Trace) -> str:
    """Every u and z as LaTeX."""
    return display(_trace(trace))


def _network(network: Network) -> Document:
    sizes = "-".join(map(str, network.sizes))
    title = f"Network {sizes}, {network.parameter_count:,} parameters, {network.dtype}"
    layers = range(len(network.layers), 0, -1)
    return Document(title, tuple(item for r in layers for item in _formulas(network.layer(r), r)))


def _layer(layer: Layer) -> Document:
    return Document(f"Layer, {layer.W.dtype}", tuple(_formulas(layer, None)))


def _formulas(layer: Layer, r: int | None) -> Iterator[Item]:
    """z_r = φ_r(z_{r+1} W_r + b_r) in letters, then W_r and b_r."""
    i, down = (f"_{r}", f"_{r + 1}") if r is not None else ("", "")
    phi = letters.value(layer.activation, f"z{down}·W{i} + b{i}")
    left = f"z{i}" if r is not None else "g(z, W, b)"
    parts = f"{left} = {phi}", f"   W{i} = ", Matrix(layer.W), f"   b{i} = ", Matrix(layer.b)
    yield Formula(parts, layer.W.shape)


def _trace(trace: Trace) -> Document:
    items = []
    for r in sorted(trace.z, reverse=True):  # z_r leads to u_r, and that to z_{r−1}
        for letter, named in (("z", trace.z), ("u", trace.u)):
            if r in named:
                items.append(Formula((f"{letter}_{r} = ", Matrix(named[r])), named[r].shape))
    return Document("Trace", tuple(items))
