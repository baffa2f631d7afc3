"""Pictures of units, of bent planes and of bars: what is in them, and that nothing is cut off."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex

from chainrule.errors import UnknownName
from chainrule.views.data import Bars, Bend, Plane, UnitMaps, UnitSight
from chainrule.views.pictures.bars import MOST, bars
from chainrule.views.pictures.bending import bending, limits
from chainrule.views.pictures.signs import ABOVE, BELOW, tint
from chainrule.views.pictures.unit import histogram, unit
from chainrule.views.pictures.units import arrangement, units

X = np.linspace(-1.0, 1.0, 20)
PLANE = Plane(
    ("first", "second"), X, X, np.array([[0.0, 0.0], [0.5, -0.5]]), np.array([0.0, 1.0]), ("a", "b")
)
SLOPE = np.broadcast_to(X, (20, 20))


def maps(count: int = 3) -> UnitMaps:
    z = np.stack([SLOPE * (k + 1) for k in range(count)])
    return UnitMaps(
        "layer 2: z_2 = tanh(u_3)", tuple(f"unit {k}" for k in range(count)), z, z, 5, 2
    )


@pytest.mark.parametrize("size", ["page", "slide"])
def test_a_panel_for_each_unit_on_one_scale(size: str) -> None:
    figure = units(PLANE, [maps(), maps(1)], "t", size)
    figure.draw_without_rendering()
    assert len(figure.axes) == 4
    meshes = [next(c for c in ax.collections if isinstance(c, QuadMesh)) for ax in figure.axes]
    assert [mesh.get_clim() for mesh in meshes] == [(-3, 3)] * 3 + [(-1, 1)]
    np.testing.assert_allclose(np.asarray(meshes[1].get_array()).ravel(), 2 * SLOPE.ravel())
    headings = [" ".join(part.get_suptitle().split()) for part in figure.subfigs]
    assert [heading for heading in headings if heading] == [
        "layer 2: z₂ = tanh(u₃), |z| ≤ 3; units 3 to 7 are not shown",
        "layer 2: z₂ = tanh(u₃), |z| ≤ 1; units 3 to 7 are not shown",
    ]
    assert "Orange: z above 0." in figure.get_supxlabel()
    assert "Grey" not in figure.get_supxlabel()


def test_panels_are_as_large_as_there_is_room() -> None:
    assert arrangement([2, 1], "page").together and arrangement([3, 2], "slide").together
    for counts in ([20], [6, 6, 6, 1], [24], [3, 12], [1, 1, 1, 1]):
        plan = arrangement(counts, "page")
        assert not plan.together and 1 <= plan.columns <= max(counts)
        assert plan.columns * plan.side < 7
    assert arrangement([6, 6, 6, 1], "page").columns == 6
    assert arrangement([6, 6, 3], "page").columns == 6  # a row for each layer
    assert arrangement([20], "page").side > arrangement([24], "page").side
    assert arrangement([1], "slide").side > 3


def test_what_is_said_of_units_that_never_fire_and_of_numbers_that_are_not_there() -> None:
    z = np.stack([SLOPE, np.zeros((20, 20))])
    z[0, 0, 0] = np.inf
    u = np.stack([SLOPE, np.full((20, 20), -2.0)])
    figure = units(PLANE, [UnitMaps("layer 1", ("one", "two"), z, u, 1, 1)], "t")
    figure.draw_without_rendering()
    assert figure.get_supxlabel().endswith("Grey: not finite.")
    said = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert said == [[], ["u < 0"]]
    assert figure.subfigs[0].get_suptitle() == "layer 1, |z| ≤ 1; unit 2 is not shown"


def test_colours_by_sign() -> None:
    assert tint(0.0) == tint(np.nan) == (1, 1, 1)
    blue, orange = tint(-1.0), tint(1.0)
    assert blue[2] > blue[0] and orange[0] > orange[2]
    assert tint(0.2)[2] > tint(0.9)[2]


@pytest.mark.parametrize("size", ["page", "slide"])
def test_lines_points_and_borders_of_a_bent_plane(size: str) -> None:
    lines = np.stack([np.column_stack([X, X + k]) for k in range(4)])
    border = np.array([[0.0, -9.0], [0.0, 9.0]])
    bent = Bend("z_2 = tanh(u_3)", "2 of 5", ("p", "q"), PLANE.points, lines, (border,))
    figure = bending(PLANE, [bent] * 5, "t", size)
    figure.draw_without_rendering()
    drawn = [ax for ax in figure.axes if ax.axison]
    assert len(drawn) == 5
    first, second = (c for c in drawn[0].collections if isinstance(c, LineCollection))
    assert len(first.get_segments()) == len(second.get_segments()) == 2
    assert drawn[0].get_title() == "z₂ = tanh(u₃)\n2 of 5"
    assert drawn[0].get_lines()[0].get_xydata().tolist() == border.tolist()
    low, high = limits(bent)
    assert drawn[0].get_xlim() == (low[0], high[0])
    assert np.allclose(high - low, 1.24 * 0.5)
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == [
        "a", "b", "upright in the input", "level in the input", "probability ½",
    ]  # fmt: skip


def test_one_unit_shows_the_classes_one_above_the_other() -> None:
    points = np.column_stack([np.linspace(0, 1, 30), np.repeat([0.0, 1.0], 15)])
    plane = Plane(("p", "q"), X, X, points, points[:, 1], ("_a", "$b$"))
    figure = bending(plane, [Bend("z_1", "", ("unit 1", ""), points, np.empty((0, 0, 2)))], "t")
    figure.draw_without_rendering()
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["_a", "$b$"]
    assert ax.get_ylim() == (-0.5, 1.5)
    for k, cloud in enumerate(ax.collections[2:]):  # spread, but each class in its own strip
        heights = np.asarray(cloud.get_offsets())[:, 1]
        assert len(heights) == 15
        assert np.abs(heights - k).max() <= 0.3 and np.ptp(heights) > 0.4


@pytest.mark.parametrize("classes", [(), ("a", "b")])
def test_points_of_which_nothing_is_known(classes: tuple[str, ...]) -> None:
    plane = Plane(("p", "q"), X, X, PLANE.points, np.full(2, np.nan), classes)
    bent = Bend("z_1", "", ("unit 1", ""), PLANE.points, np.empty((0, 0, 2)))
    figure = bending(plane, [bent], "t")
    figure.draw_without_rendering()
    assert len(figure.legends[0].get_texts()) == 2  # the lines
    drawn = [len(np.asarray(cloud.get_offsets())) for cloud in figure.axes[0].collections[2:]]
    assert sum(drawn) == 2


@pytest.mark.parametrize("size", ["page", "slide"])
def test_what_a_unit_sees(size: str) -> None:
    u = np.linspace(-1, 3, 40)
    weights = Bars("", "column 1", tuple(f"x_{k}" for k in range(30)), np.arange(30.0) - 9)
    values = np.repeat([0.0, 1.0], 20)
    fires = ("all", "a: 3 %", "b: 5 %")
    sight = UnitSight("t", weights, None, u, values, ("a", "b"), fires, PLANE, maps(1), "b = 2")
    figure = unit(sight, size)
    figure.draw_without_rendering()
    left, middle, right = figure.axes
    assert len(left.patches) == 14
    assert left.get_xlabel() == "column 1, the heaviest 14 of 30\nb = 2"
    assert sum(patch.get_height() for patch in middle.containers[0]) == 20  # rows of class a
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "all; by class:"
    assert [text.get_text() for text in legend.get_texts()] == ["a: 3 %", "b: 5 %"]
    assert right.get_xlabel() == "first"


def test_the_histogram_has_0_at_an_edge() -> None:
    u = np.array([-1.0, 0.0, 0.0, 1e-9, 3.0, np.inf])
    values = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
    weights = Bars("", "", ("x",), np.zeros(1))
    sight = UnitSight("t", weights, None, u, values, ("a", "b"), ("all", "a", "b"))
    (a, b), edges = histogram(sight)
    assert (edges == 0).sum() == 1
    assert (a[edges[1:] <= 0].sum(), a[edges[:-1] >= 0].sum()) == (2, 0)  # u = 0 does not fire
    assert (b[edges[1:] <= 0].sum(), b[edges[:-1] >= 0].sum()) == (1, 2)
    assert a.size == b.size == len(edges) - 1


@pytest.mark.parametrize("value", [0.0, -1e6, 5.0, np.nan])
def test_a_histogram_of_one_number(value: float) -> None:
    weights = Bars("", "", ("x",), np.zeros(1))
    sight = UnitSight("t", weights, None, np.full(3, value), np.zeros(3), (), ("all",))
    (counts,), _ = histogram(sight)
    assert counts.sum() == (0 if np.isnan(value) else 3)
    figure = unit(sight)
    figure.draw_without_rendering()
    assert figure.get_supxlabel() == "all."


def test_an_image_instead_of_bars() -> None:
    image = np.arange(25.0).reshape(5, 5) - 12
    image[0, 0] = np.nan
    weights = Bars("", "", ("x",), np.zeros(1))
    figure = unit(UnitSight("t", weights, image, np.ones(3), np.zeros(3), (), ("one",)))
    figure.draw_without_rendering()
    (shown,) = figure.axes[0].get_images()
    assert shown.get_clim() == (-12, 12)
    assert np.ma.is_masked(shown.get_array()[0, 0])


def test_bars_by_sign_with_their_numbers() -> None:
    figure = bars(Bars("t", "share", ("height", "weight"), np.array([2.0, -0.5]), "sum 1.5"))
    (ax,) = figure.axes
    assert [to_hex(patch.get_facecolor()).upper() for patch in ax.patches] == [ABOVE, BELOW]
    assert [patch.get_width() for patch in ax.patches] == [2, -0.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["height", "weight"]
    assert {"2", "−0.5"} <= {text.get_text() for text in ax.texts}
    assert figure.get_supxlabel() == "sum 1.5"


def test_of_too_many_bars_the_longest_are_kept() -> None:
    values = np.append(np.full(MOST["page"], 3.0), [0.5, -0.25])
    names = tuple(f"x_{k}" for k in range(len(values)))
    figure = bars(Bars("t", "share", names, values, "sum"))
    assert len(figure.axes[0].patches) == MOST["page"]
    assert "2 others are not shown: each at most 0.5 from 0, together 0.25." in (
        figure.get_supxlabel()
    )


def test_another_size() -> None:
    with pytest.raises(UnknownName, match="no size of a picture is called 'poster'"):
        bars(Bars("t", "", ("x",), np.ones(1)), size="poster")
