"""The pages, parsed as a browser does, and the figures in them, checked by Plotly's own schema."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs
from tests.views.parsing import EVIL, Document

from chainrule.errors import MissingExtra
from chainrule.views import page
from chainrule.views.data import Curve, Path, Plane, Range, Region, Search, Surface
from chainrule.views.page.traces import POINTS as MOST_POINTS
from chainrule.views.pens import PENS

nan, inf = np.nan, np.inf

GRID = np.linspace(-1.0, 1.0, 21)
POINTS = np.array([[-0.5, 0.0], [0.5, 0.2], [0.4, -0.6], [-0.3, 0.9]])
TABLE = (["optimizer", "final loss"], [["adam", "0.01"], ["sgd", "–"]])


@pytest.fixture(autouse=True)
def _small_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests do without the five megabytes that draw."""
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "/* Plotly */")


def curve(name: str = "adam") -> Curve:
    losses = np.array([[4.0, 2.0, 1.0], [8.0, 1.0, 0.5], [5.0, 3.0, 0.1]])
    return Curve(name, losses, 0.01)


def search(name: str = "adam") -> Search:
    rates = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    return Search(name, rates, np.array([0.9, 0.5, 0.1, 0.4, inf]), 1e-2)


def plane(classes: tuple[str, ...] = ("no", "yes")) -> Plane:
    values = np.arange(4.0) % max(len(classes), 1) if classes else np.array([-1.0, 0.0, 1.0, 2.0])
    return Plane(("width", "height"), GRID, GRID, POINTS, values, classes)


def region(name: str = "adam", wrong: tuple[int, ...] = (2,)) -> Region:
    values = np.tile(1 / (1 + np.exp(-5 * GRID)), (21, 1))
    return Region(name, values, np.isin(np.arange(4), wrong), "75 % right")


def surface() -> Surface:
    values = GRID[np.newaxis] ** 2 + 10 * GRID[:, np.newaxis] ** 2
    return Surface("bowl", GRID, GRID, values, np.zeros(2))


def path(name: str = "sgd", diverges: bool = False) -> Path:
    points = np.array([[-0.8, 0.5], [-0.4, -0.3], [0.1, 0.1], [0.0, 0.05]])
    values = points[:, 0] ** 2 + 10 * points[:, 1] ** 2
    if diverges:
        points, values = points.copy(), values.copy()
        points[2:], values[2:] = nan, nan
    return Path(name, points, values, 0.1)


def ramp(name: str = "adam", suggested: float | None = 1e-3) -> Range:
    losses = np.array([1.0, 1.0, 0.8, 0.4, 0.2, 3.0, nan])
    return Range(name, np.logspace(-6, 0, 7), losses, suggested)


def compared(**parts: Any) -> Document:
    given = {
        "title": "moons",
        "table": TABLE,
        "curves": [],
        "searches": [],
        "plane": None,
        "regions": [],
    }
    return Document(page.comparison(**(given | parts)))


def traces(document: Document, key: str, **wanted: Any) -> list[dict[str, Any]]:
    """The traces of a figure that have these settings."""
    return [
        trace
        for trace in document.figures[key]["data"]
        if all(trace.get(name) == value for name, value in wanted.items())
    ]


def lines(document: Document, key: str) -> list[dict[str, Any]]:
    return traces(document, key, mode="lines+markers")


def symbols(document: Document, key: str, symbol: str) -> list[dict[str, Any]]:
    return [
        trace
        for trace in document.figures[key]["data"]
        if trace.get("marker", {}).get("symbol") == symbol and trace["mode"] == "markers"
    ]


# ------------------------------------------------------------------------------------ loss curves


def test_the_line_is_the_median_and_the_band_reaches_from_lowest_to_highest() -> None:
    document = compared(curves=[curve()])
    (line,) = lines(document, "losses")
    assert line["x"] == [1, 2, 3]
    assert line["y"] == [5, 2, 0.5]
    (band,) = traces(document, "losses", fill="toself")
    assert band["x"] == [1, 2, 3, 3, 2, 1]
    assert band["y"] == [8, 3, 1, 0.1, 1, 4]
    assert line["legendgroup"] == band["legendgroup"] == "g0"
    layout = document.figures["losses"]["layout"]
    assert layout["yaxis"]["title"]["text"] == "loss, median of 3 runs"
    assert layout["xaxis"]["title"]["text"] == "epoch"


