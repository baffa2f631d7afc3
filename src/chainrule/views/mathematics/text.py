"""Formulas as lines of text, for a terminal.

A matrix is a box of lines; boxes stand side by side, level with their middles.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from chainrule.views.mathematics.document import (
    EDGE,
    Document,
    Formula,
    Heading,
    Matrix,
    Part,
    Sentence,
    by,
    entry,
    number,
    pairs,
    shown,
)

INDENT, DEEPER = 2, 6  # of formulas, and of the lines in which they go on
LONGEST_NAME = 16
# What ASCII has for our letters, one character for one, so that columns stay in line.
_ASCII = str.maketrans(
    dict(zip("∂∇φσδ′ᵀ⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹ᵏʲ", "dDfsd'T()0123456789kj", strict=True))
    | dict(zip("·−×–…⋯⋮⋱∞Σ½√", "*-x-..::oSh!", strict=True))
    | dict(zip("⎡⎢⎣⎤⎥⎦", "[[[]]]", strict=True))
)


@dataclass(frozen=True)
class Box:
    """Lines of one width; the middle is the number of the line that stands level with others."""

    lines: tuple[str, ...]
    middle: int

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.lines[0])


def text(document: Document, width: int = 80, edge: int = EDGE, unicode: bool = True) -> str:
    """A document as text.

    Args:
        document: what to say.
        width: columns; a box that is wider in itself stands out.
        edge: entries shown at each end of a long row or column.
        unicode: whether letters beyond ASCII may be used.
    """
    lines = [
        *textwrap.wrap(document.title, width),
        *chain.from_iterable(_item(i, width, edge) for i in document.items),
    ]
    joined = "\n".join(line.rstrip() for line in lines)
    return joined if unicode else _plain(joined)


def _plain(joined: str) -> str:
    return joined.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def _item(item: Heading | Sentence | Formula, width: int, edge: int) -> Iterator[str]:
    match item:
        case Heading():
            yield ""
            yield item.text
        case Sentence():
            indent = " " * INDENT
            yield from textwrap.wrap(
                item.text.replace("`", ""), width, initial_indent=indent, subsequent_indent=indent
            )
        case Formula():
            yield from _formula(item, width, edge)


def _formula(formula: Formula, width: int, edge: int) -> list[str]:
    """The lines of a formula, broken before operators where it is too long; its shape at the right."""
    rows: list[list[Box]] = [[]]
    room = width - INDENT
    for unit in _units(formula.parts, width - DEEPER, edge):
        box = _fitting(unit, width - DEEPER, edge)
        if rows[-1] and box.width > room:
            rows.append([])
            room = width - DEEPER
            box = _fitting((_without_space(unit[0]), *unit[1:]), room, edge)
        rows[-1].append(box)
        room -= box.width
    if formula.shape is None:
        return _drawn(rows)
    shape = by(formula.shape)
    indent = INDENT if len(rows) == 1 else DEEPER
    if len(rows[-1]) > 1 and indent + _beside(rows[-1]).width + len(shape) + 2 > width:
        rows.append([rows[-1].pop()])
    lines = _drawn(rows)
    last = _beside(rows[-1])
    level = len(lines) - len(last.lines) + last.middle
    return _with_shape(lines, level, shape, width)


def _drawn(rows: Sequence[Sequence[Box]]) -> list[str]:
    return [
        " " * (DEEPER if i else INDENT) + line
        for i, row in enumerate(rows)
        for line in _beside(row).lines
    ]


def _with_shape(lines: list[str], level: int, shape: str, width: int) -> list[str]:
    """The shape at the right end of a line; of a line of its own if there is no room."""
    line = lines[level].rstrip()
    if len(line) + len(shape) + 2 > width:
        return [*lines, shape.rjust(width)]
    return [*lines[:level], line + shape.rjust(width - len(line)), *lines[level + 1 :]]


def _units(parts: Sequence[Part], width: int, edge: int) -> Iterator[tuple[Part, ...]]:
    """What is not broken: each string with what follows it, unless together they are too wide."""
    for i, part in enumerate(parts):
        if isinstance(part, Matrix):
            continue
        unit: list[Part] = [part, *(p for p in parts[i + 1 : i + 2] if isinstance(p, Matrix))]
        if _beside([*_boxes(unit, edge)]).width <= width:
            yield tuple(unit)
        else:
            yield from ((each,) for each in unit)


def _fitting(unit: Sequence[Part], width: int, edge: int) -> Box:
    """The unit as a box, its matrices cut as far as the width asks for."""
    for fewer in range(edge, 0, -1):
        box = _beside([*_boxes(unit, fewer)])
        if box.width <= width:
            return box
    return box


def _without_space(part: Part) -> Part:
    return part.lstrip() if isinstance(part, str) else part


def _beside(boxes: Sequence[Box]) -> Box:
    """Boxes side by side."""
    above = max(box.middle for box in boxes)
    below = max(len(box.lines) - box.middle for box in boxes)
    columns = [
        [" " * box.width] * (above - box.middle)
        + list(box.lines)
        + [" " * box.width] * (below - len(box.lines) + box.middle)
        for box in boxes
    ]
    return Box(tuple("".join(line) for line in zip(*columns, strict=True)), above)


def _boxes(unit: Sequence[Part], edge: int) -> Iterator[Box]:
    for part, before in pairs(unit):
        if isinstance(part, str):
            yield Box((part,), 0)
        elif part.is_number:
            yield Box((number(part, before),), 0)
        else:
            yield _matrix(part, edge)


def _matrix(matrix: Matrix, edge: int) -> Box:
    """A matrix in brackets, names of columns above it, names of rows at its right."""
    rows, columns = (shown(count, edge) for count in matrix.table.shape)
    cells = [[_cell(matrix, i, j) for j in columns] for i in rows]
    heads = [_name(matrix.columns, j) for j in columns] if matrix.columns else []
    lined = [*cells, heads] if heads else cells
    widths = [max(map(len, column)) for column in zip(*lined, strict=True)]
    lines = [" ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells]
    left, right = _brackets(len(lines))
    names = [f" {_name(matrix.rows, i)}" for i in rows] if matrix.rows else [""] * len(lines)
    longest = max(map(len, names))
    drawn = [
        a + line + b + name.ljust(longest)
        for a, line, b, name in zip(left, lines, right, names, strict=True)
    ]
    middle = (len(drawn) - 1) // 2
    if not heads:
        return Box(tuple(drawn), middle)
    head = " " + " ".join(c.rjust(w) for c, w in zip(heads, widths, strict=True))
    return Box((head.ljust(len(drawn[0])), *drawn), middle + 1)


def _cell(matrix: Matrix, i: int | None, j: int | None) -> str:
    if i is None:
        return "⋱" if j is None else "⋮"
    return "…" if j is None else entry(float(matrix.table[i, j]))


def _name(names: Sequence[str], i: int | None) -> str:
    if i is None:
        return "…"
    name = names[i]
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _brackets(rows: int) -> tuple[str, str]:
    """The left and the right bracket, a character for each row."""
    if rows == 1:
        return "(", ")"
    return "⎡" + "⎢" * (rows - 2) + "⎣", "⎤" + "⎥" * (rows - 2) + "⎦"
