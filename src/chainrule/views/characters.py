"""Curves in characters: for a terminal, where no picture can be shown.

A line is drawn with the dots of braille characters, eight to a character, or, where there is no
Unicode, with its letter. No colour is needed: each line has a letter of its own, which stands on
it now and then and at its end, and before its name at the right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Curve, Numbers, Path, Range
from chainrule.views.numbers import finite, first, median_of, pooled, settles, spread

__all__ = ["Line", "chart", "curves", "paths", "ranges"]

Line = tuple[str, Numbers, Numbers]  # name, x (n,), y (n,)
Cell = tuple[int, int]  # row and column of a character
Places = npt.NDArray[np.int_]

MARKS = "ABCDEFGHIJKLMNOPQRSTUVWYZ0123456789"  # without the X, which is what an end looks like
END, STAR = "x", "*"
LEAST_ROWS, LEAST_COLUMNS = 3, 10  # of the field that the lines are drawn in
NARROW = 40  # columns in all, below which the names stand under the chart
LARGEST_NAME = 1 / 3  # of the width
_DOTS = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])  # bits of the dots of a braille character
_FRAMES = {  # tick and side of y, corner, side and tick of x
    True: ("┤", "│", "└", "─", "┬"),
    False: ("+", "|", "+", "-", "+"),
}


# ------------------------------------------------------------------------------- what is compared


def curves(
    curves: Sequence[Curve], width: int, height: int, unicode: bool = True, each: str = "run"
) -> str:
    """The median loss of every epoch; a line whose runs all diverged ends with an x.

    Args:
        curves: the losses of every optimizer.
        width: columns, at most.
        height: lines, of which four are not the field's.
        unicode: whether braille and box characters may be used; else it is pure ASCII.
        each: what the losses of one name are of.
    """
    lines = [
        (curve.name, np.arange(1.0, curve.losses.shape[1] + 1), spread(curve.losses)[1])
        for curve in curves
    ]
    label = median_of(curves, each)
    return chart(lines, width, height, x_label="epoch", y_label=label, unicode=unicode)


def paths(paths: Sequence[Path], width: int, height: int, unicode: bool = True) -> str:
    """The value that was reached after each step; see `curves` for the arguments.

    What double precision does not tell from 0, seen from the start, is drawn as the least that it
    does.
    """
    start = pooled([first(path.values) for path in paths]).max(initial=0.0)
    least = start * np.finfo(np.float64).eps
    lines = [
        (path.name, np.arange(float(path.values.size)), np.maximum(finite(path.values), least))
        for path in paths
    ]
    return chart(lines, width, height, x_label="step", y_label="value", unicode=unicode)


def ranges(ranges: Sequence[Range], width: int, height: int, unicode: bool = True) -> str:
    """The smoothed loss while the learning rate grows; see `curves` for the arguments.

    A line ends with an x where the loss rises far above those at the beginning. A star stands at
    the suggested rate.
    """
    losses = [finite(each.losses) for each in ranges]
    most = pooled([first(loss) for loss in losses]).max(initial=0.0)
    ceiling = most + 0.5 * (most - pooled(losses).min(initial=most))
    return chart(
        [
            (each.name, each.rates, _until_above(loss, ceiling))
            for each, loss in zip(ranges, losses, strict=True)
        ],
        width,
        height,
        x_label="learning rate" + f" ({STAR} suggested)" * any(each.suggested for each in ranges),
        y_label="smoothed loss of the batches",
        x_log=True,
        y_log=False,
        unicode=unicode,
        stars=[each.suggested for each in ranges],
    )


def _until_above(values: Numbers, ceiling: float) -> Numbers:
    """The values until they rise above a ceiling for good."""
    below = np.flatnonzero(values <= ceiling)  # nan is not
    return np.where(np.arange(values.size) <= below.max(initial=-1), values, np.nan)


# ---------------------------------------------------------------------------------------- a chart


def chart(
    lines: Sequence[Line],
    width: int,
    height: int,
    *,
    x_label: str,
    y_label: str,
    x_log: bool = False,
    y_log: bool | None = None,
    unicode: bool = True,
    stars: Sequence[float | None] = (),
) -> str:
    """Lines in characters.

    A value that is not finite is a gap; a line that has no more values ends with an x. A line that
    does not end below its beginning may leave the chart at the top.

    Args:
        lines: name, x and y of each.
        width: columns, at most.
        height: lines, of which four are not the field's; the names take more of them where they
            are many, or the width is small.
        x_label: the name of the x axis.
        y_label: the name of the y axis.
        x_log: whether x is logarithmic.
        y_log: whether y is; without it, where every value is positive.
        unicode: whether braille and box characters may be used; else the chart is pure ASCII.
        stars: for each line, the x at which a star stands; None for no star.

    Returns:
        Lines of text without colours, without spaces at their ends.
    """
    names = [_plain(name, unicode) for name, _, _ in lines]
    shown = [(x, finite(y)) for _, x, y in lines]
    seen = pooled([y for _, y in shown])
    if not seen.size:
        return "\n".join(_cut(f"{END} {name}", width) for name in names)
    logarithmic = bool(seen.min() > 0) if y_log is None else y_log
    y_axis = Axis.over(_window([y for _, y in shown], logarithmic), logarithmic)
    x_axis = Axis.over(pooled([x[np.isfinite(y)] for x, y in shown]), x_log)
    page = _Page(width, height, names, y_axis, unicode)
    field = _Field(page.rows, page.columns, x_axis, y_axis, unicode)
    entries = field.draw(shown, stars)
    labels = _plain(x_label, unicode), _plain(y_label, unicode)
    return page.text(field, entries, x_axis, *labels)


def _window(many: Sequence[Numbers], log: bool) -> Numbers:
    """Least and largest y to show, (2,): a line that explodes shall not press the others flat.

    What lies above the lines that fall, by more than half of their span, is left out.
    """
    scale, back = (np.log10, lambda y: 10.0**y) if log else (np.asarray, np.asarray)
    values = scale(pooled(many))
    calm = [y for y in many if settles(y)]
    low, high = values.min(), values.max()
    if calm:
        most = scale(pooled(calm)).max()
        high = min(high, most + 0.5 * (most - low)) if most > low else high
    return np.asarray(back(np.array([low, high])))


@dataclass(frozen=True)
class Axis:
    """From the least to the largest number shown."""

    low: float
    high: float
    log: bool

    @classmethod
    def over(cls, values: Numbers, log: bool) -> Axis:
        """The axis that shows all the values, with room around them if they are about the same."""
        low, high = float(values.min()), float(values.max())
        if high - low <= 1e-9 * max(abs(low), abs(high)):
            room = 0.5 * abs(low) or 0.5
            low, high = (low / 2, high * 2) if log else (low - room, high + room)
        return cls(low, high, log)

    def share(self, values: Numbers) -> Numbers:
        """Where values lie: 0 at the lower end, 1 at the upper one."""
        low, high = self.low, self.high
        if self.log:
            low, high, values = math.log10(low), math.log10(high), np.log10(values)
        return (values - low) / (high - low)

    def ticks(self, count: int) -> list[float]:
        """Round numbers to write at the axis: two or more, and at most `count` if that can be."""
        found = self._told(self._decades() if self.log else ()) or self._told(self._steps())
        return next((each for each in found if len(each) <= max(count, 2)), found[-1])

    def _told(self, tries: Iterable[list[float]]) -> list[list[float]]:
        """What is inside the axis, where that is at least two ticks."""
        inside = map(self._inside, tries)
        return [ticks for ticks in inside if len(ticks) > 1]

    def _inside(self, values: Sequence[float]) -> list[float]:
        shares = self.share(np.array(values, np.float64))
        return [v for v, share in zip(values, shares, strict=True) if -1e-9 <= share <= 1 + 1e-9]

    def _decades(self) -> Iterator[list[float]]:
        """Ticks of a logarithmic axis, ever fewer."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for digits in ((1, 2, 5), (1, 3)):
            yield [float(f"{d}e{k}") for k in range(first, last + 1) for d in digits]
        for step in (1, 2, 3, 5, 10, 20, 50, 100, 200):
            yield [float(f"1e{k}") for k in range(first, last + 1) if k % step == 0]

    def _steps(self) -> Iterator[list[float]]:
        """Evenly spaced ticks, ever fewer.

        Between whole numbers there are whole ones only: there is no half an epoch.
        """
        span = self.high - self.low
        scale = math.floor(math.log10(span))
        least = 1.0 if self.low % 1 == self.high % 1 == 0 and span >= 2 else 0.0
        for k, digit in ((k, d) for k in (scale - 1, scale) for d in (1, 2, 5)):
            step = float(f"{digit}e{k}")
            if least <= step <= span:
                first, last = math.ceil(self.low / step), math.floor(self.high / step)
                yield [float(f"{i * step:.12g}") for i in range(first, last + 1)]


