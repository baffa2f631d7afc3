"""`chainrule verify`: the proof of a gradient on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from chainrule.cli.app import run
from chainrule.explanation.verification import ways

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(folder: Path, ran: Said) -> Said:
    """The exit code, output and error of `chainrule verify`, in a folder with ¬XOR in it."""
    return partial(ran, "verify")


def test_a_right_gradient(said: Said) -> None:
    code, out, err = said("not-xor.json", "xor.csv")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "∂L/∂W and ∂L/∂b of a network 2-2-1, binary_cross_entropy over 4 rows"
    )
    assert "passed: 4 ways agree with backprop to 1e-06 in every layer" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_wrong_gradient_ends_with_1(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ways.backprop

    def wrong(*arguments: object) -> tuple[float, object]:
        loss, ((W, b), *others) = right(*arguments)  # type: ignore[arg-type]
        return loss, [(1.0005 * W, b), *others]

    monkeypatch.setattr(ways, "backprop", wrong)
    code, out, _ = said("not-xor.json", "xor.csv")
    assert code == 1
    assert "✗" in out
    assert "failed: in layer 2, " in out


def test_a_model_and_some_of_its_rows(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    fit = "fit iris --epochs 5 --hidden 9 --members 1 --bins 0 --out iris.safetensors"
    assert run(fit.split()) == 0
    capsys.readouterr()
    code, out, _ = said("iris.safetensors", "iris", "--rows", "1-3,60", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["rows"], found["loss"], found["sizes"]) == (4, "cross_entropy", [4, 9, 3])
    assert json.loads(said("iris.safetensors", "iris", "--json")[1])["rows"] == 100


def test_which_rows_were_taken_is_said(said: Said, iris: Path) -> None:
    note = "(100 of 150 rows, evenly chosen; --rows takes others.)"
    assert said(str(iris), "iris")[1].splitlines()[-1] == note
    assert note not in said(str(iris), "iris", "--rows", "1-3")[1]
    assert "evenly" not in said("not-xor.json", "xor.csv")[1]  # all four
    assert "evenly" not in said(str(iris), "iris", "--json")[1]


def test_a_tolerance_that_is_too_small_for_rounding(said: Said) -> None:
    code, out, _ = said("not-xor.json", "xor.csv", "--tolerance", "1e-18")
    assert code == 1
    assert "more than 1e-18" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("not-xor.json", "xor.csv", "--rows", "5"), "there is no row 5: the table has rows 1 to 4"),
        (("not-xor.json", "xor.csv", "--rows", "x"), "rows are numbers from 1, as 3 or 1,4 or 2-5"),
        (("not-xor.json", "xor.csv", "--rows", "4-2"), "rows run upwards, 10,000,000 at most; got '4-2'"),
        (("not-xor.json", "xor.csv", "--rows", "1-99999999999"), "got '1-99999999999'"),
        (("not-xor.json", "xor.csv", "--tolerance", "0"), "a tolerance is above 0, got 0"),
        (("not-xor.json", "bare.csv"), "a gradient needs a target, and the data have none"),
        (("not-xor.json", "wide.csv"), "the network takes rows of 2 numbers"),
        (("not-xor.json", "labels.csv"), "takes labels 0 and 1, or −1 and +1"),
        (("not-xor.json", "words.csv"), "the network knows no label 'yes'"),
        (("nan.json", "xor.csv"), "b holds numbers that float64 has no finite value for"),
        (("none.json", "xor.csv"), "there is no model file none.json"),
    ],
)  # fmt: skip
def test_bad_input(said: Said, arguments: tuple[str, ...], error: str) -> None:
    Path("bare.csv").write_text("x_0,x_1\n0,1\n")
    Path("wide.csv").write_text("a,b,c,d\n0,1,2,3\n")
    Path("labels.csv").write_text("x_0,x_1,equal\n0,1,3\n")
    Path("words.csv").write_text("x_0,x_1,equal\n0,1,yes\n")
    Path("nan.json").write_text(Path("not-xor.json").read_text().replace("0.5", "1e400"))
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert error in err and err.count("\n") == 1


def test_numbers_that_overflow(said: Said) -> None:
    Path("large.json").write_text(
        Path("not-xor.json").read_text().replace("0.5", "1e308").replace("[-1]", "[1e308]")
    )
    Path("large.csv").write_text("x_0,x_1,equal\n1e300,0,1\n")
    code, _, err = said("large.json", "large.csv")
    assert code == 2
    assert "the loss or its gradient is not finite on these rows" in err
