"""The page of a report, parsed as a browser does, and its charts, checked by Plotly's own schema."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from tests.views.parsing import EVIL, Document

from chainrule.errors import MissingExtra
from chainrule.views import page
from chainrule.views.exhibits import (
    Bars,
    Cells,
    Chart,
    Drawing,
    Exhibit,
    Fact,
    Facts,
    Matrix,
    Profile,
    Profiles,
    Section,
    Series,
    Words,
)
from chainrule.views.page.charts import PALETTE

DAYS = np.array(["2026-01-01", "2026-02-01"], "datetime64[D]")
X, Y = np.array([0.0, 0.5, 1.0]), np.array([0.1, np.nan, 10.0])


@pytest.fixture(autouse=True)
def _small_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests do without the five megabytes that draw."""
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "/* Plotly */")


def shown(*exhibits: Exhibit, title: str = "iris", lede: str = "flowers") -> Document:
    sections = [Section("First", exhibits), Section("Second", [Words("nothing more")])]
    return Document(page.report(title, lede, Facts([Fact("rows", "150")]), sections))


def chart(**parts: Any) -> Chart:
    given = {"name": "Loss", "x": "epoch", "y": "loss", "series": [Series("training", X, Y)]}
    return Chart(**(given | parts))


LOOKS = [Series(look, X, Y, look, k) for k, look in enumerate(("line", "dashes", "faint", "points", "marks", "dots", "bars", "band"))]  # fmt: skip
CHARTS = [
    chart(series=LOOKS, log=True, note="a note"),
    chart(series=[Series("a", X, X, "line", hints=("x", "y", "z"))], guide="y = x", legend="bottom right"),
    chart(series=[Series("a", ["u", "v", "w"], X, "dots")], below=Series("rows", ["u", "v", "w"], X, "bars")),
    chart(series=[Series("a", DAYS, X[:2])], limits=(0, 1), guide="y = 0"),
    chart(series=[], guide="y = x"),
]  # fmt: skip


# --------------------------------------------------------------------------------------- the page


def test_every_section_has_a_heading_and_a_link_to_it() -> None:
    document = shown()
    assert document.texts["h2"] == ["First", "Second"]
    links = [a["href"] for a in document.all("a")]
    assert links == ["#part1", "#part2"]
    assert links == [f"#{section['id']}" for section in document.all("section")]
    ids = {attributes["id"] for _, attributes in document.tags if "id" in attributes}
    assert {section["aria-labelledby"] for section in document.all("section")} <= ids


def test_the_page_asks_nobody_for_anything() -> None:
    document = shown(*CHARTS)
    (policy,) = [meta["content"] for meta in document.all("meta") if "http-equiv" in meta]
    assert policy is not None and policy.startswith("default-src 'none'; ")
    assert [link["href"] for link in document.all("link")] == ["data:,"]
    assert not [a for _, a in document.tags if "src" in a]
    own = document.texts["style"][0] + document.texts["script"][-1]
    assert not re.search(r"url\(|@import|https?:", own)
    assert "showSendToCloud: false" in own and 'plotlyServerURL: ""' in own