def test_pointing_at_a_line_shows_optimizer_epoch_and_loss() -> None:
    (line,) = lines(compared(curves=[curve()]), "losses")
    assert line["name"] == "adam"
    words = ["%{fullData.name}", "epoch %{x}", "loss %{y:.4g}<extra></extra>"]
    assert line["hovertemplate"].split("<br>") == words


def test_buttons_choose_between_a_logarithmic_and_a_linear_scale() -> None:
    document = compared(curves=[curve()])
    buttons = document.figures["losses"]["buttons"]
    assert list(buttons) == ["log scale", "linear scale"]
    log, linear = buttons.values()
    assert log["yaxis.type"] == "log"
    assert log["yaxis.range"][0] < math.log10(0.1)
    assert log["yaxis.range"][1] > math.log10(8)
    assert linear["yaxis.range"][0] < 0.1
    assert linear["yaxis.range"][1] > 8
    shown = [b for b in document.all("button") if b.get("data-figure") == "losses"]
    assert [b["aria-pressed"] for b in shown] == ["true", "false"]
    assert document.figures["losses"]["layout"]["yaxis"]["type"] == "log"


def test_there_is_no_logarithmic_scale_where_a_loss_is_zero() -> None:
    document = compared(curves=[Curve("adam", np.array([[1.0, 0.5, 0.0]]))])
    assert document.figures["losses"]["layout"]["yaxis"]["type"] == "linear"
    assert document.figures["losses"]["buttons"] == {}
    assert not [b for b in document.all("button") if "data-figure" in b]


def test_a_run_that_diverged_leaves_a_small_cross_and_the_last_one_a_large_one() -> None:
    losses = np.array([[3.0, 2.0, 1.0], [3.0, 2.5, inf], [6.0, nan, nan]])
    (some,) = symbols(compared(curves=[Curve("adam", losses)]), "losses", "x-thin")
    assert (some["x"], some["y"], some["marker"]["size"]) == ([2, 1], [2.5, 6], [7, 7])
    (all_of_them,) = symbols(compared(curves=[Curve("adam", losses[1:])]), "losses", "x-thin")
    assert all_of_them["marker"]["size"] == [13, 7]
    assert "a run diverged" in all_of_them["text"]
    assert not symbols(compared(curves=[curve()]), "losses", "x-thin")


def test_a_median_that_is_not_there_is_a_gap() -> None:
    document = compared(curves=[Curve("sgd", np.array([[3.0, 4.0, nan], [3.0, inf, nan]]))])
    assert lines(document, "losses")[0]["y"] == [3, 4, None]


def test_one_run_has_no_band() -> None:
    document = compared(curves=[Curve("adam", np.array([[3.0, 2.0]]))])
    assert len(document.figures["losses"]["data"]) == 1
    assert document.figures["losses"]["layout"]["yaxis"]["title"]["text"] == "mean loss"


def test_a_curve_that_explodes_leaves_room_for_the_others() -> None:
    exploded = Curve("sgd", np.array([[1.0, 1e20, 1e40, nan]]))
    calm = Curve("adam", np.array([[1.0, 0.1, 0.01, 0.001]]))
    document = compared(curves=[calm, exploded])
    low, high = document.figures["losses"]["layout"]["yaxis"]["range"]
    assert low == pytest.approx(-3, abs=0.5)
    assert high == pytest.approx(1.5, abs=0.5)
    (cross,) = symbols(document, "losses", "x-thin")
    assert cross["x"] == [3]
    assert low < math.log10(cross["y"][0]) < high
    linear = document.figures["losses"]["buttons"]["linear scale"]["yaxis.range"]
    assert linear[1] == pytest.approx(1.5, abs=0.2)


def test_a_long_training_is_drawn_with_few_points_and_its_last_one() -> None:
    losses = np.exp(-np.arange(5000.0) / 1000)[np.newaxis]
    (line,) = lines(compared(curves=[Curve("adam", losses)]), "losses")
    assert len(line["x"]) == len(line["y"]) == MOST_POINTS
    assert (line["x"][0], line["x"][-1]) == (1, 5000)
    assert line["y"][-1] == pytest.approx(losses[0, -1], rel=1e-5)


