"""What others may rely on: the names of the packages, their signatures, the commands and their options.

`python tests/public.py` writes it to tests/public.txt, which `test_public.py` compares with what is there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("public.txt")
WIDEST = 100
PACKAGES = ("chainrule", "chainrule.sklearn", "chainrule.torch")


def listing() -> str:
    """All of it, a line for each name, method, command and option, and for each parameter where they are many."""
    lines: list[str] = []
    homes: dict[int, str] = {}  # of what is listed already
    for package in PACKAGES:
        module = import_module(package)
        lines.append(f"# {package}")
        for name in module.__all__:
            value = getattr(module, name)
            home = homes.setdefault(id(value), package)
            lines += entry(name, value) if home == package else [f"{name}: as in {home}"]
        lines.append("")
    return "\n".join([*lines, "# the command", *commands(), ""])


def entry(name: str, value: Any) -> Iterator[str]:
    """A name with its signature, and below a class what it has."""
    if isinstance(value, Mapping):
        yield f"{name}: {', '.join(value)}"
    elif inspect.isclass(value):
        bases = [
            base.__name__ for base in value.__mro__[1:] if is_ours(base) and base.__name__[0] != "_"
        ]
        *start, end = called(f"class {name}", value)
        yield from [*start, end + (f" of {', '.join(bases)}" if bases else "")]
        yield from (f"    {line}" for line in members(value))
    elif callable(value):
        yield from called(name, value)
    else:
        yield f"{name}: {type(value).__name__}"


def members(kind: type) -> list[str]:
    """Methods and properties, of which the class or one of ours below it is the author."""
    found: dict[str, list[str]] = {}
    for base in reversed([base for base in kind.__mro__ if is_ours(base)]):
        for name, value in vars(base).items():
            if name.startswith("_"):
                continue
            if isinstance(value, property):
                found[name] = [f"{name}: {value.fget.__annotations__.get('return', '')}"]
            elif callable(value) or isinstance(value, (classmethod, staticmethod)):
                found[name] = called(name, getattr(kind, name))
    return [line for name in sorted(found) for line in found[name]]


def is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "chainrule"


class Bare(str):
    """Text that stands without quotes where a signature is written."""

    __repr__ = str.__str__


def called(name: str, value: Any) -> list[str]:
    """A name and how it is called, in one line or in a line for each parameter."""
    try:
        found = inspect.signature(value)
    except ValueError:  # the constructor of a class in C
        return [f"{name}(…)"]
    said = [each.replace(annotation=bare(each.annotation)) for each in found.parameters.values()]
    found = found.replace(parameters=said, return_annotation=bare(found.return_annotation))
    if len(line := f"{name}{found}") <= WIDEST:
        return [line]
    end = str(found.replace(parameters=[])).removeprefix("(")
    by_name = [each.kind is each.KEYWORD_ONLY for each in said]
    words = [str(each) for each in said]
    if True in by_name and inspect.Parameter.VAR_POSITIONAL not in [each.kind for each in said]:
        words.insert(by_name.index(True), "*")
    return [f"{name}(", *(f"    {each}," for each in words), end]


def bare(annotation: Any) -> Any:
    return Bare(annotation) if isinstance(annotation, str) else annotation


def commands() -> Iterator[str]:
    """Every command, what it takes and its options."""
    from chainrule.cli.app import app

    for name in app:
        if name.startswith("-"):
            continue
        function = getattr(import_module(f"chainrule.cli.{name}"), name)
        yield name
        for parameter in inspect.signature(function).parameters.values():
            yield f"    {option(parameter)}"


def option(parameter: inspect.Parameter) -> str:
    name = parameter.name.rstrip("_").replace("_", "-")
    said = f"--{name}" if parameter.kind is parameter.KEYWORD_ONLY else name.upper()
    kind = str(parameter.annotation).removeprefix("Annotated[").partition(", Parameter(")[0]
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{said}: {kind}{default}"


if __name__ == "__main__":
    FILE.write_text(listing(), encoding="utf-8")
    print(FILE)
