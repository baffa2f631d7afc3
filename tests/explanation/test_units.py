"""What units give over the plane, the plane as layers bend it, what one unit sees."""

from __future__ import annotations

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
    assert numbers == [12, 11, 10, 9, 4, 3, 2, 1]
    assert title.endswith("; 4 layers in the middle not shown")


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


def test_a_wide_layer_is_seen_in_its_two_main_directions() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    V = np.linalg.qr(rng.normal(size=(5, 2)))[
        0
    ]  # two directions at right angles in five dimensions
    seen = subject(
        Network([Layer(V.T, np.full(5, 3.0)), Layer(np.ones((5, 1)), [0.0])]), X, X[:, 0]
    )
    _, wide, _ = bends(seen, lookout(seen))
    assert wide.note == "2 of 5 dimensions, 100 %"
    apart = np.linalg.norm(wide.points[1:] - wide.points[0], axis=1)
    np.testing.assert_allclose(apart, np.linalg.norm(X[1:] - X[0], axis=1))  # only turned
    assert wide.borders == ()


def test_what_a_unit_sees(not_xor: Subject) -> None:
    found = sight(not_xor, 2, 1, lookout(not_xor))
    assert found.title == "Unit 1 of layer 2: z₂ = ReLU(u₃)"
    assert found.weights.names == ("x_1", "x_2")
    assert found.weights.values.tolist() == [1, -1]
    assert found.u.tolist() == [0, 1, -1, 0]
    assert found.fires == (
        "u is above 0 on 1 of 4 rows, 25 %.",
        "Of the rows of each class: 0: 50 %, 1: 0 %.",
    )
    assert found.image is None and found.map is not None
    maps, _ = unit_maps(not_xor, lookout(not_xor), 2, "page")
    np.testing.assert_array_equal(found.map.z[0], maps[0].z[0])


def test_a_unit_behind_others_and_rows_without_classes() -> None:
    seen = Subject.of_rows(Network.of_sizes([3, 4, 1]), np.ones((5, 3)), np.arange(5.0))
    found = sight(seen, 1, 1)
    assert found.weights.names == ("unit 1", "unit 2", "unit 3", "unit 4")
    assert found.classes == () and len(found.fires) == 1 and found.map is None


@pytest.mark.parametrize(
    "names",
    [
        tuple(f"pixel_{row}_{column}" for row in range(5) for column in range(5)),
        tuple(f"x{k}" for k in range(1, 26)),
    ],
)
def test_pixels_are_an_image(names: tuple[str, ...]) -> None:
    from dataclasses import replace

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