# ------------------------------------------------------------------------- learning-rate searches


def test_a_ring_is_at_the_chosen_rate() -> None:
    document = compared(searches=[search()])
    (ring,) = symbols(document, "searches", "circle-open")
    assert (ring["x"], ring["y"]) == ([0.01], [0.1])
    (line,) = lines(document, "searches")
    assert line["x"] == [1e-4, 1e-3, 1e-2, 1e-1, 1]
    assert line["y"] == [0.9, 0.5, 0.1, 0.4, None]
    layout = document.figures["searches"]["layout"]
    assert (layout["xaxis"]["type"], layout["yaxis"]["type"]) == ("log", "log")


def test_rates_that_diverged_stand_in_a_strip_at_the_top_a_row_for_each_optimizer() -> None:
    document = compared(searches=[search("adam"), search("sgd")])
    adam, sgd = sorted(traces(document, "searches", yaxis="y2"), key=lambda trace: -trace["y"][0])
    assert (adam["name"], adam["x"], adam["y"]) == ("adam", [1], [1])
    assert (sgd["name"], sgd["x"], sgd["y"]) == ("sgd", [1], [0])
    layout = document.figures["searches"]["layout"]
    assert layout["yaxis2"]["ticktext"] == ["diverged"]
    assert layout["yaxis"]["domain"][1] == layout["yaxis2"]["domain"][0] < 1
    assert layout["yaxis2"]["domain"][1] == 1


def test_there_is_no_strip_where_nothing_diverged() -> None:
    calm = replace(search(), losses=np.array([0.9, 0.5, 0.1, 0.4, 0.8]))
    layout = compared(searches=[calm]).figures["searches"]["layout"]
    assert "yaxis2" not in layout
    assert "domain" not in layout["yaxis"]


# ---------------------------------------------------------------------------------------- regions


def test_a_panel_has_the_probability_the_line_at_a_half_and_the_points_of_each_class() -> None:
    document = compared(plane=plane(), regions=[region("adam"), region("sgd", wrong=())])
    ground, no, yes, wrong = document.figures["region0"]["data"]
    assert np.array(ground["z"]) == pytest.approx(region().values, abs=1e-4)
    assert (ground["contours"]["start"], ground["contours"]["end"]) == (0.5, 0.5)
    assert (ground["zmin"], ground["zmax"]) == (0, 1)
    assert (no["name"], no["x"], no["y"]) == ("no", [-0.5, 0.4], [0, -0.6])
    assert (yes["name"], yes["x"], yes["y"]) == ("yes", [0.5, -0.3], [0.2, 0.9])
    assert no["marker"]["symbol"] != yes["marker"]["symbol"]
    assert (wrong["x"], wrong["y"]) == ([0.4], [-0.6])
    assert wrong["marker"]["symbol"] == "circle-open"
    assert len(document.figures["region1"]["data"]) == 3
    assert document.texts["figcaption"] == ["adam 75 % right", "sgd 75 % right"]


def test_values_on_the_grid_have_four_figures() -> None:
    document = compared(plane=plane(), regions=[region()])
    shown = np.array(document.figures["region0"]["data"][0]["z"])
    assert (shown == np.round(region().values, 4)).all()
    large = replace(region(), values=123456.789 * region().values)
    shown = np.array(compared(plane=plane(()), regions=[large]).figures["region0"]["data"][0]["z"])
    assert shown.max() == pytest.approx(large.values.max(), abs=50)
    assert (shown % 100 == 0).all()


def test_many_classes_have_a_colour_each() -> None:
    values = np.tile(np.arange(21.0) % 3, (21, 1))
    classes = ("setosa", "versicolor", "virginica")
    document = compared(plane=plane(classes), regions=[replace(region(), values=values)])
    ground, *points, _ = document.figures["region0"]["data"]
    assert ground["z"] == values.tolist()
    assert (ground["zmin"], ground["zmax"]) == (-0.5, 2.5)
    assert len({colour for _, colour in ground["colorscale"]}) == 3
    assert tuple(trace["name"] for trace in points) == classes
    assert len({trace["marker"]["color"] for trace in points}) == 3
    assert all(name in " ".join(document.texts["span"]) for name in (*classes, "wrong"))


