"""Formulas as LaTeX, alone or in Markdown; what is used needs amsmath, or MathJax or KaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from chainrule.views.mathematics.document import (
    EDGE,
    Document,
    Formula,
    Heading,
    Matrix,
    Part,
    by,
    entry,
    is_apart,
    number,
    pairs,
    shown,
    spans,
)
from chainrule.views.mathematics.notation import Partial, Symbol, Token, Word, tokens

_GREEK = {"φ": r"\phi", "σ": r"\sigma", "δ": r"\delta", "L": r"\mathcal{L}"}
WIDEST = 8  # columns of numbers in a line
_KNOWN = ("log", "exp", "tanh")
_MARKS = {
    "·": r"\cdot ", "−": "-", "⋯": r"\cdots ", "…": r"\dots ", "∞": r"\infty ", "Σ": r"\sum ",
    "½": r"\tfrac12 ", "×": r"\times ", "√": r"\surd ", "{": r"\{", "}": r"\}",
}  # fmt: skip
_SPECIAL = re.compile(r"[&%$#_{}~^\\]")
_MARKED = re.compile(r"([\\`*_$<>\[\]|#])")
_ESCAPES = {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}


def latex(document: Document, edge: int = EDGE) -> str:
    """A document as a piece of LaTeX, each formula displayed on its own."""
    pieces = [rf"\subsection*{{{words(document.title, _escaped)}}}"]
    for item in document.items:
        match item:
            case Heading():
                pieces.append(rf"\paragraph{{{words(item.text, _escaped)}}}")
            case Formula():
                pieces.append("\\[\n" + formula(item, edge) + "\n\\]")
            case _:
                pieces.append(words(item.text, _escaped))
    return "\n\n".join(pieces) + "\n"


def markdown(document: Document, edge: int = EDGE) -> str:
    r"""A document as Markdown, with LaTeX between double dollars."""
    pieces = [f"## {words(document.title, _marked)}"]
    for item in document.items:
        match item:
            case Heading():
                pieces.append(f"### {words(item.text, _marked)}")
            case Formula():
                pieces.append("$$\n" + formula(item, edge) + "\n$$")
            case _:
                pieces.append(words(item.text, _marked))
    return "\n\n".join(pieces) + "\n"


def display(document: Document, edge: int = EDGE) -> str:
    """The formulas of a document in one display, as notebooks show it."""
    formulas = [formula(item, edge) for item in document.items if isinstance(item, Formula)]
    joined = " \\\\\n".join(formulas)
    return f"$$\n\\begin{{gathered}}\n{joined}\n\\end{{gathered}}\n$$"


def formula(formula: Formula, edge: int = EDGE) -> str:
    """A formula, broken into lines where it would be long; without what makes it a display."""
    lines, columns = [""], 0
    for i, (part, before) in enumerate(pairs(formula.parts)):
        wide = sum(_columns(p, edge) for p in formula.parts[i : i + 2])
        if isinstance(part, str) and lines[-1] and _breaks(part, columns + wide):
            lines.append("")
            columns = 0
        columns += _columns(part, edge)
        lines[-1] += (
            _letters(part).strip()
            if isinstance(part, str)
            else "".join(_matrix(part, before, edge))
        )
    body = lines[0]
    if len(lines) > 1:
        joined = r" \\ & ".join(lines)
        body = rf"\begin{{aligned}} & {joined} \end{{aligned}}"
    if formula.shape is None:
        return body
    return rf"{body} \qquad {{\scriptstyle {_letters(by(formula.shape))}}}"


def _breaks(part: str, columns: int) -> bool:
    """Whether a line ends before a string: an equality, a formula of its own, or a line too wide."""
    return part.startswith(" = ") or is_apart(part) or columns > WIDEST


def _columns(part: Part, edge: int) -> int:
    """How many columns of numbers a part has; letters have none."""
    return 0 if isinstance(part, str) else len(shown(part.table.shape[1], edge))


def words(text: str, escaped: Callable[[str], str]) -> str:
    """A sentence, the formulas in it between dollars."""
    return "".join(
        f"${_letters(piece)}$" if is_formula else escaped(piece)
        for is_formula, piece in spans(text)
    )


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], "\\" + match[0]), text)


def _marked(text: str) -> str:
    """Words in Markdown, in which _, * and $ mean something."""
    return _MARKED.sub(r"\\\1", text)


def _letters(text: str) -> str:
    return "".join(map(_token, tokens(text)))


def _token(token: Token) -> str:
    match token:
        case Partial():
            return rf"\frac{{\partial {_symbol(token.of)}}}{{\partial {_symbol(token.by)}}}"
        case Symbol():
            return _symbol(token)
        case Word():
            name = token.text
            return rf"\{name} " if name in _KNOWN else rf"\operatorname{{{name}}}"
    return _MARKS.get(token.text, token.text)


def _symbol(symbol: Symbol) -> str:
    letter = _GREEK.get(symbol.letter, symbol.letter) + "'" * symbol.prime
    lower = f"_{{{_letters(symbol.index)}}}" if symbol.index else ""
    upper = f"^{{{symbol.upper}}}" if symbol.upper else ""
    space = " " if letter.startswith("\\") and not (lower or upper) else ""
    return r"\nabla " * symbol.nabla + letter + lower + upper + space


def _matrix(matrix: Matrix, before: str, edge: int) -> Iterator[str]:
    if matrix.is_number:
        yield _number(number(matrix, before))
        return
    rows, columns = (shown(count, edge) for count in matrix.table.shape)
    lines = [" & ".join(_cell(matrix, i, j) for j in columns) for i in rows]
    if matrix.columns:
        heads = ", ".join(r"\dots" if j is None else _name(matrix.columns[j]) for j in columns)
        yield rf"\overset{{\scriptstyle {heads}}}"
    joined = r" \\ ".join(lines)
    yield rf"{{\begin{{pmatrix}} {joined} \end{{pmatrix}}}}"
    if matrix.rows:
        names = r" \\ ".join(r"\vdots" if i is None else _name(matrix.rows[i]) for i in rows)
        yield rf"{{\scriptstyle \begin{{matrix}} {names} \end{{matrix}}}}"


def _cell(matrix: Matrix, i: int | None, j: int | None) -> str:
    if i is None:
        return r"\ddots" if j is None else r"\vdots"
    return r"\cdots" if j is None else _number(entry(float(matrix.table[i, j])))


def _name(name: str) -> str:
    return rf"\text{{{_escaped(name)}}}"


def _number(text: str) -> str:
    """1.5e−05 as 1.5·10⁻⁵."""
    digits, _, power = text.replace("−", "-").replace("∞", r"\infty").partition("e")
    closed = ")" * power.endswith(")")
    return rf"{digits}\cdot 10^{{{int(power.rstrip(')'))}}}{closed}" if power else digits
