"""Parts of a page: a section, and the figures in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from chainrule.views.page.traces import Figure


@dataclass
class Part:
    """A section of the page.

    Attributes:
        html: the section, with an empty element for every figure.
        figures: what is drawn in them.
    """

    html: str
    figures: list[Figure] = field(default_factory=list)


def figure_part(heading: str, figure: Figure, words: Iterable[str]) -> Part:
    """A heading, buttons, a large figure, and what its marks mean."""
    buttons = "".join(
        f'<button type="button" data-figure="{figure.key}" data-change="{k}" '
        f'aria-pressed="{"true" if k == 0 else "false"}">{escape(word)}</button>'
        for k, word in enumerate(figure.buttons)
    )
    choice = f'<div class="choice" role="group">{buttons}</div>' if buttons else ""
    return Part(
        f'<section><header><h2>{escape(heading)}</h2>{choice}</header><div id="{figure.key}" '
        f'class="large figure"></div><p class="words">{escape(" ".join(words))}</p></section>',
        [figure],
    )
