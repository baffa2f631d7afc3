"""Models as scripts for PyTorch: they run without chainrule, and say what the model says."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from benchmarks.answers import answers
from tests.export.subjects import KINDS, agree, encoder_alone, hostile, hostile_model

from chainrule import Model, Network
from chainrule.errors import InvalidValue
from chainrule.export import to_torch
from chainrule.tables import read_table

WITHOUT = "import sys, runpy; sys.modules['chainrule'] = None; sys.argv[:1] = []; runpy.run_path(sys.argv[0], run_name='__main__')"


def opened(path: Path) -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(script: Any, model: Model, rows: list[Any]) -> dict[str, Any]:
    prediction = np.array(
        script.predict(rows), dtype=object if model.task == "classification" else float
    )
    if model.levels:
        return {"prediction": prediction, "quantiles": script.predict_quantiles(rows).numpy()}
    if model.task == "regression":
        return {"prediction": prediction}
    return {"label": prediction, "probabilities": script.predict_probability(rows).numpy()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_everything_in_it(kind: str, tmp_path: Path) -> None:
    model, new = hostile_model(kind)
    to_torch(model, tmp_path / "it.py")
    data = hostile(300, seed=2)
    columns = {
        name: getattr(values, "tolist", lambda v=values: v)() for name, values in data.items()
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    true = answers(model, new)
    if "label" in true:
        true["label"] = true["label"].astype(object)
    assert agree(model, said(opened(tmp_path / "it.py"), model, rows), true) < 1e-6


def test_the_encoding_number_by_number(tmp_path: Path) -> None:
    model, new = encoder_alone("float64")
    to_torch(model, tmp_path / "it.py")
    rows = [*zip(*(column.tolist() for column in new.columns.values()), strict=True)]
    x = np.array(
        opened(tmp_path / "it.py").predict([dict(zip(new.names, row, strict=True)) for row in rows])
    )
    assert model.encoder is not None
    assert np.allclose(x, model.encoder.transform(new, "float64"), rtol=1e-15, atol=1e-12)


def test_the_rows_of_a_file_without_chainrule(tmp_path: Path) -> None:
    """A CSV file with every kind of column, its gaps spelt in different ways."""
    model = replace(hostile_model("three")[0], history={"na": ["?"]})
    to_torch(model, tmp_path / "it.py")
    frame = pd.DataFrame(hostile(300, seed=2))
    frame["text"] = frame["text"].fillna("NA")
    frame["size"] = ["?", *frame["size"][1:]]
    frame.to_csv(tmp_path / "new.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "it.py", "new.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert model.encoder is not None
    new = read_table(tmp_path / "new.csv", na=["?"], kinds=model.encoder.kinds)
    printed = pd.read_csv(io.StringIO(done.stdout))
    assert [*printed] == ["prediction", *(f"probability:{label}" for label in model.classes)]
    assert np.abs(printed.iloc[:, 1:].to_numpy() - model.predict_probability(new)).max() < 1e-6
    assert (printed["prediction"] == model.predict(new)).mean() > 0.99


def test_a_network_alone_is_one_script(tmp_path: Path) -> None:
    network = Network.of_sizes([2, 3, 1], output="logistic", seed=1)
    written = to_torch(network, tmp_path / "it.py")
    assert [*tmp_path.iterdir()] == [*written.files]
    X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    logits = opened(tmp_path / "it.py").net(torch.from_numpy(X)).detach().numpy()
    assert np.allclose(logits, network.logits(X), atol=1e-6)


def test_rows_that_are_refused(tmp_path: Path) -> None:
    model, _ = hostile_model("booleans")
    to_torch(model, tmp_path / "it.py")
    script = opened(tmp_path / "it.py")
    columns = hostile(2)
    rows = [{name: values[i] for name, values in columns.items()} for i in range(2)]
    rows = [
        {name: v.tolist() if hasattr(v, "tolist") else v for name, v in row.items()} for row in rows
    ]
    with pytest.raises(ValueError, match="column 'whether' is true or false"):
        script.predict([{**rows[0], "whether": 0.5}])
    with pytest.raises(ValueError, match="a number is not finite"):
        script.predict([{**rows[0], "size": np.inf}])
    with pytest.raises(KeyError, match="year"):
        script.predict([{name: v for name, v in rows[0].items() if name != "year"}])


def test_half_a_character(tmp_path: Path) -> None:
    model, _ = hostile_model("three")
    assert model.target is not None
    broken = replace(model, target=replace(model.target, classes=("a", "b", "\ud83d")))
    with pytest.raises(InvalidValue, match=r"half a character stands in '\\ud83d'"):
        to_torch(broken, tmp_path / "it.py")
    assert not [*tmp_path.iterdir()]
