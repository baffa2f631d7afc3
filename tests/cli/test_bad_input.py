"""Whatever is wrong with the input: one line that says what and where, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.cli.app import run

GOOD = "a,b,kind\n" + "".join(f"{i % 7},{i % 5},{'yes' if i % 2 else 'no'}\n" for i in range(60))

FILES: dict[str, bytes | str] = {
    "empty.csv": "",
    "ragged.csv": GOOD + "1,2\n",
    "binary.csv": bytes(range(256)) * 20,
    "latin.csv": GOOD.encode() + "é,1,yes\n".encode("latin-1"),
    "twice.csv": "a,a,kind\n1,2,yes\n2,3,no\n",
    "oneclass.csv": "a,kind\n1,yes\n2,yes\n3,yes\n",
    "infinite.csv": GOOD.replace("3,3,yes", "inf,3,yes"),
    "long.csv": "a,kind\n" + "x" * (100 << 20),
    "few.csv": "a,kind\n1,x\n2,y\n3,z\n",
    "good.csv": GOOD,
    "text.csv": GOOD.replace("3,3,yes", "three,3,yes"),
    "lacking.csv": "a,kind\n1,yes\n2,no\n",
    "extra.csv": "a,b,c,kind\n1,2,3,yes\n2,3,4,no\n",
    "foreign.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ",
    "cut.safetensors": b"",
}

CASES = [
    ("fit nowhere.csv", "nowhere.csv"),
    ("fit empty.csv", "empty"),
    ("fit ragged.csv", "line 62"),
    ("fit binary.csv", "binary.csv"),
    ("fit latin.csv", "UTF-8"),
    ("fit twice.csv", "'a'"),
    ("fit oneclass.csv", "one class only: 'yes'"),
    ("fit infinite.csv", "column 'a'"),
    ("fit long.csv", "line 2"),
    ("fit few.csv", "3 classes in 3 rows"),
    ("fit good.csv --target kin", "kind"),
    ("fit good.csv --task regression", "kind"),
    ("fit good.csv --hidden 3,x", "hidden layers are sizes with commas between"),
    ("fit good.csv --activation rely", "relu"),
    ("fit good.csv --optimizer adan", "adam"),
    ("fit good.csv --engine fast", "native"),
    ("fit good.csv --learning-rate -1", "learning_rate"),
    ("fit good.csv --learning-rate x", "learning-rate"),
    ("fit good.csv --epochs 0", "epochs is a whole number, 1 or more, got 0"),
    ("fit good.csv --dropout 1", "dropout"),
    ("fit good.csv --validation 1.5", "1.5"),
    ("fit good.csv --out no/such/folder/m", "no folder"),
    ("fit good.csv --threads 0", "threads is 1 or more, got 0"),
    ("fit good.csv --optimizer sgd --learning-rate 1e30", "the loss is not finite at step"),
    ("fit good.csv --seed -1", "seed"),
    ("fit mons", "moons"),
    ("fit", "DATA"),
    ("fit good.csv --speed 3", "--speed"),
    ("fot good.csv", "fot"),
    (
        "fit good.csv --optimizer lbfgs --batch-size 16",
        "at every step, and was given batches of 16",
    ),
    ("fit good.csv --members 0", "members is a number from 1 to the 60 different rows, got 0"),
    ("fit good.csv --members 61", "members is a number from 1 to the 60 different rows, got 61"),
    (
        "fit good.csv --loss huber",
        "the loss 'huber' is of numbers, and the target 'kind' has classes",
    ),
    ("fit diabetes --quantiles 0.9,0.1", "levels of quantiles are ascending, one or more, got"),
    ("fit diabetes --quantiles low", "quantiles are levels with commas between, as 0.05,0.95"),
    (
        "fit diabetes --quantiles 0.5 --loss huber",
        "--quantiles goes with --loss quantile, not huber",
    ),
    ("fit parts --members 3", "--members does not go with a folder or torchrun"),
    ("fit parts --report page.html", "--report does not go with a folder or torchrun"),
    ("fit good.csv --optimizer lbfgs --checkpoint c", "lbfgs remembers more than its steps"),
    ("fit good.csv --checkpoint no/such/c", "no folder"),
    ("fit good.csv --checkpoint good.csv", "good.csv is the model's file or the data"),
    (
        "fit good.csv --checkpoint text.csv",
        "text.csv would be written over, and it is no checkpoint",
    ),
    ("fit good.csv --checkpoint good.st --out good.st", "good.st is the model's file or the data"),
    ("fit good.csv --checkpoint text.csv --resume", "text.csv: it is no checkpoint"),
    ("fit good.csv --optimizer lbfgs --learning-rate 0.1", "no option of lbfgs is called"),
    ("fit good.csv --optimizer lbfgs --dropout 0.1", "no dropout and no schedule"),
    ("compare", "DATA is missing"),
    ("compare nowhere.csv", "nowhere.csv"),
    ("compare mons", "moons"),
    ("compare good.csv --optimizers sgd,adan", "did you mean 'adam'"),
    ("compare good.csv --optimizers sgd,sgd", "given twice"),
    ("compare good.csv --optimizers ,", "no optimizer to compare"),
    ("compare good.csv --learning-rates 0.1,0", "learning rates are finite and above 0, got 0"),
    ("compare good.csv --learning-rates -0.1", "learning rates are finite and above 0, got -0.1"),
    ("compare good.csv --learning-rates 0.1,x", "got '0.1,x'"),
    ("compare good.csv --batch-size 49", "batches of 49 rows, but there are 48 to train on"),
    ("compare good.csv --batch-size 8 --optimizers lbfgs", "lbfgs takes all 48 rows"),
    ("compare good.csv --batch-size 8 --optimizers backtracking", "backtracking takes all 48 rows"),
    ("compare good.csv --repeats 0", "repeats is a whole number, 1 or more, got 0"),
    ("compare good.csv --sort luck", "no order is called 'luck'"),
    ("compare good.csv --plot curves.pdf", ".png, .svg or .html"),
    ("compare good.csv --plot no/such/folder.png", "no folder"),
    ("compare good.csv --size poster", "size"),
    ("compare good.csv --range-test --optimizers lbfgs", "finds its own learning rate"),
    ("compare --on vally", "did you mean 'valley'"),
    ("compare --on valley --steps 0", "steps is a whole number"),
    ("compare good.csv --on valley", "there are no data"),
    ("compare infinite.csv", "column 'a'"),
    ("predict model.st nowhere.csv", "nowhere.csv"),
    ("predict nomodel.st good.csv", "nomodel.st"),
    ("predict foreign.safetensors good.csv", "foreign.safetensors"),
    ("predict cut.safetensors good.csv", "cut.safetensors"),
    ("predict model.st text.csv", "'three'"),
    ("predict model.st lacking.csv", "'b'"),
    ("predict model.st extra.csv", "'c'"),
    ("predict model.st infinite.csv", "column 'a'"),
    ("predict model.st ragged.csv --out p.csv", "line 62"),
    ("predict model.st good.csv --out no/such/p.csv", "no folder"),
    ("predict plain.st good.csv", "without columns"),
    ("fit parts --na ?", "Parquet files have missing values of their own"),
    ("fit parts --optimizer lbfgs", "lbfgs takes all rows at every step"),
    ("fit parts/*.csv", "parts/a.csv is a damaged Parquet file"),
    ("fit nothing/*.parquet", "no Parquet files nothing/*.parquet"),
    ("fit parts --resume", "--resume and --every go with --checkpoint"),
    ("predict model.st parts --na ?", "Parquet files have missing values of their own"),
    ("predict model.st parts", "parts/1.parquet: "),
    ("info nomodel.st", "nomodel.st"),
    ("info good.csv", "good.csv"),
    ("info halved.st", "halved.st"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    for name, content in FILES.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "parts").mkdir()
    (folder / "parts" / "a.csv").write_text(GOOD)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0], "kind": ["yes", "no"]})
    frame.to_parquet(folder / "parts" / "2.parquet")
    frame.loc[1, "a"] = np.inf
    frame.to_parquet(folder / "parts" / "1.parquet")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        assert run(["fit", "good.csv", "--out", "model.st", "--json"]) == 0
    whole = (folder / "model.st").read_bytes()
    (folder / "halved.st").write_bytes(whole[: len(whole) // 2])
    chainrule.save(chainrule.Network.of_sizes([2, 1]), folder / "plain.st")
    return folder


@pytest.mark.parametrize(("command", "says"), CASES)
def test_one_line_exit_code_2_and_nothing_written(
    command: str,
    says: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run(command.split()) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if not line.startswith("epoch ")]
    assert len(lines) == 1, said.err
    assert lines[0].startswith("chainrule: ")
    assert says in lines[0]
    assert said.out == ""
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
