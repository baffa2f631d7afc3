"""Formulas as HTML: letters in MathML, which browsers set by themselves, numbers in tables.

Nothing is loaded from anywhere. Colours are those of the page around it, light or dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from chainrule.views.mathematics.document import (
    EDGE,
    Document,
    Formula,
    Heading,
    Item,
    Matrix,
    Part,
    Sentence,
    by,
    entry,
    is_apart,
    number,
    pairs,
    shown,
    spans,
)
from chainrule.views.mathematics.notation import Partial, Symbol, Token, Word, tokens

STYLE = """
.chainrule { font-family: system-ui, sans-serif; line-height: 1.5; max-width: 72rem;
  overflow-x: auto; }
.chainrule h2 { font-size: 1.25rem; margin: 0.4em 0; }
.chainrule h3 { font-size: 1.05rem; margin: 1.2em 0 0.2em; border-bottom: 1px solid #8886; }
.chainrule p { margin: 0.3em 0; }
.chainrule .formula { display: flex; flex-wrap: wrap; align-items: center; gap: 0.1em 0.35em;
  margin: 0.45em 0 0.45em 1em; }
.chainrule .unit { display: inline-flex; align-items: center; gap: 0.35em; }
.chainrule .apart { margin-left: 1.5em; }
.chainrule .shape { margin-left: auto; padding-left: 1.5em; opacity: 0.7; font-size: 0.85em;
  white-space: nowrap; }
.chainrule math { font-size: 1.05em; }
.chainrule table.matrix { border-collapse: collapse; margin: 0; font-size: 0.92em; width: auto;
  display: inline-table; border: none; background: none; }
.chainrule table.matrix td, .chainrule table.matrix th { padding: 0.05em 0.4em; border: none;
  text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; background: none; }
.chainrule table.matrix th { font-weight: normal; opacity: 0.65; font-size: 0.85em;
  max-width: 9em; overflow: hidden; text-overflow: ellipsis; }
.chainrule table.matrix th.row { text-align: left; }
.chainrule table.matrix tbody td:first-child { border-left: 1.5px solid currentColor; }
.chainrule table.matrix tbody td.last { border-right: 1.5px solid currentColor; }
.chainrule table.matrix tbody td { --ink: linear-gradient(currentColor, currentColor) no-repeat;
  background: var(--ink) 0 0 / var(--a, 0) 1.5px, var(--ink) 0 100% / var(--b, 0) 1.5px,
    var(--ink) 100% 0 / var(--c, 0) 1.5px, var(--ink) 100% 100% / var(--d, 0) 1.5px; }
.chainrule table.matrix tbody tr:first-child td:first-child { --a: 5px; }
.chainrule table.matrix tbody tr:last-child td:first-child { --b: 5px; }
.chainrule table.matrix tbody tr:first-child td.last { --c: 5px; }
.chainrule table.matrix tbody tr:last-child td.last { --d: 5px; }
"""


_LAST = ' class="last"'


def html(document: Document, edge: int = EDGE) -> str:
    """A document as an element that may stand in any page, its style with it."""
    return f'<div class="chainrule"><style>{STYLE}</style>{body(document, edge)}</div>'


def body(document: Document, edge: int = EDGE, exact: bool = False) -> str:
    """What stands in that element besides its style.

    Args:
        document: what is said.
        edge: entries shown at each end of what is too long to be shown whole.
        exact: give every number that stands in a formula a title with all its digits.
    """
    items = "".join(_item(item, edge, exact) for item in document.items)
    return f"<h2>{escape(document.title)}</h2>{items}"


def page(document: Document, edge: int = EDGE) -> str:
    """A document as a page of its own."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(document.title)}</title></head><body>{html(document, edge)}</body></html>\n"
    )


def _item(item: Item, edge: int, exact: bool) -> str:
    match item:
        case Heading():
            return f"<h3>{escape(item.text)}</h3>"
        case Formula():
            return _formula(item, edge, exact)
        case Sentence():
            return f"<p>{_words(item.text)}</p>"


def _words(text: str) -> str:
    return "".join(
        mathml(piece) if is_formula else escape(piece) for is_formula, piece in spans(text)
    )