# ------------------------------------------------------------------------- where the lines are


@dataclass(frozen=True)
class Entry:
    """A line's place in the list of names.

    Attributes:
        mark: its letter.
        row: the row in which the line ends; None if nothing of it is there.
    """

    mark: str
    row: int | None


class _Field:
    """The rectangle of characters in which the lines are drawn."""

    def __init__(self, rows: int, columns: int, x: Axis, y: Axis, unicode: bool) -> None:
        self.x, self.y, self.unicode = x, y, unicode
        self.rows, self.columns = rows, columns
        self.dots = (4, 2) if unicode else (1, 1)  # in a character, down and across
        self.bits = np.zeros((rows, columns), np.int_)
        self.marks: dict[Cell, str] = {}

    def draw(
        self, lines: Sequence[tuple[Numbers, Numbers]], stars: Sequence[float | None]
    ) -> list[Entry]:
        """Draw all lines, then their marks: the ends before those on the way."""
        ways, entries = [], []
        letters = [MARKS[k % len(MARKS)] for k in range(len(lines))]
        for letter, (x, y) in zip(letters, lines, strict=True):
            places = self._places(x, y)
            ways.append(self._cells(self._ink(places)))
            self._end(letter, ways[-1], self._last(places), y)
            last = self._last(places)
            entries.append(Entry(letter, last and last[0]))
        for (x, y), star in zip(lines, stars, strict=False):
            self._star(x, y, star)
        for k, (letter, way) in enumerate(zip(letters, ways, strict=True)):
            self._letters(letter, way, k / len(lines))
        return entries

    def row(self, value: float) -> int:
        """The row in which a value of y lies."""
        return int(self._down(np.array([value]))[0]) // self.dots[0]

    def column(self, value: float) -> int:
        """The column in which a value of x lies."""
        return int(self._across(np.array([value]))[0]) // self.dots[1]

    def text(self) -> list[str]:
        """The rows, each as long as the field is wide."""
        return [
            "".join(self._character((row, column)) for column in range(self.columns))
            for row in range(self.rows)
        ]

    def _character(self, cell: Cell) -> str:
        bits = self.bits[cell]
        return self.marks.get(cell) or (chr(0x2800 + int(bits)) if bits else " ")

    def _across(self, x: Numbers) -> Numbers:
        return np.rint(self.x.share(x) * (self.columns * self.dots[1] - 1))

    def _down(self, y: Numbers) -> Numbers:
        share = np.clip(self.y.share(y), -3, 4)  # far away is far enough
        return np.rint((1 - share) * (self.rows * self.dots[0] - 1))

    def _places(self, x: Numbers, y: Numbers) -> Numbers:
        """The dots at which the values lie, row and column, (n, 2); both are nan in gaps."""
        gaps = np.where(np.isfinite(y), 0.0, np.nan)
        return np.stack([self._down(y), self._across(x) + gaps], axis=1)

    def _ink(self, places: Numbers) -> Places:
        """All dots on the way from place to place, (m, 2), those outside left out."""
        steps = np.nan_to_num(np.diff(places, axis=0, append=places[-1:]))  # (n, 2)
        counts = np.maximum(np.abs(steps).max(axis=1), 1) * np.isfinite(places).all(axis=1)
        counts = counts.astype(np.int_)  # (n,), of the dots from each place to before the next
        k = np.repeat(np.arange(len(places)), counts)  # (m,)
        along = np.arange(k.size) - np.repeat(np.cumsum(counts) - counts, counts)
        dots: Numbers = np.rint(places[k] + steps[k] * (along / counts[k])[:, np.newaxis])
        size = np.array([self.rows, self.columns]) * self.dots
        inside: Places = dots[((dots >= 0) & (dots < size)).all(axis=1)].astype(np.int_)
        return inside

    def _cells(self, dots: Places) -> list[Cell]:
        """Put the ink in, and name the characters that a line goes through, as it leaves them."""
        if self.unicode:
            down, across = (dots % self.dots).T
            np.bitwise_or.at(self.bits, tuple((dots // self.dots).T), _DOTS[down, across])
        backwards = (dots // self.dots @ (self.columns, 1))[::-1]
        _, last = np.unique(backwards, return_index=True)
        return [divmod(code, self.columns) for code in backwards[np.sort(last)][::-1].tolist()]

    def _last(self, places: Numbers) -> Cell | None:
        """The character of the last value, at the edge if the value lies beyond."""
        there = places[np.isfinite(places).all(axis=1)]
        if not len(there):
            return None
        row, column = (there[-1] // self.dots).astype(int)
        return int(np.clip(row, 0, self.rows - 1)), int(column)

    def _end(self, letter: str, way: list[Cell], last: Cell | None, y: Numbers) -> None:
        """The letter at the end, or as near to it as is free; an x where the line stopped early."""
        if last is None:
            return
        if not np.isfinite(y[-1]):
            self.marks.setdefault(last, END)
        free = [cell for cell in way if cell not in self.marks]
        cell = last if last not in self.marks else free[-1] if free else None
        if cell is not None:
            self.marks[cell] = letter

    def _star(self, x: Numbers, y: Numbers, star: float | None) -> None:
        """A star on the line at a given x."""
        for k in np.flatnonzero((x == star) & np.isfinite(y)):
            self.marks[self.row(y[k]), self.column(x[k])] = STAR

    def _letters(self, letter: str, way: list[Cell], phase: float) -> None:
        """The letter on the line: now and then among dots, everywhere where there are none."""
        every = max(12, self.columns // 5) if self.unicode else 1
        due = int(phase * every)
        for cell in way:
            if cell[1] >= due and cell not in self.marks:
                self.marks[cell] = letter
                due = cell[1] + every if self.unicode else 0


# --------------------------------------------------------------------------- what stands around


class _Page:
    """Everything around the field: axes, numbers and names."""

    def __init__(
        self, width: int, height: int, names: Sequence[str], y: Axis, unicode: bool
    ) -> None:
        self.width, self.names = width, names
        self.unicode = unicode
        self.rows = max(height - 4, LEAST_ROWS)
        self.y_ticks = _written(y.ticks(self.rows // 3 + 1))
        self.gutter = max(map(len, self.y_ticks.values())) + 1
        self.beside = width >= NARROW and len(names) <= self.rows
        most = int(width * LARGEST_NAME) if self.beside else width
        self.names_width = min(max(map(_cells_of, names)) + 2, most)
        room = width - self.gutter - (self.names_width + 1 if self.beside else 0)
        self.columns = max(room, LEAST_COLUMNS)

    def text(
        self, field: _Field, entries: Sequence[Entry], x: Axis, x_label: str, y_label: str
    ) -> str:
        """All lines, none wider than the page."""
        beside = self._beside(entries) if self.beside else {}
        sides = self._sides(field)
        rows = [
            f"{side}{line} {beside.get(row, '')}"
            for row, (side, line) in enumerate(zip(sides, field.text(), strict=True))
        ]
        around = [*self._x_axis(field, x), " " * self.gutter + x_label.center(self.columns)]
        below = [] if self.beside else self._below(entries)
        return "\n".join(_cut(line, self.width) for line in [y_label, *rows, *around, *below])

    def _sides(self, field: _Field) -> list[str]:
        """The y axis: one text for each row."""
        tick, side, *_ = _FRAMES[self.unicode]
        labels = {field.row(value): text for value, text in self.y_ticks.items()}
        return [
            labels.get(row, "").rjust(self.gutter - 1) + (tick if row in labels else side)
            for row in range(self.rows)
        ]

    def _x_axis(self, field: _Field, x: Axis) -> list[str]:
        """The x axis and the line of numbers below it."""
        _, _, corner, line, tick = _FRAMES[self.unicode]
        axis = [line] * self.columns
        numbers = ""
        for value, text in _written(x.ticks(self.columns // 9 + 1)).items():
            column = field.column(value)
            axis[column] = tick
            at = self.gutter + column - (len(text) - 1) // 2
            at = max(0, min(at, self.width - len(text)))
            if not numbers or at > len(numbers):  # else it would touch the number before
                numbers = numbers.ljust(at) + text
        return [" " * (self.gutter - 1) + corner + "".join(axis), numbers]

    def _beside(self, entries: Sequence[Entry]) -> dict[int, str]:
        """For each row the name that stands in it: as near to the line's end as there is room."""
        order = sorted(range(len(entries)), key=lambda k: self._height(entries[k]))
        wanted = [self._height(entries[k]) for k in order]
        rows = _apart(wanted, self.rows)
        return {row: self._name(entries[k], k) for row, k in zip(rows, order, strict=True)}

    def _height(self, entry: Entry) -> int:
        return self.rows - 1 if entry.row is None else entry.row

    def _below(self, entries: Sequence[Entry]) -> list[str]:
        """The names in columns."""
        across = max(1, (self.width + 2) // (self.names_width + 2))
        cells = [_padded(self._name(each, k), self.names_width) for k, each in enumerate(entries)]
        return ["  ".join(cells[k : k + across]) for k in range(0, len(cells), across)]

    def _name(self, entry: Entry, k: int) -> str:
        """Mark and name of a line; an x for one of which nothing is there."""
        mark = entry.mark if entry.row is not None else END
        return f"{mark} {_shortened(self.names[k], self.names_width - 2, self.unicode)}"


def _apart(wanted: Sequence[int], rows: int) -> list[int]:
    """Rows near the wanted ones, which ascend, no two of them the same."""
    places: list[int] = []
    for row in wanted:
        places.append(max(row, places[-1] + 1 if places else 0))
    for k in reversed(range(len(places))):  # back into the field
        places[k] = min(places[k], rows - len(places) + k)
    return places


# ------------------------------------------------------------------------------------------ text


def _written(ticks: Sequence[float]) -> dict[float, str]:
    """Each tick's number, with as many figures as tell them apart."""
    texts = ([f"{tick:.{figures}g}" for tick in ticks] for figures in range(6, 18))
    return dict(
        zip(ticks, next(each for each in texts if len(set(each)) == len(ticks)), strict=True)
    )


def _plain(text: str, unicode: bool) -> str:
    """The text without what would move the cursor, or, if need be, without what is not ASCII."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if unicode else printable.encode("ascii", "replace").decode()


def _cells_of(text: str) -> int:
    """The columns that a text takes; some letters of Asia take two."""
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, columns: int) -> str:
    """The text, cut or filled to so many columns."""
    from rich.cells import set_cell_size

    return set_cell_size(text, columns)


def _shortened(text: str, columns: int, unicode: bool) -> str:
    """The text, with dots at its end if it is cut."""
    if _cells_of(text) <= columns:
        return text
    dots = "…" if unicode else ".."
    return _padded(text, columns - len(dots)) + dots


def _cut(line: str, width: int) -> str:
    """The line, not wider, without spaces at its end."""
    return (line if _cells_of(line) <= width else _padded(line, width)).rstrip()
