"""A report: sections of charts, tables and bars, on light or dark ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from typing import Any

from chainrule.views.exhibits import (
    Bars,
    Cells,
    Chart,
    Drawing,
    Exhibit,
    Facts,
    Matrix,
    Profiles,
    Section,
    Words,
)
from chainrule.views.page import exhibits
from chainrule.views.page.charts import chart_part
from chainrule.views.page.document import POLICY, asset, json_text, plotly_script
from chainrule.views.page.parts import Part

_HTML: dict[type[Any], Callable[[Any], str]] = {
    Facts: exhibits.facts_html,
    Cells: exhibits.cells_html,
    Profiles: exhibits.profiles_html,
    Bars: exhibits.bars_html,
    Matrix: exhibits.matrix_html,
    Drawing: exhibits.drawing_html,
    Words: exhibits.words_html,
}
_ROWS: dict[type[Any], str] = {Chart: "charts", Matrix: "row", Cells: "row"}


def report(title: str, lede: str, facts: Facts, sections: Sequence[Section]) -> str:
    """The whole page: title, numbers that matter, a list of the sections, and the sections.

    Args:
        title: stands above all.
        lede: a sentence below it.
        facts: the first that is seen.
        sections: in their order.

    Returns:
        An HTML document.

    Raises:
        MissingExtra: plotly is not installed.
    """
    parts = [_section(k, section) for k, section in enumerate(sections, start=1)]
    links = "".join(
        f'<li><a href="#part{k}">{escape(section.heading)}</a></li>'
        for k, section in enumerate(sections, start=1)
    )
    figures = [{"key": f.key, "data": f.data, "layout": f.layout} for p in parts for f in p.figures]
    return asset("report.html").format(
        policy=POLICY,
        title=escape(title),
        lede=escape(lede),
        style=asset("report.css"),
        facts=exhibits.facts_html(facts),
        links=links,
        sections="\n".join(part.html for part in parts),
        data=json_text(figures),
        plotly=plotly_script(),
        script=asset("sorting.js") + asset("report.js"),
    )


def _section(k: int, section: Section) -> Part:
    """Its heading, and its exhibits in their order; charts, or tables, that follow each other share a row."""
    html, figures = [], []
    numbered = enumerate(section.exhibits, start=1)
    for name, group in groupby(numbered, lambda each: _ROWS.get(type(each[1]), "")):
        parts = [_part(f"chart{k}-{number}", each) for number, each in group]
        figures += [figure for part in parts for figure in part.figures]
        inside = "".join(part.html for part in parts)
        html.append(f'<div class="{name}">{inside}</div>' if name else inside)
    heading = f'<h2 id="part{k}-heading">{escape(section.heading)}</h2>'
    return Part(
        f'<section id="part{k}" aria-labelledby="part{k}-heading">{heading}{"".join(html)}</section>',
        figures,
    )


def _part(key: str, exhibit: Exhibit) -> Part:
    if isinstance(exhibit, Chart):
        return chart_part(key, exhibit)
    return Part(_HTML[type(exhibit)](exhibit))
