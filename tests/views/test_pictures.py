"""The pictures, read back from what matplotlib was told to draw."""

from __future__ import annotations

import sys
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from chainrule.errors import InvalidValue, MissingExtra, MissingFile, UnknownName
from chainrule.views import pictures
from chainrule.views.data import Curve, Path, Plane, Range, Region, Search, Surface
from chainrule.views.pens import PENS, pens

nan, inf = np.nan, np.inf

GRID = np.linspace(-1.0, 1.0, 21)
POINTS = np.array([[-0.5, 0.0], [0.5, 0.2], [0.4, -0.6], [-0.3, 0.9]])


def curve(name: str = "adam", start: float = 1.0, epochs: int = 9, runs: int = 3) -> Curve:
    fall = start * 0.7 ** np.arange(epochs)
    return Curve(name, fall * np.linspace(1.0, 2.0, runs)[:, np.newaxis] ** 2, 0.01)


def search(name: str = "adam") -> Search:
    rates = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    return Search(name, rates, np.array([0.9, 0.5, 0.1, 0.4, inf]), 1e-2)


def plane(classes: tuple[str, ...] = ("no", "yes")) -> Plane:
    values = np.arange(4.0) % max(len(classes), 1) if classes else np.array([-1.0, 0.0, 1.0, 2.0])
    return Plane(("width", "height"), GRID, GRID, POINTS, values, classes)


def region(name: str = "adam", note: str = "75 % right") -> Region:
    return Region(
        name, np.tile(1 / (1 + np.exp(-5 * GRID)), (21, 1)), np.array([0, 0, 1, 0]) > 0, note
    )


def axes(wide: float = 6.0) -> Axes:
    return Figure((wide, 3), layout="constrained").add_subplot()


def drawn(figure: Any) -> FigureCanvasAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def line(ax: Axes, name: str, names: list[str]) -> Line2D:
    """The longest line in the pen of a name."""
    pen = pens(names)[name]
    mine = [
        each
        for each in ax.get_lines()
        if each.get_color() == pen.colour and each.get_marker() == pen.marker
    ]
    return max(mine, key=lambda each: len(each.get_xdata()))


def crosses(ax: Axes) -> list[tuple[float, float, float]]:
    """Where a × stands, and its size."""
    return [
        (float(x), float(y), each.get_markersize())
        for each in ax.get_lines()
        if each.get_marker() == "x"
        for x, y in each.get_xydata()
    ]


def rings(ax: Axes) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for each in ax.get_lines()
        if each.get_markerfacecolor() == "none"
        for x, y in each.get_xydata()
    ]


