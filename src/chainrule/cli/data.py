"""What a DATA argument names: a file, standard input, or one of the built-in tables."""

from __future__ import annotations

import difflib
from pathlib import Path

from chainrule.errors import MissingFile

STDIN = "-"


def check_there(data: str) -> None:
    """Refuse a name that is neither a file nor built-in data.

    Raises:
        MissingFile: the text names the built-in table that may be meant.
    """
    from chainrule.tables import BUILTIN

    if data == STDIN or data in BUILTIN or Path(data).exists():
        return
    near = difflib.get_close_matches(data, BUILTIN, n=1)
    raise MissingFile(f"no such file: {data}" + (f"; is {near[0]} meant?" if near else ""))


def stem(data: str) -> str:
    """The name for what is made from the data: of its file without its endings."""
    if data == STDIN:
        return "model"
    name = Path(data).name
    for ending in (".gz", Path(name.removesuffix(".gz")).suffix):
        name = name.removesuffix(ending) if ending else name
    return name or "model"


def missing_values(text: str | None) -> tuple[str, ...]:
    """The texts that mean a missing value, from "?,n/a"."""
    return tuple(part for part in (text or "").split(",") if part)
