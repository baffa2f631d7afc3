"""A title, a table and sentences, as text and as HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from chainrule.views import words

WIDTH = 80


@dataclass(frozen=True)
class Report:
    """What was found, for a terminal and for a notebook.

    Attributes:
        title: a line above.
        headers: of the table.
        rows: its cells.
        notes: sentences below it that say how to read it.
        verdict: sentences at the end that say what came of it.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    verdict: Sequence[str] = ()

    def text(self) -> str:
        """In lines of 80 characters."""
        parts = (_wrapped([self.title]), words.table(self.headers, self.rows))
        return "\n\n".join(
            part for part in (*parts, _wrapped(self.notes), _wrapped(self.verdict)) if part
        )

    def html(self) -> str:
        """As an element for any page, on light or dark ground."""
        cell = "text-align:right;padding:0.1em 0.7em;border:none;background:none"
        line = "margin:0.3em 0"
        head = "".join(f"<th style='{cell}'>{escape(name)}</th>" for name in self.headers)
        body = "".join(
            "<tr>" + "".join(f"<td style='{cell}'>{escape(each)}</td>" for each in row) + "</tr>"
            for row in self.rows
        )
        return (
            "<div style='overflow-x:auto;line-height:1.5'>"
            f"<p style='{line}'>{escape(self.title)}</p>"
            "<table style='border-collapse:collapse;background:none;border:none'>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p style='{line};opacity:0.7;font-size:0.9em'>{_broken(self.notes)}</p>"
            f"<p style='{line}'>{_broken(self.verdict)}</p></div>"
        )


def _wrapped(sentences: Sequence[str]) -> str:
    return "\n".join(line for each in sentences for line in textwrap.wrap(each, WIDTH))


def _broken(sentences: Sequence[str]) -> str:
    return "<br>".join(map(escape, sentences))
