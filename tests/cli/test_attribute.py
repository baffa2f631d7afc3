"""`chainrule attribute`: what it prints for files and built-in data, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.cli.app import run
from chainrule.tables import Table, builtin
from chainrule.training.fitting import Settings, fit_table

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with a column of text, and its model beside it."""
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"size": rng.normal(10, 2, 80), "colour": rng.choice(["red", "blue"], 80)})
    frame.loc[0, "colour"] = "red"
    frame["sold"] = np.where(frame["size"] + 5 * (frame["colour"] == "red") > 12, "yes", "no")
    frame.to_csv(folder / "shop.csv", index=False)
    settings = Settings(hidden=(8,), epochs=300)
    chainrule.save(fit_table(Table.of(frame), settings=settings).model, folder / "shop.safetensors")
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["attribute", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_row_of_iris(capsys: pytest.CaptureFixture[str], iris: Path) -> None:
    out = printed(capsys, str(iris), "iris", "--row", "5", "--class", "virginica")
    lines = out.splitlines()
    assert lines[0] == "probability of virginica at row 5 (in the table species = setosa)"
    assert lines[1].startswith("from the baseline, the mean of 150 rows, where it is 0.")
    assert max(map(len, lines)) <= 80
    (total,) = (line for line in lines if line.startswith("baseline 0."))
    start, change, end = (
        float(total.split(before)[1].split()[0].rstrip(":").replace("−", "-"))
        for before in ("baseline ", "+ sum ", "= ")
    )
    assert start + change == pytest.approx(end, abs=2e-4)
    p = chainrule.load(iris).predict_probability(builtin("iris").take(np.array([4])))[0]
    assert end == pytest.approx(p[2], abs=1e-4)
    assert sum("│" in line for line in lines) == 4


def test_json_of_the_class_that_is_predicted(
    capsys: pytest.CaptureFixture[str], iris: Path
) -> None:
    found = json.loads(printed(capsys, str(iris), "iris", "--row", "80", "--json"))
    model = chainrule.load(iris)
    p = model.predict_probability(builtin("iris").take(np.array([79])))[0]
    assert found["what"] == f"probability of {model.classes[p.argmax()]}"
    assert found["value"] == pytest.approx(p.max(), rel=1e-5)
    change = found["value"] - found["baseline_value"]
    assert sum(each["integrated"] for each in found["columns"]) == pytest.approx(change, abs=1e-6)
    values = {each["column"]: each["value"] for each in found["columns"]}
    assert values["petal length (cm)"] == pytest.approx(3.5, rel=1e-6)


def test_a_column_of_text_is_one_line(capsys: pytest.CaptureFixture[str], shop: Path) -> None:
    model, data = str(shop / "shop.safetensors"), str(shop / "shop.csv")
    lines = printed(capsys, model, data, "--class", "yes").splitlines()
    assert lines[0] == "probability of sold = yes at row 1 (in the table sold = yes)"
    bars = [line.split() for line in lines if "│" in line]
    assert {bar[0] for bar in bars} == {"size", "colour"}
    (colour,) = (bar for bar in bars if bar[0] == "colour")
    assert colour[1] == "red"
    assert "–" in colour  # text has no slope
    share = colour[colour.index("–") + 1]
    assert float(share) > 0  # red sells


def test_data_without_the_target_and_a_single_row(
    capsys: pytest.CaptureFixture[str], shop: Path
) -> None:
    model = str(shop / "shop.safetensors")
    Path("new.csv").write_text("size,colour\n9,red\n")
    out = printed(capsys, model, "new.csv")
    assert "from the baseline, zero (numbers at the mean of the training data), where" in out
    Path("two.csv").write_text("size,colour\n9,red\n12,green\n")
    out = printed(capsys, model, "two.csv", "--row", "2", "--baseline", "row:1")
    assert "none known" in out
    assert "from the baseline, row 1, where it is" in out


def test_a_network_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "not-xor.json", "xor.csv", "--row", "2", "--baseline", "zero")
    assert "baseline 0.3775 + sum 0.2449 = 0.6225: probability of equal = 0 at row 2" in out
    out = printed(capsys, "not-xor.json", "xor.csv", "--row", "2", "--class", "1", "--of", "logit",
                  "--baseline", "row:1")  # fmt: skip
    assert "baseline 0.500 + sum −1.000 = −0.500: logit of equal = 1 at row 2" in out


@pytest.mark.parametrize("name", ["bars.png", "bars.svg", "bars.html"])
def test_it_is_drawn(capsys: pytest.CaptureFixture[str], name: str) -> None:
    out = printed(capsys, "not-xor.json", "xor.csv", "--row", "2", "--plot", name)
    assert out.endswith(f"\n\ndrawn    {name}\n")
    assert Path(name).stat().st_size > 500


REFUSALS = [
    ("not-xor.json xor.csv --row 9", "there is no row 9: the table has rows 1 to 4"),
    ("not-xor.json xor.csv --row 0", "there is no row 0"),
    ("not-xor.json xor.csv --row x", "Invalid value for --row"),
    ("not-xor.json xor.csv --baseline row:5", "there is no row 5: the table has rows 1 to 4"),
    ("not-xor.json xor.csv --baseline median", "a baseline is mean, zero or row:N"),
    ("not-xor.json xor.csv --class 2", "no class is called '2' (there are: 0, 1)"),
    ("not-xor.json xor.csv --of odds", "odds"),
    ("IRIS iris --class setos", "no class is called 'setos'; did you mean 'setosa'?"),
    ("IRIS iris --target sepal", "the model was trained with the target 'species', not 'sepal'"),
    ("IRIS xor.csv", "missing here"),
    ("not-xor.json iris", "the network takes rows of 2 numbers, the table has 5 columns"),
    ("not-xor.json nowhere.csv", "no such file: nowhere.csv"),
    ("nowhere.json xor.csv", "there is no model file nowhere.json"),
    ("not-xor.json xor.csv --plot bars.pdf", "a picture's name ends in .png, .svg or .html"),
    ("not-xor.json xor.csv --plot no/such/bars.png", "no folder"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSALS)
def test_what_is_wrong_is_said_in_a_line(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str], iris: Path
) -> None:
    assert run(["attribute", *arguments.replace("IRIS", str(iris)).split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("chainrule: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