def words(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def mesh(ax: Axes) -> QuadMesh:
    (found,) = [each for each in ax.collections if isinstance(each, QuadMesh)]
    return found


def scatters(ax: Axes) -> list[PathCollection]:
    return [each for each in ax.collections if isinstance(each, PathCollection)]


# ------------------------------------------------------------------------------------ loss curves


def test_the_line_is_the_median_and_the_band_reaches_from_lowest_to_highest() -> None:
    losses = np.array([[4.0, 2.0, 1.0], [8.0, 1.0, 0.5], [5.0, 3.0, 0.1]])
    ax = axes()
    pictures.loss_curves(ax, [Curve("adam", losses)])
    shown = line(ax, "adam", ["adam"])
    assert shown.get_xdata() == pytest.approx([1, 2, 3])
    assert shown.get_ydata() == pytest.approx([5, 2, 0.5])
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    for epoch, low, high in ((1, 4, 8), (2, 1, 3), (3, 0.1, 1)):
        there = corners[corners[:, 0] == epoch, 1]
        assert (there.min(), there.max()) == (low, high)
    assert ax.get_ylabel() == "loss, median of 3 runs"
    assert ax.get_xlabel() == "epoch"
    assert words(ax) == ["adam", "lowest to highest"]


def test_runs_have_a_panel_for_each_loss_and_one_legend() -> None:
    ended = Curve("b", np.array([[3.0, 2.0, nan]]))
    curves = {"training loss": [curve("a"), ended], "validation loss": [curve("a")]}
    figure = pictures.runs(curves, "Runs in logs")
    drawn(figure)
    training, validation = figure.get_axes()
    assert training.get_title(loc="left") == "training loss"
    assert training.get_ylabel() == "loss, median of all networks"
    assert validation.get_ylabel() == "loss, median of 3 networks"
    assert training.get_legend() is None
    assert validation.get_legend().get_title().get_text() == "run"
    assert words(validation) == ["a", "b", "lowest to highest", "a network diverged"]
    assert (2.0, 2.0) in [(x, y) for x, y, _ in crosses(training)]
    with pytest.raises(InvalidValue, match="no run has completed an epoch"):
        pictures.runs({}, "Runs in logs")


@pytest.mark.parametrize(("lowest", "scale"), [(0.1, "log"), (0.0, "log"), (-0.1, "linear")])
def test_the_axis_is_logarithmic_where_no_loss_is_negative(lowest: float, scale: str) -> None:
    ax = axes()
    pictures.loss_curves(ax, [curve("a"), Curve("b", np.array([[1.0, lowest]]))])
    assert ax.get_yscale() == scale
    low, high = ax.get_ylim()
    assert low < lowest if lowest else 0 < low < 1  # a 0 lies below the edge
    assert high > 4


def test_a_run_that_diverged_is_left_out_and_leaves_a_small_cross() -> None:
    losses = np.array([[3.0, 2.0, 1.0, 0.5], [3.0, 2.5, nan, nan], [6.0, 4.0, 2.0, 1.0]])
    ax = axes()
    pictures.loss_curves(ax, [Curve("adam", losses)])
    assert line(ax, "adam", ["adam"]).get_ydata() == pytest.approx([3, 2.5, 1.5, 0.75])
    ((x, y, _),) = crosses(ax)
    assert (x, y) == (2, 2.5)
    assert words(ax)[-1] == "a run diverged"


def test_the_line_ends_with_a_large_cross_where_no_run_is_left() -> None:
    losses = np.array([[3.0, 2.0, nan, nan], [5.0, 4.0, 3.0, nan]])
    ax = axes()
    pictures.loss_curves(ax, [Curve("adam", losses), curve("other")])
    marks = crosses(ax)
    largest = max(size for *_, size in marks)
    assert [(x, y) for x, y, size in marks if size == largest] == [(3, 3)]
    assert sorted((x, y) for x, y, size in marks if size < largest) == [(2, 2), (3, 3)]
    assert np.isnan(line(ax, "adam", ["adam", "other"]).get_ydata()[-1])


def test_a_run_without_any_loss_has_its_cross_at_the_top_of_the_first_epoch() -> None:
    ax = axes()
    pictures.loss_curves(ax, [Curve("adam", np.full((2, 4), nan)), curve("other")])
    assert {(x, y) for x, y, _ in crosses(ax)} == {(1.0, ax.get_ylim()[1])}


def test_a_curve_that_explodes_does_not_press_the_others_flat() -> None:
    ax = axes()
    pictures.loss_curves(ax, [curve("calm"), Curve("wild", np.array([[1.0, 1e9, 1e200, nan]]))])
    low, high = np.log10(ax.get_ylim())
    top, bottom = np.log10(4.0), np.log10(0.7**8)
    assert (top - bottom) / (high - low) > 0.6
    assert crosses(ax)[-1][1] == ax.get_ylim()[1]


def test_the_legend_has_the_names_in_order_with_their_rates() -> None:
    ax = axes()
    pictures.loss_curves(ax, [curve("sgd"), Curve("lbfgs", np.ones((3, 9))), curve("_$a$")])
    assert words(ax) == ["sgd (0.01)", "lbfgs", "_$a$ (0.01)", "lowest to highest"]
    assert ax.get_legend().get_title().get_text() == "optimizer (learning rate)"


def test_without_a_legend() -> None:
    ax = axes()
    pictures.loss_curves(ax, [curve()], legend=False)
    assert ax.get_legend() is None


# ------------------------------------------------------------------------------- styles of the pens


def test_sixteen_optimizers_have_different_pens() -> None:
    names = [f"optimizer {k}" for k in range(16)]
    ax = axes()
    pictures.loss_curves(ax, [curve(name) for name in names])
    for each, pen in zip(ax.get_lines(), PENS, strict=True):
        assert (each.get_color(), each.get_marker()) == (pen.colour, pen.marker)
        assert each.is_dashed() == bool(pen.dashes)
    assert len({(pen.colour, pen.dashes, pen.marker) for pen in PENS}) == 16
    assert len({(pen.colour, pen.dashes) for pen in PENS}) == 16
    assert len({(pen.marker, pen.hollow) for pen in PENS}) == 16


def lightness(colour: str) -> float:
    """CIE L* of a colour in sRGB."""
    parts = np.array(to_rgba(colour)[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def test_eight_pens_differ_without_colour() -> None:
    first = PENS[:8]
    assert len({pen.colour for pen in first}) == 8
    assert len({pen.dashes for pen in first}) == 8
    assert len({pen.marker for pen in first}) == 8
    grey = [lightness(pen.colour) for pen in first]
    assert grey == pytest.approx([46, 71, 0, 54, 32, 77, 60, 67], abs=0.5)  # as pens.py says
    assert np.diff(np.sort(grey)).min() > 3.5
    assert max(grey) < 80  # still visible on white


def test_a_name_has_one_pen_in_all_panels() -> None:
    figure = pictures.comparison([curve("a"), curve("b")], [search("b")], None, [], "t")
    left, right = figure.subfigs[0].axes
    assert line(left, "b", ["a", "b"]).get_color() == line(right, "b", ["a", "b"]).get_color()
    assert words(right) == ["a (0.01)", "b (0.01)", "lowest to highest", "chosen rate"]


# ------------------------------------------------------------------------- learning-rate searches


def test_a_search_is_drawn_on_two_logarithmic_axes_with_a_ring_at_the_chosen_rate() -> None:
    ax = axes()
    pictures.rate_search(ax, [search()])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    shown = line(ax, "adam", ["adam"])
    assert shown.get_xdata() == pytest.approx(search().rates)
    assert shown.get_ydata()[:4] == pytest.approx([0.9, 0.5, 0.1, 0.4])
    assert rings(ax) == [(1e-2, 0.1)]
    assert words(ax) == ["adam (0.01)", "chosen rate"]


def test_diverged_rates_stand_at_the_top_edge() -> None:
    ax = axes()
    pictures.rate_search(ax, [search("a"), search("b")])
    drawn(ax.figure)
    to_axes = ax.transData + ax.transAxes.inverted()
    highest = to_axes.transform((1e-4, 0.9))[1]
    heights = []
    for name in ("a", "b"):
        (mark,) = [
            each
            for each in ax.get_lines()
            if each.get_color() == pens(["a", "b"])[name].colour and len(each.get_xdata()) == 1
        ]
        assert mark.get_xdata() == [1.0]
        assert mark.get_transform() == ax.get_xaxis_transform()  # y is a share of the height
        heights += list(mark.get_ydata())
    assert 1 > heights[0] > heights[1] > highest > 0.7
    assert [text.get_text() for text in ax.texts] == ["diverged"]


def test_a_search_that_only_diverged() -> None:
    ax = axes()
    pictures.rate_search(ax, [Search("a", np.array([0.1, 1.0]), np.array([inf, inf]), 0.1)])
    drawn(ax.figure)
    assert rings(ax) == []
    assert [text.get_text() for text in ax.texts] == ["diverged"]


# ---------------------------------------------------------------------------------------- regions


def test_two_classes() -> None:
    figure = Figure(layout="constrained")
    panels = list(figure.subplots(1, 2))
    pictures.regions(panels, plane(), [region("adam"), region("sgd", "")])
    for ax in panels:
        assert np.asarray(mesh(ax).get_array()) == pytest.approx(region().values)
        assert mesh(ax).get_clim() == (0, 1)
        (half,) = [each for each in ax.collections if isinstance(each, ContourSet)]
        (path,) = half.get_paths()
        assert path.vertices[:, 0] == pytest.approx(np.zeros(len(path.vertices)), abs=1e-9)
        *points, wrong = scatters(ax)
        assert [np.asarray(each.get_offsets()).tolist() for each in points] == [
            POINTS[[0, 2]].tolist(),
            POINTS[[1, 3]].tolist(),
        ]
        shapes = {each.get_paths()[0].vertices.shape for each in points}
        assert len(shapes) == 2
        assert np.asarray(wrong.get_offsets()).tolist() == [POINTS[2].tolist()]
        assert not wrong.get_facecolor().size
        assert wrong.get_sizes()[0] > points[0].get_sizes()[0]
        assert ax.get_box_aspect() == 1
    assert [ax.get_title() for ax in panels] == ["adam\n75 % right", "sgd"]
    assert words(panels[1]) == ["no", "yes", "wrong", "probability ½"]
    assert [ax.get_ylabel() for ax in panels] == ["height", ""]
    assert [ax.get_xlabel() for ax in panels] == ["width", "width"]


def test_the_ends_and_the_middle_of_two_classes_differ_without_colour() -> None:
    ax = axes()
    pictures.regions([ax], plane(), [region()])
    low, middle, high = (lightness(mesh(ax).cmap(p)[:3]) for p in (0.0, 0.5, 1.0))
    assert low + 10 < high < middle - 10


def test_more_classes_have_a_flat_colour_each() -> None:
    values = np.digitize(np.tile(GRID, (21, 1)), [-0.3, 0.3]).astype(float)
    ax = axes()
    pictures.regions([ax], plane(("a", "b", "c")), [Region("adam", values, np.zeros(4, bool))])
    assert np.asarray(mesh(ax).get_array()) == pytest.approx(values)
    colours = mesh(ax).cmap(mesh(ax).norm(np.array([0.0, 1.0, 2.0])))
    assert len({tuple(colour) for colour in colours}) == 3
    assert len(scatters(ax)) == 3
    assert words(ax) == ["a", "b", "c"]


def test_numbers_have_one_scale_and_a_colour_bar() -> None:
    figure = Figure(layout="constrained")
    panels = list(figure.subplots(1, 2))
    values = np.tile(4 * GRID, (21, 1))
    made = [Region(name, values, np.zeros(4, bool)) for name in ("adam", "sgd")]
    pictures.regions(panels, plane(()), made)
    assert [mesh(ax).get_clim() for ax in panels] == [(-1, 2)] * 2
    bar = figure.axes[-1]
    assert bar not in panels
    assert bar.get_ylabel() == "target, prediction"
    (points,) = scatters(panels[0])
    assert np.asarray(points.get_array()) == pytest.approx(plane(()).values)
    drawn(figure)


def test_what_is_not_finite_is_masked() -> None:
    values = region().values.copy()
    values[:5] = nan
    ax = axes()
    pictures.regions([ax], plane(), [Region("adam", values, np.zeros(4, bool))])
    assert np.ma.getmaskarray(mesh(ax).get_array())[:5].all()
    assert not np.ma.getmaskarray(mesh(ax).get_array())[5:].any()
    drawn(ax.figure)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0, nan])
def test_a_network_that_says_the_same_everywhere_has_no_line_at_a_half(level: float) -> None:
    ax = axes()
    pictures.regions([ax], plane(), [Region("adam", np.full((21, 21), level), np.zeros(4, bool))])
    assert not [each for each in ax.collections if isinstance(each, ContourSet)]
    drawn(ax.figure)


def test_as_many_axes_as_regions() -> None:
    with pytest.raises(ValueError, match="zip"):
        pictures.regions([axes()], plane(), [region(), region()])


# ------------------------------------------------------------------------------------- comparison


def cut(figure: Figure) -> list[str]:
    """What is written outside the figure, or cut by its edge."""
    drawn(figure)
    frame = figure.bbox
    return [
        text.get_text()
        for text in figure.findobj(Text)
        if text.get_text().strip()
        and text.get_visible()
        # a tick outside the limits keeps its text, and is not drawn
        and not any(text in axis.get_ticklabels(which="both") for axis in all_axis(figure))
        for box in [text.get_window_extent()]
        if not (frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1))
    ]