def test_numbers_share_one_scale_of_colours() -> None:
    both = [region("adam", wrong=()), replace(region("sgd", wrong=()), values=np.full((21, 21), 9))]
    document = compared(plane=plane(()), regions=both)
    for key in ("region0", "region1"):
        ground, points = document.figures[key]["data"]
        assert (ground["zmin"], ground["zmax"]) == (points["marker"]["cmin"], 9)
        assert points["marker"]["color"] == [-1, 0, 1, 2]
    assert "Predictions" in document.texts["h2"]


def test_a_value_that_is_not_there_is_left_out() -> None:
    holed = region()
    holed.values[0, 0] = nan
    ground = compared(plane=plane(), regions=[holed]).figures["region0"]["data"][0]
    assert ground["z"][0][0] is None
    assert ground["z"][0][1] is not None


def test_long_names_of_axes_are_in_two_lines() -> None:
    names = ("principal component 1 (72 % of the variance)", "b" * 100)
    document = compared(plane=replace(plane(), axes=names), regions=[region()])
    layout = document.figures["region0"]["layout"]
    assert layout["xaxis"]["title"]["text"] == "principal component 1 (72 % of<br>the variance)"
    assert layout["yaxis"]["title"]["text"].count("<br>") == 1
    assert len(layout["yaxis"]["title"]["text"]) <= 64


# ------------------------------------------------------------------------------------ other pages


def test_trajectories_show_step_and_value() -> None:
    document = Document(page.trajectories("down", surface(), [path()]))
    (way,) = lines(document, "ways")
    assert way["x"] == [-0.8, -0.4, 0.1, 0]
    assert way["customdata"] == [[0, 3.14], [1, 1.06], [2, 0.11], [3, 0.025]]
    assert "step %{customdata[0]}" in way["hovertemplate"]
    (fall,) = lines(document, "values")
    assert fall["x"] == [0, 1, 2, 3]
    assert fall["y"] == [3.14, 1.06, 0.11, 0.025]
    assert not symbols(document, "ways", "x-thin")


def test_trajectories_mark_start_minimum_and_divergence() -> None:
    paths = [path(), path("fast", diverges=True)]
    document = Document(page.trajectories("down", surface(), paths))
    (start,) = symbols(document, "ways", "circle")
    (minimum,) = symbols(document, "ways", "star")
    assert (start["x"], start["y"], minimum["x"], minimum["y"]) == ([-0.8], [0.5], [0], [0])
    (cross,) = symbols(document, "ways", "x-thin")
    assert (cross["x"], cross["y"]) == ([-0.4], [-0.3])
    (cross,) = symbols(document, "values", "x-thin")
    assert (cross["x"], cross["y"], cross["legendgroup"]) == ([1], [1.06], "g1")


def test_a_path_that_leaves_the_surface_ends_at_its_edge() -> None:
    gone = np.array([[0.5, 0.5], [3.0, 0.0], [-1e9, 5.0], [nan, nan]])
    away = Path("fast", gone, np.array([1.0, 9.0, 1e18, nan]))
    document = Document(page.trajectories("down", surface(), [path(), away]))
    assert lines(document, "ways")[1]["x"] == [0.5, 3]
    (cross,) = symbols(document, "ways", "x-thin")
    assert (cross["x"], cross["y"]) == ([1], [0])


def test_contour_lines_are_a_constant_factor_apart() -> None:
    document = Document(page.trajectories("down", surface(), [path()]))
    (contours,) = traces(document, "ways", type="contour")
    assert np.array(contours["z"])[0, 0] == pytest.approx(np.log10(11), abs=1e-3)
    assert contours["contours"]["end"] == pytest.approx(np.log10(11))
    assert contours["contours"]["size"] > 0