def _formula(formula: Formula, edge: int, exact: bool) -> str:
    """The parts in a row that may break before each string; the shape at the right."""
    shape = "" if formula.shape is None else f'<span class="shape">{by(formula.shape)}</span>'
    units = "".join(_units(formula, edge, exact))
    return f'<div class="formula">{units}{shape}</div>'


def _units(formula: Formula, edge: int, exact: bool) -> Iterator[str]:
    """The parts, each string with what follows it up to the next string."""
    unit = ""
    for part, before in pairs(formula.parts):
        if isinstance(part, str):
            yield from [f"{unit}</span>"] if unit else []
            unit = f'<span class="unit{" apart" * is_apart(part)}">'
        unit += _part(part, before, edge, exact)
    yield f"{unit}</span>"


def _part(part: Part, before: str, edge: int, exact: bool) -> str:
    if isinstance(part, str):
        return mathml(part)
    if part.is_number:
        set_ = mathml(number(part, before))
        return f"<span{_title(float(part.values.flat[0]))}>{set_}</span>" if exact else set_
    return _matrix(part, edge, exact)


def _title(value: float) -> str:
    """All the digits of a number."""
    return f' title="{value!r}"'


def mathml(text: str) -> str:
    """Letters as MathML."""
    return f"<math><mrow>{''.join(map(_token, tokens(text)))}</mrow></math>"


def _token(token: Token) -> str:
    match token:
        case Partial():
            of, under = _symbol(token.of), _symbol(token.by)
            return f"<mfrac><mrow><mo>∂</mo>{of}</mrow><mrow><mo>∂</mo>{under}</mrow></mfrac>"
        case Symbol():
            return _symbol(token)
        case Word():
            return f"<mi>{escape(token.text)}</mi>"
    if token.text.isspace():
        return '<mspace width="0.17em"/>'
    if token.text[0].isdigit() or token.text in "∞½":
        return f"<mn>{token.text}</mn>"
    return f'<mo stretchy="false">{escape(token.text)}</mo>'


def _symbol(symbol: Symbol) -> str:
    letter = f"<mi>{'ℒ' if symbol.letter == 'L' else symbol.letter}</mi>"
    upper = "<mo>′</mo>" * symbol.prime + (f"<mi>{symbol.upper}</mi>" if symbol.upper else "")
    lower = "".join(map(_token, tokens(symbol.index)))
    nabla = "<mo>∇</mo>" if symbol.nabla else ""
    match bool(lower), bool(upper):
        case True, True:
            return f"{nabla}<msubsup>{letter}<mrow>{lower}</mrow><mrow>{upper}</mrow></msubsup>"
        case True, False:
            return f"{nabla}<msub>{letter}<mrow>{lower}</mrow></msub>"
        case False, True:
            return f"{nabla}<msup>{letter}<mrow>{upper}</mrow></msup>"
    return nabla + letter


def _matrix(matrix: Matrix, edge: int, exact: bool) -> str:
    rows, columns = (shown(count, edge) for count in matrix.table.shape)
    head = ""
    if matrix.columns:
        names = "".join(_heading(matrix.columns, j, "col") for j in columns)
        head = f"<thead><tr>{names}</tr></thead>"
    body = "".join(
        "<tr>"
        + "".join(_cell(matrix, i, j, k == len(columns) - 1, exact) for k, j in enumerate(columns))
        + (_heading(matrix.rows, i, "row") if matrix.rows else "")
        + "</tr>"
        for i in rows
    )
    return f'<table class="matrix">{head}<tbody>{body}</tbody></table>'


def _heading(names: tuple[str, ...], i: int | None, scope: str) -> str:
    name = "…" if i is None else escape(names[i])
    return f'<th class="{scope}" scope="{scope}" title="{name}">{name}</th>'


def _cell(matrix: Matrix, i: int | None, j: int | None, last: bool, exact: bool) -> str:
    title = ""
    if i is None:
        text = "⋱" if j is None else "⋮"
    elif j is None:
        text = "…"
    else:
        value = float(matrix.table[i, j])
        text, title = entry(value), _title(value) if exact else ""
    return f"<td{_LAST * last}{title}>{text}</td>"