def all_axis(figure: Figure) -> list[Any]:
    return [axis for ax in figure.findobj(Axes) for axis in (ax.xaxis, ax.yaxis)]


@pytest.mark.parametrize("size", ["page", "slide"])
@pytest.mark.parametrize("count", [1, 3, 5, 9, 16])
def test_nothing_is_cut_and_no_legend_lies_on_data(size: str, count: int) -> None:
    names = [f"optimizer_{k}" for k in range(count)]
    figure = pictures.comparison(
        [curve(name) for name in names],
        [search(name) for name in names],
        plane(),
        [region(name) for name in names],
        "A title",
        size,
    )
    assert cut(figure) == []
    legends = [ax.get_legend() for ax in figure.findobj(Axes) if ax.get_legend()]
    assert len(legends) == 2
    for legend in legends:
        box = legend.get_window_extent()
        assert not [ax for ax in figure.findobj(Axes) if box.overlaps(ax.bbox)]
        assert figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1)
    boxes = [ax.bbox for ax in figure.findobj(Axes)]
    assert not [1 for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    assert min(min(box.width, box.height) for box in boxes) > 0.6 * figure.dpi


def test_eleven_panels_wrap() -> None:
    figure = pictures.comparison([], [], plane(), [region(f"o{k}") for k in range(11)], "t")
    panels = figure.findobj(Axes)
    drawn(figure)
    assert len(panels) == 11
    assert len({round(ax.bbox.y0) for ax in panels}) == 3
    assert {round(ax.bbox.width - ax.bbox.height) for ax in panels} == {0}
    numbered = [ax for ax in panels if ax.xaxis.get_tick_params()["labelbottom"]]
    assert [ax.get_title().split("\n")[0] for ax in numbered] == ["o8", "o9", "o10"]


def test_sizes() -> None:
    page = pictures.comparison([curve()], [], None, [], "t")
    slide = pictures.comparison([curve()], [], None, [], "t", "slide")
    assert page.get_size_inches()[0] == 7
    assert slide.get_size_inches() == pytest.approx((13.333, 7.5), abs=1e-3)
    label = [figure.findobj(Axes)[0].xaxis.label.get_fontsize() for figure in (page, slide)]
    assert label == [9, 15]
    with pytest.raises(UnknownName, match="no size of a picture is called 'poster'"):
        pictures.comparison([curve()], [], None, [], "t", "poster")


@pytest.mark.parametrize(
    ("curves", "searches", "maps", "panels"),
    [(1, 0, 0, 1), (0, 1, 0, 1), (1, 1, 0, 2), (0, 0, 2, 2), (1, 1, 2, 4)],
)
def test_only_what_is_there_is_drawn(curves: int, searches: int, maps: int, panels: int) -> None:
    figure = pictures.comparison(
        [curve()] * curves, [search()] * searches, plane(), [region()] * maps, "$t$ $"
    )
    assert len(figure.findobj(Axes)) == panels
    assert figure.get_suptitle() == "$t$ $"
    drawn(figure)


def test_regions_without_a_plane_are_not_drawn() -> None:
    assert len(pictures.comparison([curve()], [], None, [region()], "t").findobj(Axes)) == 1


def test_nothing_to_compare() -> None:
    with pytest.raises(InvalidValue, match="nothing to compare"):
        pictures.comparison([], [], None, [region()], "t")


# ------------------------------------------------------------------------------------- range test


def ranged(name: str = "adam", *, suggested: float | None = 1e-2) -> Range:
    rates = np.logspace(-5, 1, 61)
    losses = 1 - 0.5 / (1 + (1e-2 / rates) ** 2)
    losses[45:55] = 10.0 ** np.arange(3, 13)
    losses[55:] = nan
    return Range(name, rates, losses, rates[30] if suggested else None)


def test_the_range_test_shows_the_fall_and_not_the_explosion() -> None:
    figure = pictures.range_test([ranged()], "The range")
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    low, high = ax.get_ylim()
    assert 0.4 < low < 0.5
    assert 1 < high < 1.5
    assert line(ax, "adam", ["adam"]).get_ydata()[:45] == pytest.approx(ranged().losses[:45])
    ((x, y),) = rings(ax)
    assert (x, y) == (pytest.approx(1e-2), pytest.approx(0.75))
    ((end, top, _),) = crosses(ax)
    assert (end, top) == (pytest.approx(ranged().rates[45]), high)
    assert ax.get_xlim()[1] < 1
    assert words(ax) == ["adam (0.01)", "suggested rate", "diverged"]
    assert ax.get_legend().get_title().get_text() == "optimizer (suggested rate)"
    assert figure.get_suptitle() == "The range"
    assert cut(figure) == []


def test_a_range_without_a_suggestion() -> None:
    (ax,) = pictures.range_test([ranged(suggested=None)], "t").axes
    assert rings(ax) == []
    assert words(ax) == ["adam", "diverged"]


# ------------------------------------------------------------------------------------ trajectories


def surface() -> Surface:
    x, y = np.linspace(-2, 2, 40), np.linspace(-1, 1, 30)
    X, Y = np.meshgrid(x, y)
    return Surface("valley", x, y, X**2 + 10 * Y**2, np.array([0.0, 0.0]))


def path(name: str = "adam", factor: float = 0.5, steps: int = 8) -> Path:
    points = np.array([-1.5, 0.5]) * factor ** np.arange(steps)[:, np.newaxis]
    return Path(name, points, points[:, 0] ** 2 + 10 * points[:, 1] ** 2, 0.1)


def test_paths_over_contours_and_the_values_beside_them() -> None:
    figure = pictures.trajectories(surface(), [path("a"), path("b", 0.3)], "Two paths")
    plan, fall = figure.axes
    shown = line(plan, "b", ["a", "b"])
    assert np.asarray(shown.get_xydata()) == pytest.approx(path("b", 0.3).points)
    assert line(fall, "b", ["a", "b"]).get_ydata() == pytest.approx(path("b", 0.3).values)
    assert fall.get_yscale() == "log"
    contours = [each for each in plan.collections if isinstance(each, ContourSet)]
    for each in contours:
        levels = np.asarray(each.levels)[-11:]
        assert np.diff(np.log(levels)) == pytest.approx(np.diff(np.log(levels))[0])
    assert words(fall) == ["a (0.1)", "b (0.1)"]
    marks = {each.get_marker(): each.get_xydata().tolist() for each in plan.get_lines()[2:]}
    assert marks["*"] == [[0, 0]]
    assert marks["o"] == [[-1.5, 0.5]]
    assert plan.get_title() == "valley:   ○ start   ☆ minimum"
    assert cut(figure) == []
    assert not fall.get_legend().get_window_extent().overlaps(fall.bbox)


def test_a_single_path_needs_no_legend() -> None:
    figure = pictures.trajectories(surface(), [path()], "adam")
    assert figure.get_size_inches() == pytest.approx((6, 3))
    assert [ax.get_legend() for ax in figure.axes] == [None, None]
    assert cut(figure) == []


def test_a_path_that_diverges_leaves_with_a_cross_at_the_edge() -> None:
    wild = path("wild", -3.0, 12)
    wild.points[9:], wild.values[9:] = nan, nan
    plan, fall = pictures.trajectories(surface(), [path("a"), wild], "t").axes
    ((x, y, _),) = crosses(plan)
    assert abs(x) == 2 or abs(y) == 1
    assert len(line(plan, "wild", ["a", "wild"]).get_xydata()) == 2  # the first step leaves
    ((step, _, _),) = crosses(fall)
    assert step == 8
    assert words(fall)[-1] == "diverged"


def test_a_path_that_reaches_the_minimum_exactly() -> None:
    exact = Path("newton", np.array([[-1.0, 0.5], [0.0, 0.0]]), np.array([3.5, 0.0]))
    figure = pictures.trajectories(surface(), [exact], "t")
    drawn(figure)
    shown = line(figure.axes[1], "newton", ["newton"]).get_ydata()
    assert shown == pytest.approx([3.5, 3.5 * np.finfo(float).eps], rel=1e-12)


# ------------------------------------------------------------------------------------------ files


def whole() -> Figure:
    return pictures.comparison(
        [curve("a"), Curve("b", np.array([[1.0, nan]]))], [search("a")], plane(), [region()], "t"
    )


def test_the_same_picture_gives_the_same_svg(tmp_path: File) -> None:
    figure = whole()
    for name in ("one.svg", "two.svg"):
        pictures.save(figure, tmp_path / name)
    pictures.save(whole(), tmp_path / "three.svg")
    one, two, three = (tmp_path.joinpath(f"{n}.svg").read_bytes() for n in ("one", "two", "three"))
    assert one == two == three
    assert one.startswith(b"<?xml")
    assert b"<dc:date>" not in one
    assert one.count(b"<image") >= 1  # the mesh, which is huge as cells
    assert len(one) < 300_000


def test_png(tmp_path: File) -> None:
    pictures.save(whole(), str(tmp_path / "picture.PNG"))
    written = (tmp_path / "picture.PNG").read_bytes()
    assert written.startswith(b"\x89PNG")
    assert int.from_bytes(written[16:20]) == 7 * 150
    assert [each.name for each in tmp_path.iterdir()] == ["picture.PNG"]


def test_a_notebook_shows_what_is_saved(tmp_path: File) -> None:
    figure = whole()
    pictures.save(figure, tmp_path / "picture.png")
    assert figure._repr_png_() == (tmp_path / "picture.png").read_bytes()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["picture.pdf", "picture", "picture.svg.gz"])
