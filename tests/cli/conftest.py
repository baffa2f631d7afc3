"""What the tests of the commands share: a folder with ¬XOR in it, and a model of the irises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule
from chainrule.cli.app import run
from chainrule.tables import builtin
from chainrule.training.fitting import Settings, fit_table

NOT_XOR = """{
  "layers": [
    {"W": [[1, -1], [-1, 1]], "b": [0, 0], "activation": "relu"},
    {"W": [[-1], [-1]], "b": [0.5], "activation": "logistic"}
  ]
}"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the test runs, with not-xor.json and xor.csv, on a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("not-xor.json").write_text(NOT_XOR)
    Path("xor.csv").write_text("x_0,x_1,equal\n0,0,1\n1,0,0\n0,1,0\n1,1,1\n")
    return tmp_path


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the irises, 4-8-3."""
    path = tmp_path_factory.mktemp("models") / "iris.safetensors"
    settings = Settings(hidden=(8,), epochs=20)
    chainrule.save(fit_table(builtin("iris"), settings=settings).model, path)
    return path


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `chainrule` with some arguments: its exit code, what it prints, and its errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
