"""Pictures of a network and of rows: the plane they lie in, and what is said there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from sklearn.datasets import make_moons

from chainrule import Layer, Model, Network
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.explanation.drawing import diagram_of_model, diagram_of_subject
from chainrule.explanation.drawing.plane import GRID, look
from chainrule.explanation.subject import Subject
from chainrule.tables import Table
from chainrule.training.fitting import Settings, fit_table


@pytest.fixture(scope="module")
def table() -> Table:
    X, y = make_moons(120, noise=0.1, random_state=0)
    moon = np.where(y == 1, "up", "down").astype(object)
    return Table({"wide": 100 * X[:, 0], "high": X[:, 1], "moon": moon})


@pytest.fixture(scope="module")
def model(table: Table) -> Model:
    return fit_table(table, settings=Settings(epochs=60)).model


def not_xor() -> Network:
    return Network(
        [
            Layer([[1.0, -1.0], [-1.0, 1.0]], [0.0, 0.0], "relu"),
            Layer([[-1.0], [-1.0]], [0.5], "logistic"),
        ]
    )


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_the_plane_of_a_model_is_in_the_tables_own_units(model: Model, table: Table) -> None:
    subject = Subject.of(model, table)
    lookout = look(subject)
    assert lookout is not None
    assert lookout.plane.axes == ("wide", "high")
    np.testing.assert_allclose(lookout.plane.points[:, 0], table["wide"], rtol=1e-5, atol=1e-4)
    assert lookout.plane.classes == ("down", "up")
    x, y = lookout.plane.x[7], lookout.plane.y[30]
    expected = model.predict_probability(Table({"wide": np.array([x]), "high": np.array([y])}))[
        0, 1
    ]
    assert lookout.region(subject, "").values[30, 7] == pytest.approx(expected, abs=1e-5)


def test_what_is_wrong_has_a_ring(model: Model, table: Table) -> None:
    lookout = look(Subject.of(model, table))
    assert lookout is not None
    wrong = lookout.region(Subject.of(model, table), "").wrong
    assert wrong.tolist() == (model.predict(table) != table["moon"]).tolist()


def test_rows_of_a_network_alone_lie_as_they_are() -> None:
    subject = Subject.of_rows(not_xor(), CORNERS, [1, 0, 0, 1])
    lookout = look(subject)
    assert lookout is not None
    np.testing.assert_array_equal(lookout.plane.points, CORNERS)
    assert lookout.plane.values.tolist() == [1, 0, 0, 1]
    assert lookout.X.shape == (GRID**2, 2)
    np.testing.assert_allclose(
        lookout.region(subject, "").values.ravel(), not_xor()(lookout.X)[:, 0], rtol=1e-12
    )
    assert not lookout.region(subject, "").wrong.any()


def test_more_numbers_lie_in_the_plane_of_two_components() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 5)) + 3  # a plane in five dimensions
    subject = Subject.of_rows(Network.of_sizes([5, 3], output="softmax", dtype="float64"), X)
    lookout = look(subject)
    assert lookout is not None
    assert lookout.plane.axes[0].startswith("component 1, ")
    assert np.isnan(lookout.plane.values).all()  # no target is known
    centred = X - X.mean(axis=0)
    on_plane = (lookout.X - X.mean(axis=0)) @ np.linalg.pinv(centred) @ centred
    np.testing.assert_allclose(on_plane, lookout.X - X.mean(axis=0), atol=1e-9)


def test_decision_regions(model: Model, table: Table) -> None:
    figure = model.draw(table, "regions")
    (mesh,) = (each for each in figure.axes[0].collections if isinstance(each, QuadMesh))
    lookout = look(Subject.of(model, table))
    assert lookout is not None
    values = lookout.region(Subject.of(model, table), "").values
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(values.shape), values)
    assert figure.get_suptitle() == "What the network 2-64-64-1 says"


def test_rows_without_a_target_are_drawn_on_the_scale_of_the_predictions() -> None:
    network = Network([Layer([[20.0], [-10.0]], [100.0])])
    (ax, _) = network.draw(CORNERS, what="regions").axes
    (mesh,) = (each for each in ax.collections if isinstance(each, QuadMesh))
    values = np.asarray(mesh.get_array())
    assert mesh.get_clim() == (values.min(), values.max())
    assert [len(each.get_offsets()) for each in ax.collections if each is not mesh] == [4]


def test_names_come_from_the_model_and_from_the_table(model: Model, table: Table) -> None:
    made = diagram_of_model(model)
    assert made.stages[0].units == ("wide", "high")
    assert made.stages[-1].units == ("moon = up",)
    assert diagram_of_subject(Subject.of(model, table)).filled == "bias b"
    one = diagram_of_subject(Subject.of(model, table, rows=[5]))
    assert one.filled == "x and z of row 5"
    network = Network.of_sizes([2, 3, 3], output="softmax")
    assert diagram_of_subject(Subject.of_rows(network, CORNERS)).stages[-1].units == ("0", "1", "2")


@pytest.mark.parametrize("what", ["regions", "units", "bending", "unit"])
@pytest.mark.parametrize("size", ["page", "slide"])
def test_every_picture_of_a_network_and_rows(what: str, size: str) -> None:
    figure = not_xor().draw(CORNERS, [1, 0, 0, 1], what=what, layer=2, unit=1, size=size)
    assert figure.get_size_inches()[0] == pytest.approx({"page": 7.0, "slide": 40 / 3}[size])
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_a_network_with_a_row() -> None:
    figure = not_xor().draw([1.0, 0.0])
    assert {"1", "0", "0.38"} <= {text.get_text() for text in figure.axes[0].texts}


def test_a_notebook_shows_the_picture_below_the_formulas() -> None:
    shown = not_xor()._repr_html_()
    assert shown.index("<math") < shown.index("<svg")
    broken = not_xor()
    broken.layer(1).W[0] = np.nan
    assert "<svg" not in broken._repr_html_()


def test_bad_input(model: Model, table: Table) -> None:
    with pytest.raises(UnknownName, match="no picture is called 'nets'"):
        not_xor().draw(what="nets")
    with pytest.raises(InvalidValue, match="the picture 'regions' needs rows of data"):
        not_xor().draw(what="regions")
    with pytest.raises(InvalidValue, match="they are one row: give more"):
        not_xor().draw([[1.0, 0.0]], what="bending")
    with pytest.raises(InvalidValue, match="needs rows of two numbers at least"):
        Network.of_sizes([1, 2]).draw([[1.0], [2.0]], what="units")
    with pytest.raises(InvalidValue, match="2 numbers that are no classes"):
        Network.of_sizes([2, 2]).draw(CORNERS, what="regions")
    with pytest.raises(ShapeError, match="layer 2 takes rows of 2 numbers, got 3"):
        not_xor().draw(np.ones((4, 3)), what="regions")
    with pytest.raises(ShapeError, match="X has 4 rows, y has 3"):
        not_xor().draw(CORNERS, [0, 1, 0], what="regions")
    with pytest.raises(UnknownName, match="no size of a picture is called 'poster'"):
        model.draw(table, size="poster")
