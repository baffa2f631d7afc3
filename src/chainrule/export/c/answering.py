"""From x to the answer, in C."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.export.c.frame import Frame
from chainrule.export.c.words import number
from chainrule.network import Network

_Shapes = dict[tuple[object, ...], tuple[int, Network]]


def parts(frame: Frame) -> set[str]:
    """The functions that are needed."""
    formula = frame.formula
    used = {phi for network in formula.networks for phi in network.activations} - {"identity"}
    return used | {"dense", "add"} | ({"ascending"} if formula.answer == "quantiles" else set())


def functions(frame: Frame) -> str:
    """A function for each architecture, which takes the weights of a network; and the one to call."""
    shapes = _shapes(frame)
    each = [_shape(frame.prefix, number, network) for number, network in shapes.values()]
    return "\n".join([*each, *_predict(frame, shapes), ""])


def stack_bytes(frame: Frame) -> int:
    """What a call takes of the stack for its numbers."""
    formula = frame.formula
    widest = max(sum(_buffers(network)) for network in formula.networks)
    numbers = formula.inputs + widest + formula.outputs
    return frame.real[1] * numbers + 8 * formula.outputs


def _shapes(frame: Frame) -> _Shapes:
    """The different architectures, numbered from 1, each with a network that has it."""
    found: _Shapes = {}
    for network in frame.formula.networks:
        found.setdefault((network.sizes, network.activations), (len(found) + 1, network))
    return found


def _shape(p: str, number: int, network: Network) -> str:
    sizes = "-".join(map(str, network.sizes))
    lines = [f"\n/* Layers {sizes}: {', '.join(network.activations)}. */"]
    lines += [
        f"static void {p}_shape_{number}(const {p}_real *x, const {p}_real *w, {p}_real *z)",
        "{",
    ]
    buffers = [
        f"{name}[{size}]" for name, size in zip("ab", _buffers(network), strict=True) if size
    ]
    lines += [f"    {p}_real {', '.join(buffers)};"] * bool(buffers)
    source = "x"
    for i, layer in enumerate(network.layers, 1):
        hidden = i < len(network.layers)
        to, kept = ("ba"[i % 2], "w = ") if hidden else ("z", "(void)")
        lines.append(f"    {kept}{p}_dense({source}, {layer.inputs}, w, {to}, {layer.outputs});")
        if layer.activation.name != "identity":
            lines.append(f"    {p}_{layer.activation.name}({to}, {layer.outputs});")
        source = to
    return "\n".join([*lines, "}"])


def _buffers(network: Network) -> tuple[int, int]:
    """How many numbers the two buffers hold that the hidden layers use in turn."""
    hidden = network.sizes[1:-1]
    return max(hidden[::2], default=0), max(hidden[1::2], default=0)


def _predict(frame: Frame, shapes: _Shapes) -> Iterator[str]:
    p, formula, k = frame.prefix, frame.formula, frame.formula.outputs
    yield f"\n{frame.signature}\n{{"
    yield f"    {p}_real x[{formula.inputs}], z[{k}];"
    yield f"    double sum[{k}] = {{0}};"
    if frame.columns:
        yield f"    if (!{p}_encode(row, x))\n        return -1;"
    else:
        yield f"    for (int i = 0; i < {formula.inputs}; ++i)\n        x[i] = ({p}_real)row[i];"
    yield _finite("x", formula.inputs)
    for i, network in enumerate(formula.networks):
        shape, _ = shapes[network.sizes, network.activations]
        share = np.dtype(formula.dtype).type(formula.shares[i])
        yield f"    {p}_shape_{shape}(x, {p}_network_{i + 1}, z);"
        if formula.answer == "quantiles":
            yield f"    {p}_ascending(z, {k});"
        yield f"    {p}_add(sum, {number(share)}, z, {k});"
    yield _finite("sum", k)
    yield from _answer(frame)
    yield "}"


def _finite(what: str, count: int) -> str:
    return (
        f"    for (int i = 0; i < {count}; ++i)\n"
        f"        if (!isfinite({what}[i]))\n"
        "            return -1;"
    )


def _answer(frame: Frame) -> Iterator[str]:
    formula, classes = frame.formula, len(frame.formula.classes)
    if classes and formula.outputs == 1:
        yield "    answer[0] = 1 - sum[0];\n    answer[1] = sum[0];"
    else:
        decoded = "sum[j]"
        if formula.spread is not None and formula.mean is not None:
            decoded = f"{number(formula.spread)} * sum[j] + {number(formula.mean)}"
        yield f"    for (int j = 0; j < {formula.outputs}; ++j)\n        answer[j] = {decoded};"
    if not classes:
        yield "    return 0;"
        return
    yield "    int best = 0;"
    yield f"    for (int j = 1; j < {classes}; ++j)"
    yield "        if (answer[j] > answer[best])\n            best = j;"
    yield "    return best;"
