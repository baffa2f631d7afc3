"""The document: a table, a legend, the sections, Plotly's script and ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from chainrule.errors import MissingExtra
from chainrule.views.page.marks import sample_svg
from chainrule.views.page.parts import Part
from chainrule.views.page.traces import group_of
from chainrule.views.pens import Pen

Cells = tuple[list[str], list[list[str]]]  # headers, and the rows of a table

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def document(
    title: str,
    parts: Sequence[Part],
    strokes: Mapping[str, Pen],
    rates: Mapping[str, float | None],
    *,
    rate: str = "learning rate",
    table: Cells | None = None,
    kind: str = "optimizer",
) -> str:
    """The whole page; the legend stands beside all figures, and names what each pen draws: a kind of thing."""
    figures = [figure for part in parts for figure in part.figures]
    return asset("page.html").format(
        policy=POLICY,
        title=escape(title),
        style=asset("page.css"),
        table=_table(table),
        sections="\n".join(part.html for part in parts),
        legend=_legend(strokes, rates, rate, kind),
        data=json_text([vars(figure) for figure in figures]),
        plotly=plotly_script(),
        script=asset("sorting.js") + asset("page.js"),
    )


def _table(table: Cells | None) -> str:
    """The table; a click on a header sorts it."""
    if table is None:
        return ""
    headers, rows = table
    head = "".join(
        f'<th scope="col"><button type="button">{escape(text)}</button></th>' for text in headers
    )
    body = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def asset(name: str) -> str:
    """A file that lies beside this one."""
    return files("chainrule.views.page").joinpath(name).read_text(encoding="utf-8")


def plotly_script() -> str:
    """The script that draws."""
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as absent:
        raise MissingExtra("plot") from absent
    return str(get_plotlyjs())


def _legend(
    strokes: Mapping[str, Pen], rates: Mapping[str, float | None], rate: str, kind: str
) -> str:
    """A button for each pen; it hides and shows what it draws in all figures."""
    entries = "".join(
        f'<button type="button" data-toggle="{group_of(strokes, name)}" aria-pressed="true">'
        f"{sample_svg(pen)}<span>{escape(name)}{_rate(rates.get(name))}</span></button>"
        for name, pen in strokes.items()
    )
    rated = any(each is not None for each in rates.values())
    heading = f"{kind} ({rate})" if rated else kind
    return f"<h2>{heading}</h2><div>{entries}</div>"


def _rate(rate: float | None) -> str:
    return "" if rate is None else f" ({rate:.3g})"


def json_text(data: object) -> str:
    """JSON in which nothing can end the script element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, default=float)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
