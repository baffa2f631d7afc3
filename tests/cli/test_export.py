"""`chainrule export`: models on their way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnxruntime
import pytest

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(folder: Path, ran: Said) -> Said:
    """The exit code, output and error of `chainrule export`, in a folder with ¬XOR in it."""
    return partial(ran, "export")


def test_onnx(said: Said, iris: Path) -> None:
    code, out, err = said(str(iris), "--to", "onnx", "--out", "iris.onnx")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("written  iris.onnx, ")
    assert out.splitlines()[1].startswith("inputs   'sepal length (cm)' (double), ")
    assert "outputs  label, probabilities" in out
    inputs = onnxruntime.InferenceSession("iris.onnx").get_inputs()
    assert [i.name for i in inputs][:2] == ["sepal length (cm)", "sepal width (cm)"]


def test_c(said: Said) -> None:
    code, out, err = said("not-xor.json", "--to", "c")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [
        "written",
        "call",
        "columns",
        "code",
        "tables",
        "stack",
    ]
    assert "tables   88 bytes when compiled" in out
    assert (
        "int not_xor_predict(const double row[NOT_XOR_INPUTS], double answer[NOT_XOR_ANSWERS]);"
        in Path("not-xor.c").read_text()
    )


def test_torch(said: Said, iris: Path) -> None:
    code, out, err = said(str(iris), "--to", "torch", "--out", "iris.py")
    assert (code, err) == (0, "")
    assert [line.split()[1].rstrip(",") for line in out.splitlines()[:2]] == [
        "iris.py",
        "iris_weights.safetensors",
    ]
    script = Path("iris.py").read_text()
    assert (
        "from chainrule" not in script
        and "by a network of layers 4-8-3; written by chainrule" in script
    )


def test_what_is_there_is_written_over_only_by_its_name(said: Said) -> None:
    Path("not-xor.py").write_text("mine")
    code, out, err = said("not-xor.json", "--to", "torch")
    assert (code, out) == (2, "")
    assert err == "chainrule: not-xor.py is there already: --out not-xor.py writes over it\n"
    assert Path("not-xor.py").read_text() == "mine"
    assert said("not-xor.json", "--to", "torch", "--out", "not-xor.py")[0] == 0
    assert "torch" in Path("not-xor.py").read_text()


def test_json(said: Said, iris: Path) -> None:
    code, out, err = said(str(iris), "--to", "json", "--out", "iris.json")
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == ["from     4 columns", "to       classes", "networks 1"]
    assert json.loads(Path("iris.json").read_text())["classes"] == [
        "setosa",
        "versicolor",
        "virginica",
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("not-xor.json", "--to", "json"), "is the model itself: name another file with --out"),
        (("not-xor.json", "--to", "onnx", "--out", "no/it.onnx"), "there is no folder"),
        (("absent.safetensors", "--to", "onnx"), "there is no model file absent.safetensors"),
        (("not-xor.json", "--to", "cobol"), "cobol"),
    ],
)
def test_what_cannot_be(said: Said, arguments: tuple[str, ...], error: str) -> None:
    code, out, err = said(*arguments)
    assert code == 2 and out == "" and error in err and err.count("\n") == 1