def test_another_suffix(tmp_path: File, name: str) -> None:
    with pytest.raises(InvalidValue, match=rf"{name} cannot be .*: a picture ends in .png or .svg"):
        pictures.save(whole(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_no_folder(tmp_path: File) -> None:
    with pytest.raises(MissingFile, match="there is no folder"):
        pictures.save(whole(), tmp_path / "none" / "picture.svg")


def test_an_old_picture_stays_where_writing_fails(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "picture.png"
    old.write_bytes(b"old")
    figure = whole()

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(figure, "savefig", full)
    with pytest.raises(OSError, match="no space"):
        pictures.save(figure, old)
    assert old.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["picture.png"]


def test_settings_and_pyplot_are_left_alone(tmp_path: File) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    managed = sys.modules.get("matplotlib.pyplot")
    figures = managed.get_fignums() if managed else []
    pictures.save(whole(), tmp_path / "picture.svg")
    assert dict(matplotlib.rcParams) == before
    assert (managed.get_fignums() if managed else []) == figures


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.layout_engine", None)
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[plot\]'"):
        pictures.comparison([curve()], [], None, [], "t")
    with pytest.raises(MissingExtra):
        pictures.range_test([ranged()], "t")
    with pytest.raises(MissingExtra):
        pictures.trajectories(surface(), [path()], "t")
