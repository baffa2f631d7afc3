"""A program of C around an exported file, which answers rows that stand in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.answers import values

from chainrule import Model
from chainrule.tables import Table

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")


def word(value: Any) -> str:
    """A value of a row as C writes it: every byte of a text in octal."""
    if value is None:
        return "0"
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '"'
    return "NAN" if np.isnan(value) else f"{float(value)!r}"


def program(source: Path, columns: list[list[Any]]) -> str:
    """A `main` that prints the result and the answers for each row."""
    prefix = source.stem
    upper = prefix.upper()
    rows = ",\n".join("{" + ", ".join(map(word, row)) + "}" for row in zip(*columns, strict=True))
    return f"""#include <stdio.h>
#define {upper}_DECLARATIONS
#include "{source.name}"
static const struct {prefix}_row rows[] = {{
{rows}
}};
int main(void)
{{
    double answer[{upper}_ANSWERS];
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; ++i) {{
        printf("%d", {prefix}_predict(&rows[i], answer));
        for (int j = 0; j < {upper}_ANSWERS; ++j)
            printf(" %.17g", answer[j]);
        printf("\\n");
    }}
    return 0;
}}
"""


def compiled(source: Path, main: str, *flags: str) -> Path:
    """The program, compiled with every warning an error; `main` stands alone, or beside the source."""
    driver = source.with_name("main.c")
    driver.write_text(main)
    files = [driver.name, source.name] if "_DECLARATIONS\n" in main else [driver.name]
    command = ["gcc", *STRICT, *(flags or ("-O1",)), *files, "-lm", "-o", "program"]
    done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
    return source.with_name("program")


def ran(program: Path) -> npt.NDArray[np.float64]:
    """What it prints, (n, 1 + answers)."""
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr[:2000]
    return np.array([line.split() for line in done.stdout.splitlines()], float)


def columns_of(model: Model, table: Table) -> list[list[Any]]:
    """The columns of a table as the members of the struct."""
    return [column.tolist() for column in values(model, table).values()]
