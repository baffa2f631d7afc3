"""`chainrule health`: the health of a network on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from chainrule import Layer, Network
from chainrule.cli.app import run

SICK = Network(  # 3 of 4 units of layer 2 never fire where x_0 and x_1 are 0 or more
    [
        Layer([[1.0, -1.0, -1.0, -2.0], [1.0, -1.0, -2.0, -1.0]], [0.0] * 4, "relu"),
        Layer([[1.0], [1.0], [1.0], [1.0]], [-1.0], "logistic"),
    ]
)

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(folder: Path, ran: Said) -> Said:
    """The exit code, output and error of `chainrule health`, in a folder with a sick network."""
    Path("sick.json").write_text(SICK.to_json())
    rows = np.random.default_rng(0).uniform(0, 1, (600, 2))
    lines = [f"{a:.4f},{b:.4f},{int(a > b)}" for a, b in rows]
    Path("rows.csv").write_text("\n".join(["a,b,y", *lines]))
    return partial(ran, "health")


def test_findings_are_advice_and_the_exit_code_is_0(said: Said) -> None:
    code, out, err = said("sick.json", "rows.csv")
    assert (code, err) == (0, "")
    assert out.startswith("Health on 500 rows, binary_cross_entropy ")
    assert "layer 2: 3 of 4 units never fire on these 500 rows" in out
    assert out.splitlines()[-1] == "(500 of 600 rows, evenly chosen; --rows takes others.)"
    assert max(map(len, out.splitlines())) <= 80


def test_chosen_rows_as_json(said: Said) -> None:
    code, out, _ = said("sick.json", "rows.csv", "--rows", "1-30,600", "--json")
    found = json.loads(out)
    assert (code, found["rows"], found["healthy"]) == (0, 31, False)
    assert [layer["dead"] for layer in found["layers"]] == [3, None]
    assert [(f["layer"], f["kind"]) for f in found["findings"]] == [(2, "dead")]


def test_a_fitted_model(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(
            [
                "fit",
                "iris",
                "--epochs",
                "5",
                "--hidden",
                "8",
                "--activation",
                "tanh",
                "--out",
                "iris.safetensors",
            ]
        )
        == 0
    )
    capsys.readouterr()
    code, out, err = said("iris.safetensors", "iris")
    assert code == 0
    assert err.startswith("chainrule: the first of ")
    assert out.splitlines()[0].startswith("Health on 150 rows, cross_entropy ")
    assert out.splitlines()[-1] == "The network is healthy: no number is out of bounds."


def test_data_without_a_target(said: Said) -> None:
    Path("bare.csv").write_text("a,b\n1,2\n2,1\n")
    code, out, _ = said("sick.json", "bare.csv")
    assert code == 0
    assert out.startswith("Health on 2 rows, without targets")


def test_the_help_says_that_it_is_advice(said: Said) -> None:
    assert "advice, with exit code 0" in " ".join(said("--help")[1].split())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("sick.json", "rows.csv", "--rows", "601"), "there is no row 601: the table has rows 1 to"),
        (("sick.json", "rows.csv", "--rows", "x"), "rows are numbers from 1, as 3 or 1,4 or 2-5"),
        (("sick.json", "rows.csv", "--rows", "7"), "health is judged over two rows or more, got 1"),
        (("sick.json", "rows.csv", "--loss", "cross"), "no loss is called 'cross'"),
        (("sick.json", "rows.csv", "--target", "c"), "no column is called 'c'"),
        (("sick.json", "wide.csv"), "the network takes rows of 2 numbers"),
        (("sick.json", "labels.csv"), "takes labels 0 and 1, or −1 and +1"),
        (("sick.json", "words.csv"), "the network knows no label 'yes'"),
        (("none.json", "rows.csv"), "there is no model file none.json"),
    ],
)  # fmt: skip
def test_bad_input(said: Said, arguments: tuple[str, ...], error: str) -> None:
    Path("wide.csv").write_text("a,b,c,d\n0,1,2,3\n")
    Path("labels.csv").write_text("a,b,y\n0,1,3\n")
    Path("words.csv").write_text("a,b,y\n0,1,yes\n")
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert error in err and err.count("\n") == 1
