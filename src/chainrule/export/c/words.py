"""Names, texts and numbers as C writes them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue

LONGEST = 4000  # bytes of a text: compilers need not take strings of more than 4095
_A_LINE = 8  # numbers

# Keywords of C and C++, and what headers and compilers define as macros in lower case.
_WORDS = """
alignas alignof and asm assert atomic auto bitand bitor bool break case catch char class compl complex const
constexpr continue default delete do double else enum errno explicit export extern false far final float for
friend goto huge i386 if imaginary inline int interface linux long mutable namespace near new noexcept noreturn
not nullptr operator or override pascal private protected public register requires restrict return short signed
sizeof small static stderr stdin stdout struct switch template this throw true try typedef typeid typename
typeof union unix unsigned using virtual void volatile while xor
"""
_RESERVED = frozenset(_WORDS.split())


def identifier(text: str, otherwise: str) -> str:
    """A name as a word of C in lower case: letters without their accents, digits and underscores.

    Args:
        text: any.
        otherwise: what goes before a digit, and stands for a text without letters or digits.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].rstrip("_")
    if not word or word[0].isdigit():
        word = f"{otherwise}_{word}".rstrip("_")
    return word


def members(names: Iterable[str]) -> list[str]:
    """A word for each name, all different."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        word = identifier(name, "column")
        word += "_" * (word in _RESERVED)
        if word in found or word == "column":
            word = next(
                w for k in range(number, 2 * number + 1) if (w := f"{word}_{k}") not in found
            )
        found.append(word)
    return found


def literal(text: str) -> str:
    r"""A text as a literal: what is no plain ASCII in octal, which ends after three digits, unlike \x.

    Raises:
        InvalidValue: C has no way to hold it.
    """
    encoded = text.encode()
    if 0 in encoded or len(encoded) > LONGEST:
        what = f"longer than {LONGEST} bytes" if 0 not in encoded else "with a zero in it"
        raise InvalidValue(f"C takes no text {what}: {text[:40]!r}")
    return '"' + "".join(map(_character, encoded)) + '"'


def _character(byte: int) -> str:
    if byte in b'"\\?':  # of three ? and another character, old compilers make one
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def comment(text: str, most: int = 60) -> str:
    """A text that stands in a comment and cannot end it."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    for pair in ("*/", "/*", "??"):
        while pair in shown:
            shown = shown.replace(pair, f"{pair[0]} {pair[1]}")
    return shown[:most] + " …" * (len(shown) > most)


def numbers(values: npt.NDArray[Any]) -> str:
    """Numbers of float32 or float64 as the shortest that are read back exactly, in lines."""
    ending = "f" if values.dtype == np.float32 else ""
    words = [f"{_pointed(str(value))}{ending}" for value in values.ravel()]
    lines = (words[start : start + _A_LINE] for start in range(0, len(words), _A_LINE))
    return ",\n".join("    " + ", ".join(line) for line in lines)


def number(value: float) -> str:
    """A number of float64, in brackets if it is below 0."""
    word = repr(float(value))
    return f"({word})" if word.startswith("-") else word


def _pointed(digits: str) -> str:
    """A number with a point or an exponent, as a literal of a float needs it."""
    return digits if "." in digits or "e" in digits else f"{digits}.0"
