"""A model as a file of C."""

from __future__ import annotations

import os
from pathlib import Path

from chainrule.export.c import answering, encoding
from chainrule.export.c.frame import Frame
from chainrule.export.c.interface import has_dates, head
from chainrule.export.c.parts import ORDER, part
from chainrule.export.c.tables import compiled_bytes, tables
from chainrule.export.c.words import identifier
from chainrule.export.formula import Formula
from chainrule.export.written import Written, listed
from chainrule.storage.atomic import write


def to_c(given: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as a file of C: see `chainrule.export`."""
    frame = Frame(Formula.of(given), identifier(Path(path).stem, "model"))
    constants = "\n".join(tables(frame))
    code = _code(frame)
    start, end = head(frame), f"\n#endif /* {frame.upper}_DECLARATIONS */\n"
    lines = (start + code + end).count("\n")
    facts = (
        ("call", frame.signature),
        ("columns", listed(frame.declared) or f"a row of {frame.formula.inputs} numbers"),
        ("code", f"{len(start + code + end):,} bytes of source, {lines:,} lines"),
        ("tables", f"{compiled_bytes(frame):,} bytes when compiled"),
        ("stack", f"{answering.stack_bytes(frame):,} bytes for the numbers of a call"),
    )
    return Written((write(path, f"{start}\n{constants}{code}{end}".encode()),), facts)


def _code(frame: Frame) -> str:
    used = encoding.parts(frame.columns) | answering.parts(frame)
    if has_dates(frame):
        used.add("days")
    fixed = "".join(part(name, frame.prefix) for name in sorted(used, key=ORDER.index))
    encoded = encoding.function(frame.columns, frame.prefix) if frame.columns else ""
    return fixed + encoded + answering.functions(frame)
