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
from chainrule.views.pictures.unit import unit
from chainrule.views.pictures.units import units

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
    assert [part.get_suptitle() for part in figure.subfigs] == [
        "layer 2: z₂ = tanh(u₃), |z| ≤ 3; 5 more units are not shown",
        "layer 2: z₂ = tanh(u₃), |z| ≤ 1; 5 more units are not shown",
    ]


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


@pytest.mark.parametrize("size", ["page", "slide"])
def test_what_a_unit_sees(size: str) -> None:
    u = np.linspace(-1, 3, 40)
    weights = Bars("", "column 1", tuple(f"x_{k}" for k in range(30)), np.arange(30.0) - 9)
    values = np.repeat([0.0, 1.0], 20)
    sight = UnitSight("t", weights, None, u, values, ("a", "b"), ("one", "two"), PLANE, maps(1))
    figure = unit(sight, size)
    figure.draw_without_rendering()
    left, middle, right = figure.axes
    assert len(left.patches) == 14
    assert "the heaviest 14 of 30" in left.get_xlabel()
    assert sum(patch.get_height() for patch in middle.containers[0]) == 20  # rows of class a
    assert [text.get_text() for text in middle.get_legend().get_texts()] == ["a", "b"]
    assert right.get_xlabel() == "first"
    assert figure.get_supxlabel() == "one\ntwo"


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
