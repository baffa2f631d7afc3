"""`chainrule compare`, run as a process: what it prints, draws and says as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sklearn
from PIL import Image

from chainrule.optimizers import OPTIMIZERS

QUICK = ("--repeats", "2", "--epochs", "5", "--search-steps", "50")


def said(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "compare", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def pixels(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_the_answer_is_a_table_with_curves_below(tmp_path: Path) -> None:
    lines = said(tmp_path, "moons", *QUICK, COLUMNS="90").splitlines()
    assert lines[0] == "data     moons: 500 rows to learn from, 500 to check on"
    assert lines[1].startswith("network  2-20-40-20-1, relu, binary_cross_entropy, batches of 10")
    assert lines[2].startswith("runs     10 trainings of 5 epochs, at most 250 steps; ")
    head = next(i for i, line in enumerate(lines) if line.startswith("optimizer"))
    assert "accuracy" in lines[head] and "steps to" in lines[head] and "spread" in lines[head]
    names = {line.split()[0] for line in lines[head + 1 : head + 6]}
    assert names == {"sgd", "momentum", "adagrad", "rmsprop", "adam"}
    finals = [float(line.split()[2]) for line in lines[head + 1 : head + 6]]
    assert finals == sorted(finals)
    assert lines[head + 7] == "loss, median of 2 runs"
    assert max(map(len, lines[head + 7 :])) <= 90
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_without_unicode(tmp_path: Path) -> None:
    out = said(
        tmp_path, "--on", "valley", "--optimizers", "sgd,lbfgs",
        PYTHONIOENCODING="ascii", PYTHONUTF8="0",
    )  # fmt: skip
    assert (out.isascii() and "B lbfgs" in out) or "A lbfgs" in out


def test_json_is_one_object_with_everything(tmp_path: Path) -> None:
    found: dict[str, Any] = json.loads(
        said(tmp_path, "iris", "--optimizers", "all", "--json", "--repeats", "2", "--epochs", "4",
             "--learning-rates", "0.001,0.01")
    )  # fmt: skip
    assert {each["name"] for each in found["optimizers"]} == set(OPTIMIZERS)
    assert found["metric"] == "accuracy" and found["seconds"] > 0
    for each in found["optimizers"]:
        assert len(each["losses"]) == 2 and len(each["losses"][0]) == 4
        assert each["diverged_at_step"] == []
        rated = not OPTIMIZERS[each["name"]].finds_rate
        assert (each["learning_rate"] in (0.001, 0.01)) == rated
        assert (each["search"] is not None) == rated
    lbfgs = next(each for each in found["optimizers"] if each["name"] == "lbfgs")
    assert lbfgs["batch_size"] == 120 and lbfgs["steps"] == [4, 4]


@pytest.mark.parametrize("mode", [("moons", *QUICK), ("moons", "--range-test"), ("--on", "valley")])
def test_pictures(tmp_path: Path, mode: tuple[str, ...]) -> None:
    for name in ("a.png", "b.svg", "c.html"):
        out = said(tmp_path, *mode, "--optimizers", "sgd,adam", "--plot", name)
        assert out.splitlines()[-1] == f"drawn    {name}"
    width, height = pixels(tmp_path / "a.png")
    assert 1000 <= width <= 1200 and 300 < height < 1200  # 7 inches of 150 dots
    assert (tmp_path / "b.svg").read_text().startswith("<?xml")
    page = (tmp_path / "c.html").read_text()
    assert "adam" in page and page.lstrip().lower().startswith("<!doctype html>")


def test_a_slide(tmp_path: Path) -> None:
    said(
        tmp_path, "moons", *QUICK, "--optimizers", "sgd,adam", "--plot", "s.png", "--size", "slide"
    )
    assert pixels(tmp_path / "s.png") == (2000, 1125)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = Path(sklearn.__file__).parent / "datasets" / "data" / "breast_cancer.csv"
    out = said(
        tmp_path, str(file), "--optimizers", "adam,lbfgs", "--learning-rates", "0.01",
        "--repeats", "2", "--epochs", "10", "--sort", "score",
    )  # fmt: skip
    lines = out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("optimizer"))
    at = lines[head].index("accuracy")
    scores = [float(line[at - 2 : at + 6]) for line in lines[head + 1 : head + 3]]
    assert scores == sorted(scores, reverse=True) and scores[0] > 90


def test_help_names_every_optimizer_and_imports_no_numpy(tmp_path: Path) -> None:
    text = " ".join(said(tmp_path, "--help", COLUMNS="200").split())
    assert all(name in text for name in OPTIMIZERS)
