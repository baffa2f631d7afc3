"""How a text file separates its fields, and what its columns are called: sniffed."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chainrule.errors import DataError, InvalidValue
from chainrule.tables.frames import unique_names

BLANKS = r"\s+"  # any run of blanks and tabs, as pandas writes it
SEPARATORS = (",", ";", "\t", "|")
_NAMED = {
    "tab": "\t",
    r"\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "space": BLANKS,
    "blank": BLANKS,
    " ": BLANKS,
}
_MISSING = {"", "na", "n/a", "nan", "null", "none", "#n/a", "<na>", "-nan", "?"}
_NUMBER = re.compile(
    r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?|[-+]?(inf|infinity)", re.IGNORECASE
)
_OURS = re.compile(r"(column|unnamed)_\d+|class")

Record = Sequence[str]


@dataclass(frozen=True)
class Dialect:
    """What a reader must know of a text file.

    Attributes:
        separator: one character, or BLANKS.
        names: the names of the columns, from the header or made up (column_1, …; unnamed_1 for a
            blank one).
        skip: how many lines stand before the data.
        decimal: the decimal mark of the numbers.
        trailing: every line ends with a separator, which makes an empty last column.
        classes: names of the classes that the last column numbers from 0, where the first line is
            scikit-learn's count line: rows, features, names of the classes.
    """

    separator: str
    names: tuple[str, ...]
    skip: int
    decimal: str = "."
    trailing: bool = False
    classes: tuple[str, ...] = ()


def records(lines: Iterable[str], separator: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """The fields of each record that is not blank, with the number of the line (from 1) that it
    ends on.

    Raises:
        DataError: a field is longer than the csv module takes.
    """
    if separator == BLANKS:
        lines, separator = (line.replace("\t", " ").strip() for line in lines), " "
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                yield reader.line_num, record
    except csv.Error as error:
        raise DataError(f"{where}: line {reader.line_num}: {error}") from error


def separator_named(name: str) -> str:
    """A separator as a user writes it: the character, or tab, comma, semicolon, space.

    Raises:
        InvalidValue: it is neither.
    """
    separator = _NAMED.get(name.lower(), name)
    if separator != BLANKS and (
        len(separator) != 1 or separator in '"\r\n' or not separator.isascii()
    ):
        raise InvalidValue(
            f"a separator is one character, or tab, comma, semicolon or space; got {name!r}"
        )
    return separator


def sniff(
    lines: list[str],
    whole: bool,
    where: str,
    separator: str | None = None,
    na: Collection[str] = (),
    known: Collection[str] = (),
) -> Dialect:
    """The dialect of a file that starts with these lines.

    A first line is the header unless it looks like the data below it: numbers over numbers, or
        values that stand in
    their own column again.

    Args:
        lines: the first lines, each with its end.
        whole: they are the whole file.
        where: the file, for errors.
        separator: known beforehand.
        na: spellings of a missing value besides the usual ones.
        known: names of columns that a header should hold, if there is one.

    Raises:
        DataError: there are no lines but blank ones, a column name stands twice, or a line has more
            or fewer fields than the first.
    """
    separator = separator or _separator(lines, where)
    numbered = list(records(lines, separator, where))
    if not whole and len(numbered) > 1:
        numbered.pop()  # it may go on
    if not numbered:
        raise DataError(f"{where} is empty: it holds blank lines only")
    rows = [record for _, record in numbered]
    decimal = _decimal(rows, separator)
    skip = _lines_before(lines, numbered[0][1]) + 1
    classes = _classes(rows)
    if classes:
        names = [*_made_up(len(rows[1]) - 1), "class"]
        return Dialect(separator, tuple(names), skip, decimal, classes=classes)
    gaps = _MISSING | {value.lower() for value in na}
    if _has_header(rows[0], rows[1:], gaps, known):
        names = [name.strip() or f"unnamed_{j}" for j, name in enumerate(rows[0], start=1)]
        unique_names(names, f"{where}: ")
    else:
        names, skip = _made_up(len(rows[0])), skip - 1
    must_be_even(numbered, len(names), where)
    trailing = len(names) > 1 and all(not row[-1].strip() for row in rows)
    return Dialect(separator, tuple(names), skip, decimal, trailing)


def must_be_even(numbered: Iterable[tuple[int, Record]], fields: int, where: str) -> None:
    """Refuse the first record that has another number of fields.

    Raises:
        DataError: with its line number.
    """
    for line, record in numbered:
        if len(record) != fields:
            found = f"{len(record)} field{'s' * (len(record) != 1)}"
            ends = record[-1].count("\n")
            hint = f"; is a quote left open on line {line - ends + 1}?" if ends else ""
            raise DataError(f"{where}: line {line} has {found}, the first has {fields}{hint}")


def _made_up(count: int) -> list[str]:
    return [f"column_{j + 1}" for j in range(count)]


def _lines_before(lines: list[str], first: Record) -> int:
    """How many blank lines stand before the first record."""
    return next((i for i, line in enumerate(lines) if line.strip()), 0) if first else 0


def _separator(lines: list[str], where: str) -> str:
    """The one by which most lines have as many fields as the first; of equals, the one that
    leaves more numbers, then more fields.
    """
    scores = {}
    for separator in SEPARATORS:
        rows = [record for _, record in records(lines, separator, where)]
        if rows and len(rows[0]) > 1:
            agree = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            scores[separator] = (agree, _numeric_share(rows), len(rows[0]))
    if scores:
        return max(scores, key=scores.__getitem__)
    widths = {len(record) for _, record in records(lines, BLANKS, where)}
    return BLANKS if len(widths) == 1 and widths != {1} else ","


def _numeric_share(rows: Sequence[Record]) -> float:
    fields = [field for row in rows for field in row]
    return sum(_is_number(field) for field in fields) / len(fields)


def _is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field.strip()) is not None


def _decimal(rows: Sequence[Record], separator: str) -> str:
    """A comma where commas do not separate fields and numbers are written with commas alone."""
    numbers = [field for row in rows for field in row if _is_number(field)]
    commas = separator != "," and any("," in number for number in numbers)
    return "," if commas and not any("." in number for number in numbers) else "."


def _classes(rows: Sequence[Record]) -> tuple[str, ...]:
    """The names of the classes, where the first line is scikit-learn's count line; else none."""
    first, rest = rows[0], rows[1:]
    if not rest or len(first) < 3 or not (first[0].isdigit() and first[1].isdigit()):
        return ()
    names = tuple(name.strip() for name in first[2:])
    fits = all(len(row) == int(first[1]) + 1 and all(map(_is_number, row)) for row in rest)
    numbered = fits and {row[-1].strip() for row in rest} <= {str(c) for c in range(len(names))}
    return names if numbered and not any(map(_is_number, names)) else ()


def _has_header(
    first: Record, rest: Sequence[Record], gaps: Collection[str], known: Collection[str]
) -> bool:
    names = [name.strip() for name in first]
    if known and not set(known).isdisjoint(names):
        return True
    if known and all(_OURS.fullmatch(name) for name in known):
        return False
    columns = [[row[j].strip() for row in rest if j < len(row)] for j in range(len(first))]
    votes = [_vote(name, column, gaps) for name, column in zip(names, columns, strict=True)]
    if any(votes):
        return sum(votes) > 0
    return not any(name and name in column for name, column in zip(names, columns, strict=True))


def _vote(name: str, column: list[str], gaps: Collection[str]) -> int:
    """+1 where a column is of numbers and its first line is not, −1 where both are, else 0."""
    values = [value for value in column if value.lower() not in gaps]
    if name.lower() in gaps or not all(map(_is_number, values)):
        return 0
    if _is_number(name):
        return -1
    return 1 if values else 0
