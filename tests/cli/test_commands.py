"""The command, run as a process on files: what it prints, writes and returns."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn

import chainrule

DATA = Path(sklearn.__file__).parent / "datasets" / "data"


def run(folder: Path, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command's own process, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "chainrule", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        input=text,
        check=False,
    )


def worked(folder: Path, *arguments: str, text: str | None = None) -> str:
    done = run(folder, *arguments, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(path: Path, rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def mixed(rows: int = 200, seed: int = 0) -> list[list[Any]]:
    """A header and rows of a number, a text with gaps, a truth, a date, and the class they decide."""
    rng = np.random.default_rng(seed)
    table: list[list[Any]] = [["size", "colour", "open", "day", "kind"]]
    for i in range(rows):
        size, colour = rng.normal(), rng.choice(["red", "green", "", "blue"])
        kind = "big" if size + (colour == "red") > 0.4 else "small"
        table.append([f"{size:.4f}", colour, i % 3 == 0, f"2024-{1 + i % 12:02}-03", kind])
    return table


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """What the command draws on a terminal."""
    above, below = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "chainrule", *arguments],
        cwd=folder, stderr=below, stdout=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    ) as process:  # fmt: skip
        os.close(below)
        parts = []
        with contextlib.suppress(OSError):  # what a terminal says when the other side has gone
            while part := os.read(above, 1 << 16):
                parts.append(part)
    os.close(above)
    assert process.returncode == 0
    return b"".join(parts).decode()


class TestFit:
    def test_moons_is_the_lectures_notebook(self, tmp_path: Path) -> None:
        said = json.loads(worked(tmp_path, "fit", "moons", "--json"))
        assert said["layer_sizes"] == [2, 20, 40, 20, 1]
        assert said["parameters"] == 2 * 20 + 20 + 20 * 40 + 40 + 40 * 20 + 20 + 20 + 1
        assert (said["rows"], said["epochs"], said["steps"]) == (500, 100, 5000)
        assert said["validation"]["rows"] == 500
        assert said["validation"]["accuracy"] > 0.98
        assert said["baseline"]["accuracy"] == 0.5
        assert said["baseline"]["log_loss"] == pytest.approx(np.log(2))
        assert said["train_loss"] < 0.02
        assert said["engine"] == "native"
        assert said["seconds_per_step"] == pytest.approx(said["train_seconds"] / 5000)
        assert said["model"] == "moons.safetensors"
        assert os.listdir(tmp_path) == ["moons.safetensors"]

    def test_what_it_says(self, tmp_path: Path) -> None:
        said = worked(tmp_path, "fit", "moons").splitlines()
        assert said[0] == "data     moons: 500 rows, 2 columns"
        assert said[1] == "target   class: 2 classes (classification)"
        assert said[2].startswith("network  2-20-40-20-1, 1,741 parameters, relu")
        assert said[3].startswith("trained  100 epochs, 5,000 steps in ")
        assert said[-2:] == [
            "saved    moons.safetensors",
            "next     chainrule predict moons.safetensors moons",
        ]

    def test_the_same_seed_gives_the_same_file(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            worked(tmp_path, "fit", "moons", "--out", f"{name}.safetensors", "--threads", "1")
        a, b = (chainrule.load(tmp_path / f"{name}.safetensors") for name in ("a", "b"))
        assert [layer.W.tobytes() for layer in a.network.layers] == [
            layer.W.tobytes() for layer in b.network.layers
        ]

    def test_every_setting(self, tmp_path: Path) -> None:
        write(tmp_path / "t.csv", mixed())
        said = json.loads(
            worked(
                tmp_path, "fit", "t.csv", "--target", "kind", "--task", "classification",
                "--hidden", "7,5", "--activation", "tanh", "--optimizer", "adam",
                "--learning-rate", "0.02", "--epochs", "9", "--batch-size", "16", "--dropout", "0.1",
                "--weight-decay", "0.001", "--validation", "0.25", "--patience", "0", "--engine",
                "numpy", "--dtype", "float64", "--threads", "1", "--seed", "5", "--out", "m.st", "--json",
                "--members", "1",
            )
        )  # fmt: skip
        assert said["layer_sizes"][1:] == [7, 5, 1]
        assert (said["engine"], said["engine_reason"], said["epochs"]) == ("numpy", "asked for", 9)
        assert said["validation"]["rows"] == 50
        assert said["steps"] == 9 * 10
        plan = chainrule.load(tmp_path / "m.st").plan
        assert plan.activations == ("tanh", "tanh", "identity")
        assert plan.dropout == (0.1, 0.1)
        assert plan.dtype == "float64"
        assert plan.optimizer == chainrule.Adam(0.02, weight_decay=0.001)

    @pytest.mark.parametrize("name", ["iris.csv", "wine_data.csv", "breast_cancer.csv"])
    def test_files_that_scikit_learn_ships(self, tmp_path: Path, name: str) -> None:
        said = json.loads(worked(tmp_path, "fit", str(DATA / name), "--json"))
        assert said["task"] == "classification"
        assert said["validation"]["accuracy"] > 0.85
        assert said["validation"]["log_loss"] < said["baseline"]["log_loss"]

    def test_a_gzipped_file_with_a_numeric_target_is_a_regression(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        X = rng.normal(size=(300, 3))
        lines = ["a,b,c,y"] + [
            f"{a},{b},{c},{100 + 20 * a - 5 * b * c}" for a, b, c in X
        ]  # fmt: skip
        (tmp_path / "r.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
        said = json.loads(worked(tmp_path, "fit", "r.csv.gz", "--json"))
        assert said["task"] == "regression"
        assert said["classes"] is None
        assert said["model"] == "r.safetensors"
        assert said["validation"]["r2"] > 0.9
        assert said["validation"]["rmse"] < 8 < said["baseline"]["rmse"]
        assert said["baseline"]["r2"] == pytest.approx(0, abs=0.1)

    def test_standard_input(self, tmp_path: Path) -> None:
        text = "\n".join(",".join(map(str, row)) for row in mixed())
        said = worked(tmp_path, "fit", "-", text=text)
        assert "saved    model.safetensors" in said

    def test_rows_without_a_target_are_dropped_and_counted(self, tmp_path: Path) -> None:
        rows = mixed()
        for row in rows[5:8]:
            row[-1] = ""
        write(tmp_path / "t.csv", rows)
        assert "t.csv: 197 rows, 4 columns, 3 more without a target left out" in worked(
            tmp_path, "fit", "t.csv"
        )

    def test_constant_columns_are_said(self, tmp_path: Path) -> None:
        rows = [[*row, "x"] for row in mixed()]
        rows[0][-1] = "same"
        write(tmp_path / "t.csv", rows)
        assert "note     column 'same' dropped" in worked(
            tmp_path, "fit", "t.csv", "--target", "kind"
        )

    def test_no_validation(self, tmp_path: Path) -> None:
        said = json.loads(
            worked(tmp_path, "fit", "moons", "--validation", "0", "--epochs", "2", "--json")
        )
        assert said["validation"] is None
        assert said["baseline"] is None

    def test_progress_is_lines_where_there_is_no_terminal(self, tmp_path: Path) -> None:
        done = run(tmp_path, "fit", "moons")
        assert done.stderr.startswith("epoch 100/100  loss 0.")
        assert "validation 0." in done.stderr

    def test_a_live_line_on_a_terminal(self, tmp_path: Path) -> None:
        one, several = (
            on_a_terminal(tmp_path, "fit", "digits", "--epochs", "30", *how)
            for how in (
                ["--members", "1", "--engine", "numpy", "--hidden", "8"],
                ["--hidden", "64,64"],
            )
        )
        for shown in (one, several):
            assert "\x1b[2K" in shown  # the line is drawn over
        assert "/30" in one
        assert "networks" in several
        assert "/12" in several

    def test_a_report_of_a_table(self, tmp_path: Path) -> None:
        write(tmp_path / "t.csv", mixed())
        said = worked(tmp_path, "fit", "t.csv", "--epochs", "5", "--report", "t.html")
        assert "report   t.html" in said.splitlines()
        page = (tmp_path / "t.html").read_text()
        assert "<title>kind in t.csv</title>" in page
        assert "default-src 'none'" in page
        assert sorted(os.listdir(tmp_path)) == ["t.csv", "t.html", "t.safetensors"]

    def test_several_networks_are_scored_out_of_fold(self, tmp_path: Path) -> None:
        write(tmp_path / "t.csv", mixed())
        said = json.loads(worked(tmp_path, "fit", "t.csv", "--epochs", "20", "--json"))
        assert said["networks_trained"] == 12
        assert said["out_of_fold"] is True
        assert said["validation"]["rows"] == 200
        assert sum(one["share"] for one in said["networks"]) == pytest.approx(1)
        model = chainrule.load(tmp_path / "t.safetensors")
        assert [m.share for m in model.members] == [one["share"] for one in said["networks"]]
        assert model.history["temperature"] == said["temperature"]
        lines = worked(tmp_path, "info", "t.safetensors")
        assert f"networks {len(model.members)}, " in lines

    def test_quantiles_are_columns_of_the_predictions(self, tmp_path: Path) -> None:
        worked(tmp_path, "fit", "diabetes", "--quantiles", "0.1,0.5,0.9", "--epochs", "5")
        said = worked(tmp_path, "predict", "diabetes.safetensors", "diabetes")
        found = pd.read_csv(io.StringIO(said))
        assert list(found) == ["prediction", "quantile:0.1", "quantile:0.5", "quantile:0.9"]
        assert len(found) == 442
        assert (found["prediction"] == found["quantile:0.5"]).all()
        assert (found["quantile:0.1"] <= found["quantile:0.9"]).all()

    def test_ctrl_c_saves_what_was_learned(self, tmp_path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "chainrule", "fit", "moons", "--epochs", "100000000"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            assert process.stderr.readline().startswith("epoch ")
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            out, err = process.communicate(timeout=30)
        assert time.monotonic() - began < 5
        assert process.returncode == 130
        assert "saved    moons.safetensors" in out
        assert "chainrule: interrupted; the model is what it had learned by then" in err
        assert chainrule.load(tmp_path / "moons.safetensors").history["status"] == "interrupted"

    def test_it_imports_nothing_heavy_for_the_built_in_shapes(self, tmp_path: Path) -> None:
        code = (
            "import sys; from chainrule.cli.app import run; run(['fit', 'moons', '--json']);"
            "print([m for m in ('pandas', 'sklearn', 'torch', 'matplotlib', 'scipy') if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"


class TestPredict:
    def test_a_row_for_each_row(self, tmp_path: Path) -> None:
        write(tmp_path / "t.csv", mixed())
        worked(tmp_path, "fit", "t.csv")
        out = worked(tmp_path, "predict", "t.safetensors", "t.csv").splitlines()
        assert out[0] == "prediction,probability:big,probability:small"
        rows = list(csv.DictReader(out))
        assert len(rows) == 200
        truth = [row[-1] for row in mixed()[1:]]
        right = [row["prediction"] == kind for row, kind in zip(rows, truth, strict=True)]
        assert np.mean(right) > 0.85
        for row in rows:
            p = float(row["probability:big"]), float(row["probability:small"])
            assert sum(p) == pytest.approx(1, abs=1e-6)
            assert row["prediction"] == ("big" if p[0] > p[1] else "small")

    def test_a_folder_of_parquet_files(self, tmp_path: Path) -> None:
        header, *rows = mixed()
        frame = pd.DataFrame(rows, columns=header).replace("", None).astype({"size": float})
        (tmp_path / "days").mkdir()
        frame[:70].to_parquet(tmp_path / "days" / "1.parquet", row_group_size=20)
        frame[70:].to_parquet(tmp_path / "days" / "2.parquet", row_group_size=20)
        fit = worked(tmp_path, "fit", "days/*.parquet", "--epochs", "40", "--batch-size", "16")
        assert fit.splitlines()[0] == "data     *.parquet: 200 rows, 4 columns"
        assert "(files are read along the training)" in fit
        assert "saved    days.safetensors" in fit
        out = worked(tmp_path, "predict", "days.safetensors", "days")
        frame.to_parquet(tmp_path / "all.parquet")
        assert out == worked(tmp_path, "predict", "days.safetensors", "all.parquet")
        right = [
            line.startswith(row[-1]) for line, row in zip(out.splitlines()[1:], rows, strict=True)
        ]
        assert len(right) == 200
        assert np.mean(right) > 0.85

    def test_without_the_target_column_and_into_a_file(self, tmp_path: Path) -> None:
        write(tmp_path / "t.csv", mixed())
        worked(tmp_path, "fit", "t.csv")
        write(tmp_path / "new.csv", [row[:-1] for row in mixed(30, seed=1)])
        assert worked(tmp_path, "predict", "t.safetensors", "new.csv", "--out", "p.csv") == ""
        assert worked(tmp_path, "predict", "t.safetensors", "new.csv") == (
            tmp_path / "p.csv"
        ).read_text().replace("\r\n", "\n")
        assert len((tmp_path / "p.csv").read_text().splitlines()) == 31

    def test_the_python_call_says_the_same(self, tmp_path: Path) -> None:
        said = worked(tmp_path, "fit", "diabetes", "--epochs", "20")
        assert "R²" in said
        out = worked(tmp_path, "predict", "diabetes.safetensors", "diabetes").splitlines()
        assert out[0] == "prediction"
        model = chainrule.load(tmp_path / "diabetes.safetensors")
        from chainrule.tables import builtin

        np.testing.assert_allclose(
            [float(value) for value in out[1:]], model.predict(builtin("diabetes")), rtol=1e-12
        )

    def test_a_closed_pipe_is_no_error(self, tmp_path: Path) -> None:
        worked(tmp_path, "fit", "moons")
        done = subprocess.run(
            f"{sys.executable} -m chainrule predict moons.safetensors moons | head -1",
            shell=True, cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == "prediction,probability:0,probability:1\n"
        assert done.stderr == ""


def test_info(tmp_path: Path) -> None:
    worked(tmp_path, "fit", "moons")
    said = worked(tmp_path, "info", "moons.safetensors")
    assert "classification, saved by chainrule" in said
    assert "columns  x1 (number), x2 (number); 2 numbers a row" in said
    assert "    3  20×40      relu                 840" in said
    assert "1,741" in said
    assert "binary_cross_entropy by sgd (learning_rate 0.1" in said
    assert "history  rows 500, epochs 100, steps 5000, seconds " in said


@pytest.mark.parametrize("command", ["fit", "predict", "info"])
def test_help_shows_an_example(tmp_path: Path, command: str) -> None:
    said = " ".join(worked(tmp_path, command, "--help").split())
    assert f"chainrule {command} " in said.split("Example", 1)[1]


def test_help_and_version_import_no_array_library(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom chainrule.cli.app import run\n"
        "for a in (['--help'], ['fit', '--help'], ['--version']): run(a)\n"
        "print([m for m in ('numpy', 'pandas', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert chainrule.__version__ in done.stdout