def test_it_follows_the_readers_choice_of_light_or_dark() -> None:
    style = files("chainrule.views.page").joinpath("report.css").read_text(encoding="utf-8")
    light, dark = (re.findall(r"--(\w+): (#\w+)", part) for part in re.split("@media .*dark", style)[:2])  # fmt: skip
    assert dict(light).keys() == dict(dark).keys()
    for theme in (dict(light), dict(dark)):
        assert contrast(theme["ink"], theme["ground"]) > 7
        assert min(contrast(theme["soft"], theme[g]) for g in ("ground", "card")) > 4.5
        assert min(contrast(colour, theme["ground"]) for colour in PALETTE) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast of two colours, from 1 to 21."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
        parts = np.array([int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_charts_that_follow_each_other_share_a_row() -> None:
    document = shown(chart(), chart(), Words("between"), chart())
    assert [d["class"] for d in document.all("div") if d.get("class") == "charts"] == ["charts"] * 2
    keys = [d["id"] for d in document.all("div") if d.get("class") == "chart"]
    assert keys == list(document.figures) == ["chart1-1", "chart1-2", "chart1-4"]


def test_without_plotly_the_answer_is_the_line_that_installs_it(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtra, match=r"chainrule\[plot\]"):
        shown()


# -------------------------------------------------------------------------------------- what it shows


def test_facts_are_tiles() -> None:
    document = shown(Facts([Fact("accuracy", "87 %", "a constant: 50 %")]))
    assert document.texts["dt"] == ["rows", "accuracy"]
    assert document.texts["strong"] == ["150", "87 %"]
    assert "a constant: 50 %" in document.texts["span"]


def test_columns_of_numbers_stand_to_the_right_and_can_be_sorted() -> None:
    document = shown(
        Cells("scores", ["score", "value"], [["R²", "−0.5"], ["n", "1,000"], ["x", "–"]])
    )
    assert [th.get("class") for th in document.all("th")] == [None, "number"]
    assert document.texts["button"] == ["score", "value"]
    assert [td.get("class") for td in document.all("td")] == [None, "number"] * 3
    (region,) = [d for d in document.all("div") if d.get("role") == "region"]
    assert (region["tabindex"], region["aria-label"]) == ("0", "scores")


def test_long_texts_are_cut_and_whole_where_the_pointer_rests() -> None:
    document = shown(Cells("rows", ["h" * 90], [["c" * 90]]))
    assert len(document.texts["button"][0]) == 24 and len(document.texts["td"][0]) == 60
    assert document.all("th")[0]["title"] == "h" * 90
    assert document.all("td")[0]["title"] == "c" * 90


def test_bars_are_as_long_as_their_values() -> None:
    bars = Bars(
        "worth", ["a", "b", "c"], np.array([3.0, 1.0, -1.0]), ["x", "y", "z"], np.array([1.0, 0, 0])
    )
    document = shown(bars)
    assert [i["style"] for i in document.all("i")] == [
        "width:75.00%",
        "width:25.00%",
        "width:0.00%",
    ]
    assert [b["style"] for b in document.all("b")] == ["left:50.00%;width:50.00%"]
    assert document.texts["caption"] == ["worth"]


def test_the_shade_of_a_cell_is_its_share_of_the_row() -> None:
    document = shown(Matrix(["a", "b"], np.array([[3.0, 1.0], [0.0, 0.0]])))
    cells = [td for td in document.all("td") if "style" in td]
    assert [td["style"] for td in cells] == ["--share:75.0%", "--share:25.0%", "--share:0.0%", "--share:0.0%"]  # fmt: skip
    assert [td["class"] for td in cells] == ["right", "wrong", "wrong", "right"]
    assert document.texts["td"][1:] == ["375.0 %", "125.0 %", "·", "·"]


def test_a_profile_has_a_bar_for_each_height_that_is_not_0() -> None:
    heights = np.array([2.0, 0.0, 1.0])
    document = shown(Profiles([Profile("age", "number", 0.25, heights, "0 to 3"), Profile("gone", "number", 1.0, np.empty(0), "no value")]))  # fmt: skip
    (drawn,) = document.all("path")
    assert drawn["d"] is not None and drawn["d"].count("M") == 2
    assert document.texts["td"][:3] == ["age", "number", "25.0 %"]


@pytest.mark.parametrize("number", range(len(CHARTS)))
def test_plotly_knows_every_setting(number: int) -> None:
    for figure in shown(CHARTS[number]).figures.values():
        go.Figure(figure["data"], figure["layout"])


def test_a_chart_holds_its_numbers_and_leaves_gaps_where_there_are_none() -> None:
    document = shown(chart())
    ((trace,),) = [figure["data"] for figure in document.figures.values()]
    assert trace["x"] == [0, 0.5, 1] and trace["y"] == [0.1, None, 10]
    (element,) = [d for d in document.all("div") if d.get("role") == "img"]
    assert element["aria-label"] == "Loss: loss against epoch"


def test_a_legend_has_each_name_once() -> None:
    series = [Series("a", X, Y, "faint"), Series("a", X, Y), Series("", X, Y, "band")]
    (figure,) = shown(chart(series=series)).figures.values()
    assert [trace["showlegend"] for trace in figure["data"]] == [False, True, False]
    assert not figure["layout"]["showlegend"]


def test_a_logarithmic_axis_has_ticks_at_1_2_and_5() -> None:
    (figure,) = shown(chart(log=True)).figures.values()
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert figure["layout"]["yaxis"]["ticktext"][:4] == ["0.1", "0.2", "0.5", "1"]


def test_dates_and_categories_have_their_own_axes() -> None:
    figures = list(shown(CHARTS[2], CHARTS[3]).figures.values())
    assert figures[0]["layout"]["xaxis"]["type"] == "category"
    assert figures[0]["data"][1]["yaxis"] == "y2"
    assert figures[0]["layout"]["xaxis"]["anchor"] == "y2"
    assert figures[1]["layout"]["xaxis"]["type"] == "date"
    assert figures[1]["data"][0]["x"] == ["2026-01-01", "2026-02-01"]


# ---------------------------------------------------------------------------- names from outside


def attacked() -> Document:
    """A page in which every text from outside is an attack."""
    numbers = np.array([1.0, 2.0])
    return shown(
        Facts([Fact(EVIL, EVIL, EVIL)]),
        Cells(EVIL, [EVIL], [[EVIL]]),
        Profiles([Profile(EVIL, EVIL, 0.5, numbers, EVIL)]),
        Bars(EVIL, [EVIL, EVIL], numbers, [EVIL, EVIL]),
        Matrix([EVIL, "b"], np.eye(2)),
        Words(EVIL),
        chart(name=EVIL, x=EVIL, y=EVIL, note=EVIL, series=[Series(EVIL, numbers, numbers, hints=[EVIL, EVIL])]),
        chart(series=[Series(EVIL, [EVIL, "b"], numbers), Series("c", [EVIL, "b"], numbers)]),
        title=EVIL,
        lede=EVIL,
    )  # fmt: skip


def test_a_name_cannot_become_an_element() -> None:
    document = attacked()
    kinds = [attributes.get("type") for attributes in document.all("script")]
    assert kinds == ["application/json", None, None]
    assert {tag for tag, _ in document.tags}.isdisjoint({"img", "iframe"})
    assert [a["href"] for a in document.all("a")] == ["#part1", "#part2"]
    assert not [name for _, attributes in document.tags for name in attributes if name[:2] == "on"]
    assert document.texts["h1"] == document.texts["title"] == [EVIL]
    assert EVIL in document.texts["p"] and EVIL in document.texts["h3"]


def test_a_name_in_a_chart_is_text_for_plotly_as_well() -> None:
    def strings(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [text for each in part.values() for text in strings(each)]
        if isinstance(part, list):
            return [text for each in part for text in strings(each)]
        return [part] if isinstance(part, str) else []

    found = strings(list(attacked().figures.values()))
    assert not [text for text in found if re.search(r"<(?!/?extra>|br>)", text)]
    templates = [text for text in found if "<extra>" in text]
    assert templates and all("%{x}" not in text.split("<extra>")[1] for text in templates)


def test_a_drawing_stands_as_it_is() -> None:
    document = shown(Drawing("<svg><title>a network</title></svg>"))
    assert "a network" in document.texts["title"]