def test_a_range_test_has_a_ring_at_the_suggested_rate_and_a_cross_where_it_diverged() -> None:
    document = Document(page.range_test("rates", [ramp(), ramp("sgd", None)]))
    first, second = symbols(document, "ranges", "circle-open")
    assert (first["x"], first["y"]) == ([0.001], [0.4])
    assert second["x"] == []
    cross, _ = symbols(document, "ranges", "x-thin")
    assert cross["x"] == [0.1]
    layout = document.figures["ranges"]["layout"]
    assert (layout["xaxis"]["type"], layout["yaxis"]["type"]) == ("log", "linear")
    assert layout["yaxis"]["range"] == pytest.approx([0.2 - 0.06, 1.4 + 0.06])
    assert cross["y"] == [pytest.approx(1.4)]
    assert "adam (0.001)" in document.texts["aside"][0]
    assert "optimizer (suggested rate)" in document.texts["h2"]


# ------------------------------------------------------------------------- the legend and the table


def test_the_legend_has_a_button_for_each_optimizer() -> None:
    names = [f"optimizer {k}" for k in range(16)]
    document = compared(curves=[curve(name) for name in names])
    keys = [b["data-toggle"] for b in document.all("button") if "data-toggle" in b]
    assert keys == [line["legendgroup"] for line in lines(document, "losses")]
    assert all(f"{name} (0.01)" in document.texts["aside"][0] for name in names)


def test_sixteen_optimizers_have_sixteen_looks() -> None:
    document = compared(curves=[curve(f"optimizer {k}") for k in range(16)])
    looks = [
        (each["line"]["color"], each["line"]["dash"], each["marker"]["symbol"])
        for each in lines(document, "losses")
    ]
    assert len(set(looks)) == 16
    assert len(set(looks[:8])) == len({dash for _, dash, _ in looks[:8]}) == 8
    assert [colour for colour, _, _ in looks] == [pen.colour for pen in PENS]
    assert len({symbol for _, _, symbol in looks}) == 16
    assert len(document.all("polygon")) == 16


def test_an_optimizer_has_the_same_look_and_group_in_all_figures() -> None:
    document = compared(
        curves=[curve("adam"), curve("sgd")],
        searches=[search("sgd")],
        plane=plane(),
        regions=[region("sgd")],
    )
    curved, searched = lines(document, "losses")[1], lines(document, "searches")[0]
    assert curved["line"] == searched["line"]
    assert curved["legendgroup"] == searched["legendgroup"] == "g1"
    assert [each["data-group"] for each in document.all("figure")] == ["g1"]


def test_the_table_is_html_with_a_button_in_every_header() -> None:
    document = compared()
    assert document.texts["th"] == ["optimizer", "final loss"]
    assert document.texts["td"] == ["adam", "0.01", "sgd", "–"]
    assert len(document.texts["tr"]) == 3
    assert document.texts["button"][:2] == ["optimizer", "final loss"]


# ---------------------------------------------------------------------------- names from outside


