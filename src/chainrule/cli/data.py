"""What a DATA argument names: a file, standard input, or one of the built-in tables."""

from __future__ import annotations

import difflib
from pathlib import Path

from chainrule.errors import InvalidValue, MissingFile

STDIN = "-"


def check_there(data: str) -> None:
    """Refuse a name that is neither a file nor built-in data.

    Raises:
        MissingFile: the text names the built-in table that may be meant.
    """
    from chainrule.tables import BUILTIN

    if data == STDIN or data in BUILTIN or is_folder(data) or Path(data).exists():
        return
    near = difflib.get_close_matches(data, BUILTIN, n=1)
    raise MissingFile(f"no such file: {data}" + (f"; is {near[0]} meant?" if near else ""))


def is_folder(data: str) -> bool:
    """Whether the data are Parquet files of any size: a folder of them, or a pattern with *."""
    return "*" in data or Path(data).is_dir()


def is_file(data: str) -> bool:
    """Whether the data are one file, and neither the standard input nor built-in."""
    return data != STDIN and not is_folder(data) and Path(data).is_file()


def stem(data: str) -> str:
    """The name for what is made from the data: of its file without its endings, or of its folder."""
    if data == STDIN:
        return "model"
    name = next(part.name for part in (Path(data), *Path(data).parents) if "*" not in part.name)
    for ending in (".gz", Path(name.removesuffix(".gz")).suffix):
        name = name.removesuffix(ending) if ending else name
    return name or "model"


def missing_values(text: str | None, data: str = "") -> tuple[str, ...]:
    """The texts that mean a missing value in the data, from "?,n/a".

    Raises:
        InvalidValue: they are given for Parquet files, which have missing values of their own.
    """
    if text is not None and data and is_folder(data):
        raise InvalidValue(
            "--na is for files of text: Parquet files have missing values of their own"
        )
    return tuple(part for part in (text or "").split(",") if part)
