"""What units give over the plane, the plane as layers bend it, what one unit sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chainrule import Layer, Network
from chainrule.errors import InvalidValue
from chainrule.explanation.drawing.bending import LINES, bends
from chainrule.explanation.drawing.plane import GRID, Lookout, look
from chainrule.explanation.drawing.sight import sight
from chainrule.explanation.drawing.units import MOST, unit_maps
from chainrule.explanation.subject import Subject

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def subject(network: Network, X: object = CORNERS, y: object = (1, 0, 0, 1)) -> Subject:
    return Subject.of_rows(network, X, y)  # type: ignore[arg-type]


def lookout(seen: Subject) -> Lookout:
    found = look(seen)
    assert found is not None
    return found


@pytest.fixture
def not_xor() -> Subject:
    return subject(
        Network(
            [
                Layer([[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0], "relu"),
                Layer([[-1.0], [-1.0]], [0.5], "logistic"),
            ]
        )
    )


def test_the_maps_are_the_trace_at_the_points_of_the_grid(not_xor: Subject) -> None:
    out = lookout(not_xor)
    maps, title = unit_maps(not_xor, out, None, "page")
    assert title == "What each unit gives over x_1 and x_2"
    assert [each.name for each in maps] == ["layer 2: z_2 = ReLU(u_3)", "layer 1: z_1 = σ(u_2)"]
    assert maps[0].z.shape == (2, GRID, GRID)
    for row, column in ((0, 0), (17, 80), (99, 3)):
        trace = not_xor.network.trace([out.plane.x[column], out.plane.y[row]])
        assert maps[0].z[:, row, column].tolist() == trace.z[2].tolist()
        assert maps[0].u is not None
        assert maps[0].u[:, row, column].tolist() == trace.u[3].tolist()
        assert maps[1].z[0, row, column] == trace.z[1][0]


def test_one_layer_shows_more_units_than_all_layers() -> None:
    seen = subject(Network.of_sizes([2, 40, 1], output="logistic"))
    all_, _ = unit_maps(seen, lookout(seen), None, "page")
    (one,), title = unit_maps(seen, lookout(seen), 2, "page")
    assert (len(all_[0].units), all_[0].left_out, all_[0].cut) == (6, 34, 3)
    assert all_[0].units[:3] + all_[0].units[-1:] == ("unit 1", "unit 2", "unit 3", "unit 40")
    assert (len(one.units), one.left_out) == (MOST, 40 - MOST)
    assert title == "Layer 2 over x_1 and x_2"


def test_many_layers_are_cut_in_the_middle() -> None:
    seen = subject(Network.of_sizes([2, *[3] * 11, 1], output="logistic"))
    maps, title = unit_maps(seen, lookout(seen), None, "page")
    numbers = [int(each.name.split()[1].removesuffix(":")) for each in maps]
    assert numbers == [12, 11, 10, 3, 2, 1]
    assert title.endswith("; 6 layers in the middle not shown")


def test_the_outputs_are_shown_before_other_units() -> None:
    seen = subject(Network.of_sizes([2, 12, 12], output="softmax"), y=(0, 1, 2, 0))
    maps, _ = unit_maps(seen, lookout(seen), None, "page")
    assert [(len(each.units), each.left_out) for each in maps] == [(6, 6), (12, 0)]
    maps, _ = unit_maps(seen, lookout(seen), None, "slide")
    assert [(len(each.units), each.left_out) for each in maps] == [(10, 2), (10, 2)]


def test_the_plane_of_many_columns_has_a_name() -> None:
    X = np.random.default_rng(0).normal(size=(9, 3))
    seen = subject(Network.of_sizes([3, 1]), X, X[:, 0])
    _, title = unit_maps(seen, lookout(seen), None, "page")
    assert title == "What each unit gives over the first two principal components"


def test_softmax_has_names_and_no_line_at_0() -> None:
    seen = subject(Network.of_sizes([2, 3], output="softmax"), y=(0, 1, 2, 0))
    (only,), _ = unit_maps(seen, lookout(seen), None, "page")
    assert only.u is None and only.units == ("0", "1", "2")
    np.testing.assert_allclose(only.z.sum(axis=0), 1, rtol=1e-6)


def test_the_identity_bends_nothing() -> None:
    seen = subject(
        Network([Layer(np.eye(2), [0.0, 0.0]), Layer([[1.0], [1.0]], [-1.0], "logistic")])
    )
    out = lookout(seen)
    first, second, third = bends(seen, out)
    assert first.lines.shape == (2 * LINES, GRID, 2)
    np.testing.assert_array_equal(first.lines, second.lines)
    np.testing.assert_array_equal(first.points, second.points)
    assert len(set(first.lines[0, :, 0])) == 1  # upright: x stays, y runs over the grid
    np.testing.assert_array_equal(first.lines[0, :, 1], out.plane.y)
    np.testing.assert_array_equal(first.lines[LINES, :, 0], out.plane.x)
    assert third.lines.size == 0
    np.testing.assert_allclose(third.points[:, 0], seen.network(CORNERS)[:, 0])
    assert third.points[:, 1].tolist() == [1, 0, 0, 1]  # the classes upwards


def test_the_border_is_where_the_output_is_a_half(not_xor: Subject) -> None:
    _, hidden, _ = bends(not_xor, lookout(not_xor))
    (border,) = hidden.borders
    output = not_xor.network.layer(1)
    u = border @ output.W + output.b
    np.testing.assert_allclose(u, 0, atol=1e-12)
    assert hidden.points.tolist() == [[0, 0], [1, 0], [0, 1], [0, 0]]


def test_the_border_between_two_outputs_of_softmax() -> None:
    W, b = np.array([[1.0, 3.0], [-2.0, 0.5]]), np.array([0.25, -0.5])
    seen = subject(Network([Layer(np.eye(2), [0.0, 0.0]), Layer(W, b, "softmax")]))
    (border,) = bends(seen, lookout(seen))[1].borders
    np.testing.assert_allclose(seen.network(border), 0.5, atol=1e-9)


def test_the_borders_between_three_outputs_of_softmax_meet_in_a_point() -> None:
    W, b = np.array([[2.0, -1.0, 0.5], [0.0, 1.5, -2.0]]), np.array([0.25, -0.5, 1.0])
    seen = subject(Network([Layer(np.eye(2), [0.0, 0.0]), Layer(W, b, "softmax")]), y=(0, 1, 2, 0))
    borders = bends(seen, lookout(seen))[1].borders
    assert len(borders) == 3
    for border in borders:  # on each two classes are equal, and no other is above them
        for share in (0.1, 0.5, 0.9):
            p = np.sort(seen.network(border[0] + share * (border[1] - border[0])))
            assert p[2] == pytest.approx(p[1], rel=1e-9) and p[0] <= p[1]
    meeting = np.linalg.solve((W[:, 1:] - W[:, :1]).T, b[0] - b[1:])
    for border in borders:
        assert np.linalg.norm(border - meeting, axis=1).min() < 1e-9


def test_no_border_where_a_third_class_is_above_both() -> None:
    W, b = np.zeros((2, 3)), np.array([0.0, 0.0, 9.0])
    W[0] = [1.0, -1.0, 0.0]
    seen = subject(Network([Layer(np.eye(2), [0.0, 0.0]), Layer(W, b, "softmax")]), y=(0, 1, 2, 0))
    ends = sorted(border[0, 0] for border in bends(seen, lookout(seen))[1].borders)
    assert ends == [-9, 9]  # classes 0 and 2 at z = 9, 1 and 2 at −9; never 0 and 1


def test_the_border_of_logits_is_where_they_are_0() -> None:
    W = np.array([[1.0], [2.0]])
    network = Network([Layer(np.eye(2), [0.0, 0.0]), Layer(W, [-1.0])])
    seen = Subject.of_rows(network, CORNERS, [1, 0, 0, 1], loss="binary_cross_entropy")
    _, hidden, output = bends(seen, lookout(seen))
    np.testing.assert_allclose(network(hidden.borders[0]), 0, atol=1e-12)
    assert output.borders[0][:, 0].tolist() == [0, 0]


def test_the_border_after_two_outputs_is_the_diagonal() -> None:
    seen = subject(Network.of_sizes([2, 2], output="softmax"), y=(0, 1, 1, 0))
    _, output = bends(seen, lookout(seen))
    ((start, end),) = output.borders
    assert start[0] == pytest.approx(start[1]) and end[0] == pytest.approx(end[1])


def test_a_number_is_seen_against_its_target() -> None:
    y = np.array([3.0, 1.0, 4.0, 1.0])
    seen = subject(Network([Layer([[1.0], [2.0]], [0.0])]), y=y)
    _, output = bends(seen, lookout(seen))
    assert output.points.tolist() == [[0, 3], [1, 1], [2, 4], [3, 1]]
    assert output.axes == ("unit 1", "target") and output.borders == ()


def test_a_layer_that_overflows_is_refused() -> None:
    big = Network([Layer(1e5 * np.eye(2), [0.0, 0.0], "exponential"), Layer([[1.0], [1.0]], [0])])
    seen = subject(big, y=CORNERS[:, 0])
    with pytest.raises(InvalidValue, match="layer 2 gives some rows numbers that are not finite"):
        bends(seen, lookout(seen))


def test_a_wide_layer_is_seen_in_its_two_main_directions() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    V, _ = np.linalg.qr(rng.normal(size=(5, 2)))  # two directions at right angles
    seen = subject(
        Network([Layer(V.T, np.full(5, 3.0)), Layer(np.ones((5, 1)), [0.0])]), X, X[:, 0]
    )
    _, wide, _ = bends(seen, lookout(seen))
    assert wide.note == "2 of 5 dimensions, 100 % of variance"
    apart = np.linalg.norm(wide.points[1:] - wide.points[0], axis=1)
    np.testing.assert_allclose(apart, np.linalg.norm(X[1:] - X[0], axis=1))  # only turned
    assert wide.borders == ()


def test_what_a_unit_sees(not_xor: Subject) -> None:
    found = sight(not_xor, 2, 1, lookout(not_xor))
    assert found.title == "Unit 1 of layer 2: z₂ = ReLU(u₃)"
    assert found.weights.names == ("x_1", "x_2")
    assert found.weights.values.tolist() == [1, -1]
    assert found.u.tolist() == [0, 1, -1, 0]
    assert found.fires == ("u is above 0 on 1 of 4 rows, 25 %", "0: 50 %", "1: 0 %")
    assert found.values.tolist() == [1, 0, 0, 1]
    assert found.note == "b = 0"
    assert found.image is None and found.map is not None
    maps, _ = unit_maps(not_xor, lookout(not_xor), 2, "page")
    np.testing.assert_array_equal(found.map.z[0], maps[0].z[0])


def test_a_unit_behind_others_and_rows_without_classes() -> None:
    seen = Subject.of_rows(Network.of_sizes([3, 4, 1]), np.ones((5, 3)), np.arange(5.0))
    found = sight(seen, 1, 1)
    assert found.weights.names == ("unit 1", "unit 2", "unit 3", "unit 4")
    assert found.classes == () and len(found.fires) == 1 and found.map is None


def test_an_output_of_softmax_has_a_name_and_is_the_largest_on_some_rows() -> None:
    W, b = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 1.5]]), np.array([0.0, 0.5, 0.0])
    seen = subject(Network([Layer(W, b, "softmax")]), y=(0, 1, 2, 0))
    found = sight(seen, 1, 3)  # u of the corners: 0 ½ 0 | 2 ½ 1 | 0 1½ 1½ | 2 1½ 2½
    assert found.title == "Unit 3 of layer 1, for class 2: z₁ = softmax(u₂)"
    assert found.fires[0] == "u is the largest of its layer on 1 of 4 rows, 25 %"
    assert found.fires[1:] == ("0: 50 %", "1: 0 %", "2: 0 %")


def test_shares_near_none_and_all_are_not_rounded_to_them() -> None:
    X = np.ones((3000, 1))
    X[:2] = -1
    seen = Subject.of_rows(Network([Layer([[1.0, -1.0]], [0.0, 0.0])]), X)
    assert sight(seen, 1, 1).fires == ("u is above 0 on 2,998 of 3,000 rows, over 99.9 %",)
    assert sight(seen, 1, 2).fires == ("u is above 0 on 2 of 3,000 rows, under 0.1 %",)
    X[:20] = -1
    assert sight(replace(seen, X=X), 1, 2).fires[0].endswith("20 of 3,000 rows, 0.7 %")


@pytest.mark.parametrize(
    "names",
    [
        tuple(f"pixel_{row}_{column}" for row in range(5) for column in range(5)),
        tuple(f"x{k}" for k in range(1, 26)),
    ],
)
def test_pixels_are_an_image(names: tuple[str, ...]) -> None:
    network = Network([Layer(np.arange(25.0)[:, None], [0.0])])
    seen = replace(Subject.of_rows(network, np.ones((2, 25))), inputs=names)
    image = sight(seen, 1, 1).image
    assert image is not None
    np.testing.assert_array_equal(image, np.arange(25.0).reshape(5, 5))
    other = replace(seen, inputs=("height", *names[1:]))
    assert sight(other, 1, 1).image is None


def test_bad_input(not_xor: Subject) -> None:
    with pytest.raises(InvalidValue, match="layers are numbered 1 .output. to 2, got 3"):
        unit_maps(not_xor, lookout(not_xor), 3, "page")
    with pytest.raises(InvalidValue, match="there is no unit 3 in layer 2: it has units 1 to 2"):
        sight(not_xor, 2, 3)
    with pytest.raises(InvalidValue, match="there is no unit 0 in layer 1"):
        sight(not_xor, 1, 0)
