"""The constants of the file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.errors import InvalidValue
from chainrule.export.c.frame import Frame
from chainrule.export.c.interface import label_type
from chainrule.export.c.words import literal, number, numbers
from chainrule.tables.features import Category, Number
from chainrule.tables.target import Label


def tables(frame: Frame) -> Iterator[str]:
    """The labels, the edges of bins, the values of text, and the weights of each network."""
    p, classes = frame.prefix, frame.formula.classes
    if classes:
        kind = label_type(classes)
        words = ", ".join(_label(kind, label) for label in classes)
        yield f"{kind} {p}_labels[{len(classes)}] = {{{words}}};\n"
    for name, column in frame.columns:
        if isinstance(column, Number) and column.bins:
            edges = numbers(np.array(column.edges))
            yield f"static const double {p}_edges_of_{name}[{len(column.edges)}] = {{\n{edges}\n}};\n"
        if isinstance(column, Category):
            values = "".join(f"    {literal(value)},\n" for value in column.values) or "    0,\n"
            count = max(1, len(column.values))
            yield f"static const char *const {p}_values_of_{name}[{count}] = {{\n{values}}};\n"
    for i, network in enumerate(frame.formula.networks, 1):
        w = np.concatenate(
            [part.ravel() for layer in network.layers for part in (layer.W, layer.b)]
        )
        yield f"static const {p}_real {p}_network_{i}[{len(w)}] = {{\n{numbers(w)}\n}};\n"


def compiled_bytes(frame: Frame) -> int:
    """What the tables take when they are compiled for 64 bits."""
    classes = frame.formula.classes
    weights = sum(network.parameter_count for network in frame.formula.networks)
    texts = [label for label in classes if isinstance(label, str)]
    doubles = len(classes) - len(texts)
    for _, column in frame.columns:
        texts += column.values if isinstance(column, Category) else ()
        doubles += len(column.edges) if isinstance(column, Number) else 0
    pointed = sum(len(text.encode()) + 1 + 8 for text in texts)
    return weights * frame.real[1] + 8 * doubles + pointed


def _label(kind: str, label: Label) -> str:
    """A label as a constant.

    Raises:
        InvalidValue: C has no type for it.
    """
    if "char" in kind:
        return literal(str(label))
    if "double" in kind:
        return number(float(label))
    if abs(int(label)) >= 2**63:
        raise InvalidValue(f"C has no type for the class {label}")
    return str(int(label))