def evil() -> list[str]:
    """Pages in which every text from outside is an attack."""
    spot = replace(plane((EVIL, "<b>bold</b>")), axes=(EVIL, EVIL))
    marked = replace(region(EVIL), note=EVIL)
    table = ([EVIL, "b"], [[EVIL, EVIL]])
    lost = Curve(EVIL, np.array([[1.0, nan], [1.0, 0.5]]))
    three = replace(plane((EVIL, "b", "c")), axes=(EVIL, EVIL))
    return [
        page.comparison(EVIL, table, [lost], [search(EVIL)], spot, [marked]),
        page.comparison(EVIL, table, [lost], [search(EVIL)], three, [marked]),
        page.comparison(EVIL, table, [], [], replace(spot, classes=()), [marked]),
        page.trajectories(EVIL, replace(surface(), name=EVIL), [path(EVIL, diverges=True)]),
        page.range_test(EVIL, [ramp(EVIL)]),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_name_cannot_become_an_element(number: int) -> None:
    document = Document(evil()[number])
    assert [attributes.get("type") for attributes in document.all("script")] == [
        "application/json",
        None,
        None,
    ]
    assert {tag for tag, _ in document.tags}.isdisjoint({"img", "a", "iframe"})
    assert len(document.all("b")) == len(document.all("figcaption"))
    assert not [name for _, attributes in document.tags for name in attributes if name[:2] == "on"]
    assert document.texts["h1"] == document.texts["title"] == [EVIL]


@pytest.mark.parametrize("number", range(5))
def test_a_name_in_a_figure_is_text_for_plotly_as_well(number: int) -> None:
    text = evil()[number]
    document = Document(text)
    (block,) = [s for s in document.texts["script"] if s.startswith('[{"key"')]
    assert not set("<>&") & set(block)
    for word in words(json.loads(block)):
        bare = word.replace("<br>", "").replace("<extra></extra>", "")
        assert "<" not in bare
        assert ">" not in bare
    for figure in document.figures.values():
        for trace in figure["data"]:
            assert "alert" not in str(trace.get("hovertemplate"))  # a name could hold %{…}


def words(data: Any) -> list[str]:
    """All texts in JSON, but for the names of settings."""
    if isinstance(data, dict):
        return [word for value in data.values() for word in words(value)]
    if isinstance(data, list):
        return [word for value in data for word in words(value)]
    return [data] if isinstance(data, str) else []


def test_the_names_are_there_all_the_same() -> None:
    document = Document(evil()[0])
    assert document.texts["td"] == [EVIL, EVIL]
    assert document.texts["th"][0] == EVIL
    assert document.texts["figcaption"] == [f"{EVIL} {EVIL}"]
    assert EVIL in document.texts["aside"][0]
    (line,) = lines(document, "losses")
    assert line["name"].startswith("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;")
    assert "&amp;amp;" in line["name"]
    point = document.figures["region0"]["data"][2]
    assert point["name"] == "&lt;b&gt;bold&lt;/b&gt;"
    assert "&lt;/script&gt;" in document.figures["region0"]["layout"]["xaxis"]["title"]["text"]


# -------------------------------------------------------------------------------- the whole page


def test_the_page_needs_nothing_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plotly.offline.get_plotlyjs", get_plotlyjs)
    panels = [region(), region("sgd")]
    text = page.comparison("moons", TABLE, [curve()], [search()], plane(), panels)
    script = get_plotlyjs()
    assert text.count(script) == 1
    own = text.replace(script, "")
    assert "http:" not in own
    assert "https:" not in own
    document = Document(text)
    targets = [
        value
        for _, attributes in document.tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "poster", "srcset")
    ]
    assert targets == ["data:,"]
    assert "url(" not in own
    assert "@import" not in own


def test_the_policy_lets_no_request_out() -> None:
    (policy,) = [
        meta["content"]
        for meta in compared().all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'unsafe-inline'",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_is_sent_to_a_service() -> None:
    script = compared().texts["script"][-1]
    assert "showSendToCloud: false" in script
    assert 'plotlyServerURL: ""' in script


def test_every_figure_has_its_own_element_and_every_button_its_figure() -> None:
    document = compared(
        curves=[curve()], searches=[search()], plane=plane(), regions=[region(), region("sgd")]
    )
    ids = [attributes["id"] for _, attributes in document.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert list(document.figures) == ["losses", "searches", "region0", "region1"]
    assert set(document.figures) < set(ids)
    pointed = {b["data-figure"] for b in document.all("button") if "data-figure" in b}
    assert pointed == {"losses", "searches"}


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c"), ()])
def test_plotly_knows_every_setting(classes: tuple[str, ...]) -> None:
    pages = [
        compared(
            curves=[curve(), Curve("sgd", np.array([[1.0, nan], [2.0, 1.0]]))],
            searches=[search()],
            plane=plane(classes),
            regions=[region()],
        ),
        Document(page.trajectories("down", surface(), [path(), path("fast", diverges=True)])),
        Document(page.range_test("rates", [ramp()])),
    ]
    for document in pages:
        for figure in document.figures.values():
            drawn = go.Figure(figure["data"], figure["layout"])
            for change in figure["buttons"].values():
                drawn.update_layout({k.replace(".", "_"): v for k, v in change.items()})


def test_there_is_a_page_for_nothing_at_all() -> None:
    document = compared(table=(["optimizer"], []))
    assert document.figures == {}
    assert document.texts["title"] == ["moons"]
    empty = compared(curves=[Curve("sgd", np.full((2, 3), nan))])
    assert lines(empty, "losses")[0]["y"] == [None, None, None]


def test_without_plotly_the_answer_is_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtra, match=r"chainrule\[plot\]"):
        page.range_test("rates", [ramp()])


def test_plotly_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys, chainrule.views.page; print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
