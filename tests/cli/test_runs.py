"""`chainrule fit --log` and `chainrule runs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule
from chainrule.training.runs import runs_in

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kept(folder: Path, ran: Ran) -> Path:
    """A folder with a run of two networks and one of a network alone, which is worse."""
    assert ran("fit", "iris", "--members", "2", "--hidden", "8", "--epochs", "12", "--log", "logs")[0] == 0  # fmt: skip
    alone = ("--members", "1", "--hidden", "4", "--learning-rate", "0.001", "--epochs", "3")
    assert ran("fit", "iris", *alone, "--log", "logs", "--out", "worse.safetensors")[0] == 0
    return folder / "logs"


def cells(line: str) -> list[str]:
    return [cell for cell in line.split("  ") if cell.strip()]


def test_runs_are_listed_compared_and_drawn(kept: Path, ran: Ran) -> None:
    several, alone = sorted(runs_in(kept)[0], key=lambda run: -run.networks)
    code, out, err = ran("runs", "logs", "--sort", "score")
    assert (code, err) == (0, "")
    header, first, second, _, after = out.splitlines()
    assert header.split()[:6] == ["run", "when", "data", "task", "networks", "epochs"]
    assert [first[:6], second[:6]] == [several.name[-6:], alone.name[-6:]]
    assert f"accuracy {100 * several.scores['accuracy']:.1f} %  finished" in first
    assert f"{several.best_validation_loss:.4g}" in first
    assert after == f"next     chainrule runs logs {first[:6]} {second[:6]}"

    code, out, err = ran(*after.split()[2:], "--sort", "score", "--plot", "losses.svg")
    assert code == 0, err
    told: dict[str, list[str]] = {}
    for line in out.splitlines():
        name, *values = cells(line) or [""]
        told[name] = [value.strip() for value in values]
    assert told["epochs"] == ["12", "3"]
    assert told["learning_rate"] == ["0.08 | 0.04", "0.001"]
    assert told["members"] == ["2", "1"]
    assert told["model"] == ["iris.safetensors", "worse.safetensors"]
    assert told["log loss"] == [f"{run.scores['log_loss']:.4g}" for run in (several, alone)]
    assert "batch_size" not in told  # they have it in common
    assert "loss, median of all networks" in out
    assert "<svg" in Path("losses.svg").read_text()

    code, out, _ = ran("runs", "logs", alone.name, "--plot", "one.html")
    assert code == 0
    assert "\nbatch_size " in out
    assert "A training loss" in out
    page = Path("one.html").read_text()
    assert '<div id="losses-training"' in page
    assert '<div id="losses-validation"' in page
    assert "<h2>run</h2>" in page


def test_runs_for_programs(kept: Path, ran: Ran) -> None:
    several, alone = sorted(runs_in(kept)[0], key=lambda run: -run.networks)
    Path("logs", "notes.jsonl").write_text("{}\n")
    code, out, err = ran("runs", "logs", "--json", "--sort", "epochs")
    assert code == 0
    assert "notes.jsonl is no run: line 1: no run of chainrule begins like this" in err
    found = json.loads(out)
    assert [each["run"] for each in found["runs"]] == [alone.name, several.name]
    assert found["runs"][0]["scores"] == alone.scores
    assert found["runs"][0]["settings"]["learning_rate"] == "0.001"
    assert len(found["passed_over"]) == 1
    code, out, _ = ran("runs", "logs", several.name, alone.name, "--json")
    assert json.loads(out)["differences"]["members"] in (["2", "1"], ["1", "2"])


def test_where_no_run_is(folder: Path, ran: Ran) -> None:
    (folder / "empty").mkdir()
    assert ran("runs", "empty") == (
        0, "there are no runs in empty; chainrule fit DATA --log empty keeps one\n", "",
    )  # fmt: skip
    assert json.loads(ran("runs", "empty", "--json")[1]) == {"runs": [], "passed_over": []}
    assert ran("runs", "nowhere") == (2, "", "chainrule: there is no folder nowhere\n")
    assert ran("runs", "empty", "68a")[2] == "chainrule: no run in empty is called '68a'\n"
    code, _, err = ran("runs", "empty", "--plot", "losses.png")
    assert (code, err) == (
        2,
        "chainrule: there is nothing to draw: no run has completed an epoch\n",
    )
    code, _, err = ran("fit", "xor.csv", "--log", "xor.csv/logs")
    assert (code, err) == (2, "chainrule: no run can be kept in xor.csv/logs (Not a directory)\n")


def test_a_strangers_run_is_printed_as_text(folder: Path, ran: Ran) -> None:
    with chainrule.RunLog("logs", data="\x1b[2J\x07evil\u202e" + "x" * 100) as log:
        network = chainrule.Network.of_sizes([1, 2, 1], seed=0)
        chainrule.train(network, [[0.0], [1.0]], [0.0, 1.0], epochs=2, log=log)
        log.note(scores={"\x1b]0;t\x07": 1.0})
        assert "running" in ran("runs", "logs")[1]
    path = next(Path("logs").iterdir())
    path.rename(path.with_name("\x1b[31m.jsonl"))
    for arguments in (["logs"], ["logs", "31m"]):
        code, out, _ = ran("runs", *arguments)
        assert code == 0
        assert not [c for c in out if not c.isprintable() and c != "\n"]
        assert "�[2J�evil�xxx" in out


def test_a_shape_and_a_checkpoint_are_kept_too(folder: Path, ran: Ran) -> None:
    arguments = ("fit", "moons", "--epochs", "2", "--checkpoint", "c", "--log", "logs")
    code, _, err = ran(*arguments)
    assert code == 0, err
    (run,) = runs_in("logs")[0]
    assert run.first["arguments"] == {
        "data": "moons", "epochs": 2, "seed": 0, "checkpoint": "c", "log": "logs"
    }  # fmt: skip
    assert (run.data, run.completed, run.model) == ("moons", 2, "moons.safetensors")
    assert set(run.scores) == {"accuracy", "log_loss"}
