"""The letters of a formula: a string taken apart into what a typesetter needs to know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Symbol:
    """A letter and what stands around it: ∇φ_2, W_1ᵀ, σ′, u_3⁽²⁾."""

    letter: str
    index: str = ""
    nabla: bool = False
    prime: bool = False
    upper: str = ""


@dataclass(frozen=True)
class Partial:
    """A partial derivative, ∂L/∂W_2."""

    of: Symbol
    by: Symbol


@dataclass(frozen=True)
class Word:
    """The name of a function: log, relu."""

    text: str


@dataclass(frozen=True)
class Mark:
    """Anything else: an operator, a bracket, a number, a space."""

    text: str


Token: TypeAlias = Symbol | Partial | Word | Mark

_SYMBOL = r"(∇?)([A-Za-zφσδ])(?:_(\{[^}]*\}|[A-Za-z0-9]+))?(′?)(ᵀ|²|⁽[⁰¹²³⁴⁵⁶⁷⁸⁹ᵏʲ]+⁾)?"
_TOKEN = re.compile(
    rf"∂(?P<of>{_SYMBOL})/∂(?P<by>{_SYMBOL})"
    r"|(?P<word>[A-Za-z]{2,}(?:_[a-z]+)*)"
    rf"|(?P<symbol>{_SYMBOL})"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<mark>.)"
)
_UPPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾ᵏʲ", "0123456789()kj")


def tokens(text: str) -> Iterator[Token]:
    """The letters, names and marks of a formula, in their order."""
    for match in _TOKEN.finditer(text):
        if match["of"]:
            yield Partial(_symbol(match["of"]), _symbol(match["by"]))
        elif match["word"]:
            yield Word(match["word"].replace("_", " "))
        elif match["symbol"]:
            yield _symbol(match["symbol"])
        else:
            yield Mark(match[0])


def _symbol(text: str) -> Symbol:
    match = re.fullmatch(_SYMBOL, text)
    assert match is not None
    nabla, letter, index, prime, upper = match.groups(default="")
    raised = "T" if upper == "ᵀ" else upper.translate(_UPPER)
    return Symbol(letter, index.strip("{}"), bool(nabla), bool(prime), raised)


def raised(number: int) -> str:
    """A component's number as it stands above a letter: 12 gives ⁽¹²⁾."""
    return "⁽" + str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")) + "⁾"
