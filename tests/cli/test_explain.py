"""`chainrule explain`: what it prints for files and built-in data, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.cli.app import run
from chainrule.tables import builtin
from chainrule.training.fitting import Settings, fit_table

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "diabetes.safetensors"
    settings = Settings(hidden=(4,), epochs=5)
    chainrule.save(fit_table(builtin("diabetes"), settings=settings).model, path)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["explain", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_not_xor_with_the_names_of_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "not-xor.json", "xor.csv", "--row", "2")
    assert out.startswith("Network 2-2-1, row 2: equal = 0\n")
    assert "             x_0 x_1\n  z_3 = x = (  1   0)" in out
    assert "⎣−1  1⎦ x_1" in out
    assert "The network says equal = 0 (probability 0.6225)." in out
    assert len(out.splitlines()) <= 50
    assert max(map(len, out.splitlines())) <= 80


def test_a_model_brings_the_names_of_its_columns_and_classes(
    capsys: pytest.CaptureFixture[str], iris: Path
) -> None:
    out = printed(capsys, str(iris), "iris", "--row", "80")
    assert "row 80: species = versicolor" in out
    assert "sepal width (cm)" in out
    assert "setosa versicolor virginica" in out
    assert "L = −log z_1⁽²⁾ = " in out
    assert "of long rows and columns the first and last 3 numbers" in " ".join(out.split())
    found = json.loads(printed(capsys, str(iris), "iris", "--row", "80", "--format", "json"))
    model = chainrule.load(iris)
    p = model.predict_probability(builtin("iris").take(np.array([79])))
    np.testing.assert_allclose(found["layers"][-1]["z"], p, rtol=1e-5)
    assert found["classes"] == ["setosa", "versicolor", "virginica"]
    assert found["rows"] == [80]


def test_a_model_explains_rows_of_a_frame(capsys: pytest.CaptureFixture[str], iris: Path) -> None:
    model, frame = chainrule.load(iris), pd.DataFrame(builtin("iris").columns)
    out = printed(capsys, str(iris), "iris", "--row", "80", "--layer", "1")
    assert out.startswith(str(model.explain(frame, 80, layer=1)))
    assert "The target is not known" in str(model.explain(frame.drop(columns="species"), [3, 7]))
    with pytest.raises(chainrule.ChainruleError, match="there is no row 151"):
        model.explain(frame, 151)


def test_a_number_is_said_in_its_own_unit(
    capsys: pytest.CaptureFixture[str], diabetes: Path
) -> None:
    out = printed(capsys, str(diabetes), "diabetes", "--row", "3")
    said = float(out.split("The network says progression = ")[1].split(".\n")[0])
    rows = builtin("diabetes").take(np.array([2]))
    assert said == pytest.approx(chainrule.load(diabetes).predict(rows)[0], rel=1e-3)
    assert "L = (z_1 − y)² = " in out


def test_formats_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    base = ["not-xor.json", "xor.csv", "--row", "1-3", "--format"]
    assert printed(capsys, *base, "markdown").startswith("## Network 2-2-1, rows 1, 2, 3")
    assert printed(capsys, *base, "latex").startswith("\\subsection*{Network 2-2-1, rows")
    assert json.loads(printed(capsys, *base, "json"))["x"] == [[0, 0], [1, 0], [0, 1]]
    assert printed(capsys, *base, "html", "--out", "page.html") == ""
    assert Path("page.html").read_text().startswith("<!doctype html>")


def test_one_layer_and_more_numbers(capsys: pytest.CaptureFixture[str], iris: Path) -> None:
    out = printed(capsys, str(iris), "iris", "--layer", "2", "--edge", "5")
    assert "Layer 2" in out
    assert "Layer 1" not in out
    assert "…" not in out.split("Backward")[1]


def test_a_table_without_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.csv").write_text("x_0,x_1\n0,1\n")
    out = printed(capsys, "not-xor.json", "new.csv")
    assert "The target is not known" in out


REFUSALS = [
    ("not-xor.json xor.csv --row 9", "there is no row 9: the table has rows 1 to 4"),
    ("not-xor.json xor.csv --row 0", "there is no row 0"),
    ("not-xor.json xor.csv --row x", "rows are numbers from 1, as 3 or 1,4 or 2-5; got 'x'"),
    ("not-xor.json xor.csv --layer 3", "layers are numbered 1 (output) to 2, got 3"),
    ("not-xor.json xor.csv --edge 0", "edge is 1 or more, got 0"),
    ("not-xor.json xor.csv --format pdf", "pdf"),
    ("not-xor.json xor.csv --target equals", "no column is called 'equals'; did you mean 'equal'?"),
    ("not-xor.json xor.csv --loss cross_entropy", "a doubled logistic"),
    ("not-xor.json iris", "the network takes rows of 2 numbers, the table has 5 columns"),
    ("not-xor.json text.csv", "the network knows no label 'yes'"),
    ("not-xor.json five.csv", "takes labels 0 and 1"),
    ("not-xor.json gap.csv", "column 'x_0' must be finite, but row 1 holds nan"),
    ("not-xor.json nowhere.csv", "no such file: nowhere.csv"),
    ("nowhere.json xor.csv", "there is no model file nowhere.json"),
    ("xor.csv xor.csv", "it is no model file"),
    ("IRIS unknown.csv", "is not among the classes of the training data"),
    ("IRIS xor.csv", "missing here"),
    ("not-xor.json xor.csv --out no/such/page.html", "no folder"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSALS)
def test_what_is_wrong_is_said_in_a_line(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str], iris: Path
) -> None:
    Path("text.csv").write_text("a,b,c\n1,2,yes\n")
    Path("five.csv").write_text("a,b,c\n1,2,5\n")
    Path("gap.csv").write_text("x_0,x_1,equal\n,1,1\n2,3,0\n")
    header = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm),species"
    Path("unknown.csv").write_text(f"{header}\n1,2,3,4,rose\n")
    assert run(["explain", *arguments.replace("IRIS", str(iris)).split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("chainrule: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
