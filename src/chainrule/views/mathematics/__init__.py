"""Formulas with their numbers: set as text, Markdown, LaTeX or HTML."""

from __future__ import annotations

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
)
from chainrule.views.mathematics.html import STYLE, body, html, page
from chainrule.views.mathematics.latex import display, latex, markdown
from chainrule.views.mathematics.notation import raised
from chainrule.views.mathematics.text import text

__all__ = [
    "EDGE",
    "STYLE",
    "Document",
    "Formula",
    "Heading",
    "Item",
    "Matrix",
    "Part",
    "Sentence",
    "body",
    "by",
    "display",
    "html",
    "latex",
    "markdown",
    "page",
    "raised",
    "text",
]
