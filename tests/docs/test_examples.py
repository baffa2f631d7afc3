"""The examples on the pages of the documentation run, and say what the text beside them says."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = {
    str(path.relative_to(DOCS)): path
    for path in sorted(DOCS.rglob("*.md"))
    if "_build" not in path.parts and _CELL.search(path.read_text("utf-8"))
}


def shown(value: Any) -> str:
    """What a page shows of a value: a picture or a formula where it has one."""
    for name in ("_repr_html_", "_repr_png_"):
        if hasattr(value, name):
            return str(getattr(value, name)())
    return repr(value)


def command(line: str) -> str:
    """What a command prints; it has to succeed."""
    program, *arguments = shlex.split(line)
    assert program == "chainrule"
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(cell: str, names: dict[str, Any]) -> str:
    """What a cell prints and shows, as a notebook would."""
    if cell.startswith("!"):
        return "".join(command(line.removeprefix("!")) for line in cell.strip().splitlines())
    *body, last = ast.parse(cell).body
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        if not isinstance(last, ast.Expr):
            exec(compile(ast.Module([last], []), "<cell>", "exec"), names)
        elif (
            value := eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
        ) is not None:
            out.write(shown(value))
    return out.getvalue()


def outputs(page: str) -> list[str]:
    """What the cells of a page show, one after the other, in the folder where this runs."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [run(cell, names) for cell in _CELL.findall(PAGES[page].read_text("utf-8"))]


SAID = {  # some words of each page's output, in their order
    "lecture/1-layers.md": ["Network 4-6-3", "layer 2: W (4, 6), b (6,), relu", "(2, 6)"],
    "lecture/2-not-xor.md": [
        "(0, 0): u_3 = [0. 0.], z_2 = [0. 0.], u_2 =  0.5, z_1 = 0.6225",
        "(1, 0): u_3 = [ 1. -1.], z_2 = [1. 0.], u_2 = -0.5, z_1 = 0.3775",
        '"activation": "logistic"',
        "∂L/∂W_2",
    ],
    "lecture/3-function.md": ["(281, 281)", "chainrule     [ 22.0949", "scikit-learn  [ 22.0949"],
    "lecture/4-one-layer.md": ["(2, 3, 2)", "[-2.,  0.]"],
    "lecture/5-chain-rule.md": ["Network 3-2-1"],
    "lecture/6-steps.md": ["θ = -0.5", "θ = 0.125", "[-0.1 -0.1]", "steps to f₀·0.001"],
    "lecture/7-moons.md": ["5,000 steps", "(10, 10)", "X has 10 rows, y has 9", "0.31327", "True"],
    "pytorch.md": ["Network 2-20-1", "1 (BatchNorm1d) has no twin here", "class Net(nn.Module)"],
    "estimators.md": [
        "'accuracy': 0.7",
        "[[",
        "trained on: 0.7",
        "Calibration(temperature=",
    ],
    "scikit-learn.md": [
        "('native (",
        "largest difference of a weight",
        " 20 iterations: scikit-learn by columns ",
        "('sklearn.neural_network._multilayer_perceptron', 'native (",
        "(True, 1)",
        "scikit-learn: the rows are sparse",
    ],
    "export.md": [
        "written  iris.onnx",
        "opset    17",
        "written  iris.c",
        "iris_weights",
        "['setosa'",
        "silu, logistic, float32)",
    ],
    "scaling.md": ["8 GPUs", "20-64-2", "0."],
    "sweeps.md": [
        "wine: 142 rows, 114 to learn from, 28 to judge trials by; 36 more that no trial sees",
        "trials   30 of 20 epochs",
        "mattered ",
        "settings chainrule fit wine --target ",
        "36 rows not trained on  accuracy  log loss",
        "without a sweep",
        "trial",
        "learning_rate",
        "'hidden': (",
        "'accuracy': ",
    ],
    "lecture/slips.md": ["(51, 51)", "array([0.9])"],
}


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(outputs(page))
    at = 0
    for words in SAID.get(page, []):
        assert words in text[at:], f"{words!r} is not in what follows"
        at += text[at:].index(words)


def test_each_page_with_examples_is_checked_for_words() -> None:
    assert set(SAID) <= set(PAGES)
    assert {page for page in PAGES if page.startswith("lecture/")} <= set(SAID)


def test_an_example_that_fails_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError):
        run("1 / 0", {})
    with pytest.raises(AssertionError, match="there is no model file"):
        run("!chainrule info none.safetensors", {})
    assert run("x = 2\nx * 21", {}) == "42"
