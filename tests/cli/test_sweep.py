"""`chainrule sweep`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import chainrule

SPACE = 'hidden = ["8", "16"]\nlearning_rate = {from = 0.001, to = 0.1, log = true}\n'


def test_a_table_of_trials_a_model_and_a_picture(folder, ran):
    Path("space.toml").write_text(SPACE)
    code, out, _ = ran(
        "sweep", "wine", "--trials", "12", "--space", "space.toml", "--epochs", "5", "--plot", "a.svg",
        "--storage", "wine.journal",
    )  # fmt: skip
    assert code == 0
    assert "data     wine: 142 rows, 114 to learn from, 28 to judge trials by; 36 more" in out
    assert "trials   12 of 5 epochs" in out and "storage  wine.journal: 0 trials found there" in out
    assert "which flatters it; the scores below are on rows that no trial saw" in out
    assert "36 rows not trained on  accuracy  log loss" in out
    assert "these networks " in out and "without a sweep " in out and "constant guess " in out
    assert Path("a.svg").exists()
    assert ran("info", "wine.safetensors")[0] == 0
    assert ran("predict", "wine.safetensors", "wine", "--out", "said.csv")[0] == 0
    (command,) = (line for line in out.splitlines() if line.startswith("settings"))
    words = shlex.split(command.removeprefix("settings chainrule"))
    assert ran(*words, "--out", "b.safetensors")[0] == 0  # what it says to be the same is a command
    one, other = (chainrule.load(path).plan for path in ("wine.safetensors", "b.safetensors"))
    assert (one.layer_sizes, one.batch_size) == (other.layer_sizes, other.batch_size)


def test_a_table_with_gaps_dates_and_awkward_names(folder, ran):
    rows = [
        f"{i % 7},{'?' if i % 5 == 0 else i},0{1 + i % 9}.03.2020,{'ja' if i % 2 else 'nein'}"
        for i in range(60)
    ]
    Path("a b.csv").write_text("größe (cm),--flag,$wann$,kommt wieder?\n" + "\n".join(rows))
    arguments = ["a b.csv", "--na", "?", "--seed", "3", "--epochs", "3", "--trials", "2"]
    code, out, _ = ran("sweep", *arguments, "--out", "a.safetensors")
    assert code == 0
    (command,) = (line for line in out.splitlines() if line.startswith("settings"))
    words = shlex.split(command.removeprefix("settings chainrule"))
    assert words[:4] == ["fit", "a b.csv", "--target", "kommt wieder?"]
    assert ran(*words)[0] == 0
    assert chainrule.load("a.safetensors").history["na"] == ["?"]


def test_json_goes_on_from_the_storage(folder, ran):
    Path("space.toml").write_text(SPACE)
    arguments = [
        "sweep",
        "iris",
        "--space",
        "space.toml",
        "--epochs",
        "3",
        "--storage",
        "i.journal",
    ]
    assert ran(*arguments, "--trials", "2", "--json")[0] == 0
    code, out, err = ran(*arguments, "--trials", "4", "--test", "0", "--json")
    assert code == 2 and "keeps another sweep: rows was 96, is 120" in err
    code, out, err = ran(*arguments, "--trials", "4", "--json", "--out", "x.safetensors")
    found = json.loads(out)
    assert code == 0 and err == ""
    assert len(found["trials"]) == 4 and found["fit"]["model"] == "x.safetensors"
    assert found["fit"]["validation"]["rows"] == 30


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no.csv"], "no such file: no.csv"),
        (["iris", "--space", "none.toml"], "no such file: none.toml"),
        (["iris", "--plot", "a.pdf"], "a picture's name ends in"),
        (["iris", "--target", "speces"], "no column is called 'speces'; did you mean 'species'"),
        (["iris", "--out", "none/a.safetensors"], "there is no folder"),
        ([".", "--trials", "2"], "a sweep takes a table that fits into memory"),
    ],
)
def test_one_line_for_what_is_wrong(folder, ran, arguments, words):
    code, out, err = ran("sweep", *arguments)
    assert code == 2 and out == ""
    assert words in err and len(err.splitlines()) == 1
