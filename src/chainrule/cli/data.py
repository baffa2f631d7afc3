"""What a DATA argument names: a file, standard input, or one of the built-in tables."""

from __future__ import annotations

from pathlib import Path

from chainrule.tables import BUILTIN

STDIN = "-"


def is_builtin(data: str) -> bool:
    """Whether the name means a built-in table; a file of that name comes first."""
    return data in BUILTIN and not Path(data).exists()


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
