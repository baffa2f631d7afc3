"""Models as graphs of ONNX: what onnxruntime says is what the model says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from benchmarks.answers import answers, values
from sklearn.datasets import load_breast_cancer
from tests.export.subjects import KINDS, agree, encoder_alone, hostile_model

from chainrule import Activation, Classifier, Layer, Model, Network, Plan
from chainrule.errors import InvalidValue, MissingExtra
from chainrule.export import to_onnx
from chainrule.tables import Encoder, Table, TargetEncoder, builtin
from chainrule.tables.features import Category
from chainrule.training.fitting import Settings, fit_table

Arrays = dict[str, npt.NDArray[Any]]


def session(path: Path) -> Any:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs(model: Model, table: Table) -> Arrays:
    """A table as the graph takes it: (n, 1) each, missing text as ""."""
    columns = values(model, table)
    return {
        name: (np.where(np.equal(v, None), "", v) if v.dtype == object else v)[:, None]
        for name, v in columns.items()
    }


def said(path: Path, fed: Arrays) -> Arrays:
    run = session(path)
    names = [output.name.rstrip("_") for output in run.get_outputs()]
    return dict(zip(names, run.run(None, fed), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_everything_in_it(kind: str, tmp_path: Path) -> None:
    model, new = hostile_model(kind)
    to_onnx(model, tmp_path / "it.onnx")
    assert agree(model, said(tmp_path / "it.onnx", inputs(model, new)), answers(model, new)) < 1e-5


def test_the_encoding_number_by_number(tmp_path: Path) -> None:
    """Every column of x as the encoder makes it, but for the last bit of sines and cosines."""
    model, new = encoder_alone("float64")
    to_onnx(model, tmp_path / "it.onnx")
    x = said(tmp_path / "it.onnx", inputs(model, new))["prediction"]
    assert model.encoder is not None
    true = model.encoder.transform(new, "float64")
    waves = np.array([name.endswith((" sin", " cos")) for name in model.encoder.feature_names])
    assert (x[:, ~waves] == true[:, ~waves]).all()
    assert waves.sum() == 16 and np.abs(x[:, waves] - true[:, waves]).max() < 1e-12


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "digits", "diabetes"])
def test_built_in_data(name: str, tmp_path: Path) -> None:
    table = builtin(name)
    model = fit_table(table, settings=Settings(hidden=(12, 8), epochs=3)).model
    to_onnx(model, tmp_path / "it.onnx")
    rows = table.without([model.target_name or ""])
    assert (
        agree(model, said(tmp_path / "it.onnx", inputs(model, rows)), answers(model, rows)) < 1e-5
    )


def test_a_fitted_estimator_is_its_model(tmp_path: Path) -> None:
    """With its defaults, in float64, from an array."""
    X, y = load_breast_cancer(return_X_y=True)
    fitted = Classifier(members=3, epochs=2, dtype="float64", random_state=0).fit(X, y)
    to_onnx(fitted, tmp_path / "it.onnx")
    model = fitted.to_model()
    assert model.encoder is not None
    table = Table(dict(zip(model.encoder.kinds, X.T, strict=True)))
    got = said(tmp_path / "it.onnx", inputs(model, table))
    assert got["probabilities"].dtype == np.float64 and got["label"].dtype == np.int64
    assert np.abs(got["probabilities"] - fitted.predict_proba(X)).max() < 1e-9


def test_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    """Columns by their names, whatever stands in them; an output that a column is called like gives way."""
    model, _ = hostile_model("three")
    written = to_onnx(model, tmp_path / "it.onnx")
    run = session(tmp_path / "it.onnx")
    assert model.encoder is not None
    assert [i.name for i in run.get_inputs()] == [*model.encoder.kinds]
    types = {i.name: (i.type, i.shape) for i in run.get_inputs()}
    assert types["text"] == ("tensor(string)", ["rows", 1])
    assert types["when"] == types["whether"] == types["year"] == ("tensor(double)", ["rows", 1])
    assert [(o.name, o.type, o.shape) for o in run.get_outputs()] == [
        ("label_", "tensor(string)", ["rows"]),
        ("probabilities_", "tensor(float)", ["rows", 3]),
    ]
    assert dict(written.facts)["outputs"] == "label_, probabilities_"
    notes = {i.name: i.doc_string for i in onnx.load(tmp_path / "it.onnx").graph.input}
    assert notes["when"] == "days since 1970-01-01 in universal time; NaN where it is missing"


@pytest.mark.parametrize("outputs", [1, 3])
def test_models_without_columns(outputs: int, tmp_path: Path) -> None:
    """Labels 0 and 1; or several questions, each with a probability of its own."""
    network = Network.of_sizes([4, 5, outputs], seed=3)
    model = Model(network, Plan.of(network, "binary_cross_entropy"))
    X = np.random.default_rng(0).normal(0, 3, (50, 4)).astype(np.float32)
    to_onnx(model, tmp_path / "it.onnx")
    got = said(tmp_path / "it.onnx", {"rows": X})
    assert (got["label"] == model.predict(X)).all() and got["label"].dtype == np.int64
    assert np.abs(got["probabilities"] - model.predict_probability(X)).max() < 1e-6


def test_no_rows(tmp_path: Path) -> None:
    model, new = hostile_model("numbers")
    to_onnx(model, tmp_path / "it.onnx")
    fed = {name: v[:0] for name, v in inputs(model, new).items()}
    assert said(tmp_path / "it.onnx", fed)["prediction"].shape == (0,)


def encoded(column: Any) -> Model:
    network = Network.of_sizes([len(column.names), 1])
    return Model(network, Plan.of(network, "squared_error"), Encoder((column,)))


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (
            Category("c", ("", "a"), other=False, missing=True),
            "column 'c' has both \"\" and missing values",
        ),
        (Category("", ("a", "b"), other=False, missing=False), "a column without a name"),
    ],
)
def test_columns_that_onnx_has_no_way_for(column: Category, why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=why):
        to_onnx(encoded(column), tmp_path / "it.onnx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("values", [("", "a"), (), ("b",)])
@pytest.mark.parametrize("other", [False, True])
def test_texts_that_were_not_seen(values: tuple[str, ...], other: bool, tmp_path: Path) -> None:
    if not values and not other:
        return
    model = encoded(Category("c", values, other=other, missing=False))
    to_onnx(model, tmp_path / "it.onnx")
    texts = np.array(["", "a", "b", "new"], object)
    true = model.predict({"c": texts})
    assert np.allclose(
        said(tmp_path / "it.onnx", {"c": texts[:, None]})["prediction"], true, atol=1e-7
    )


@pytest.mark.parametrize(
    ("labels", "kind"),
    [((0.5, 1.5), "f"), ((False, True), "b"), (("a\0", "b"), "O"), ((-3, 7), "i")],
)
def test_types_of_labels(labels: tuple[Any, ...], kind: str, tmp_path: Path) -> None:
    network = Network.of_sizes([2, 1])
    network.layers[0].W[:] = [[9], [0]]
    target = TargetEncoder("y", "classification", labels)
    to_onnx(
        Model(network, Plan.of(network, "binary_cross_entropy"), target=target),
        tmp_path / "it.onnx",
    )
    got = said(tmp_path / "it.onnx", {"rows": np.array([[-1, 0], [1, 0]], np.float32)})["label"]
    assert got.dtype.kind == kind and got.tolist() == list(labels)


def test_labels_that_onnx_has_no_type_for(tmp_path: Path) -> None:
    network = Network.of_sizes([2, 1])
    target = TargetEncoder("y", "classification", (1, 10**30))
    with pytest.raises(InvalidValue, match="ONNX has no type for classes such as these"):
        to_onnx(
            Model(network, Plan.of(network, "binary_cross_entropy"), target=target),
            tmp_path / "it.onnx",
        )


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="a model or a network is exported, not dict"):
        to_onnx({}, tmp_path / "it.onnx")
    network = Network.of_sizes([2, 2])
    network.layers[0].W[0, 0] = np.nan
    with pytest.raises(InvalidValue, match="a parameter of the network is not finite"):
        to_onnx(network, tmp_path / "it.onnx")
    network = Network([Layer(np.eye(2), [0, 0], Activation("mine", np.sin, np.cos))])
    with pytest.raises(InvalidValue, match="no form has a word for your own activation 'mine'"):
        to_onnx(network, tmp_path / "it.onnx")


def test_onnx_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("writing", "reading", "columns", "networks", "graph", "loading"):
        monkeypatch.delitem(sys.modules, f"chainrule.export.onnx.{name}", raising=False)
        monkeypatch.delattr(f"chainrule.export.onnx.{name}", raising=False)
    for call in (
        lambda: to_onnx(Network.of_sizes([2, 2]), tmp_path / "it.onnx"),
        lambda: Network.from_onnx("it"),
    ):
        with pytest.raises(MissingExtra, match=r"chainrule\[onnx\]"):
            call()
