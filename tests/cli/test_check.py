"""`chainrule check FILE.py:function`: the report, the exit codes, and one line for wrong use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Ran = Callable[..., tuple[int, str, str]]

SETUP = """
import torch
from torch import nn

print("loading")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(2, 8), nn.Linear(8, 1)

    def forward(self, x):
        return END(self.fc2(torch.relu(self.fc1(x))))


def make_setup():
    torch.manual_seed(0)
    X = torch.randn(40, 2)
    module = Net()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    return module, nn.BCEWithLogitsLoss(), optimizer, X, (X[:, :1] > 0).float()


def by_name():
    import beside

    names = dict(zip(("module", "loss_fn", "optimizer", "X", "y"), make_setup()))
    losses = []

    def step(X, y):
        loss = names["loss_fn"](names["module"](X), y)
        loss.backward()
        names["optimizer"].step()
        losses.append(loss.item())

    return {**names, "step": step}


def mistyped():
    return {"modul": 1}


def too_little():
    return {"module": Net()}


def nothing():
    pass


def failing():
    raise KeyError("rows")


def leaving():
    raise SystemExit(3)
"""


@pytest.fixture
def files(folder: Path) -> Path:
    Path("beside.py").write_text("")
    Path("slip.py").write_text(SETUP.replace("END", "torch.sigmoid"))
    Path("good.py").write_text(SETUP.replace("END", ""))
    Path("broken.py").write_text("def make_setup(:\n")
    return folder


def test_findings_end_with_1(ran: Ran, files: Path) -> None:
    code, out, err = ran("check", "slip.py:make_setup")
    assert (code, err) == (1, "")
    assert "sigmoid-twice: sigmoid after module.fc2, in forward" in out and "1 finding." in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_nothing_found_ends_with_0(ran: Ran, files: Path) -> None:
    before = list(sys.path)
    code, out, _ = ran("check", "good.py:make_setup")
    assert code == 0 and "Nothing found." in out and "steps with the optimizer" in out
    assert sys.path == before


def test_a_dictionary_brings_a_step(ran: Ran, files: Path) -> None:
    code, out, _ = ran("check", "good.py:by_name")
    assert code == 1 and "no-zero-grad: step" in out and "1 finding." in out


def test_json_is_all_that_is_printed(ran: Ran, files: Path) -> None:
    code, out, err = ran("check", "slip.py:make_setup", "--json")
    assert code == 1 and err == "loading\n"
    (found,) = json.loads(out)["findings"]
    assert (
        set(found) == {"code", "what", "where", "why", "fix"} and found["code"] == "sigmoid-twice"
    )


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("good.py", "train.py:make_setup"),
        ("absent.py:make_setup", "no such file: absent.py"),
        ("xor.csv:make_setup", "no Python file"),
        ("good.py:absent", "has no function absent"),
        ("broken.py:make_setup", "SyntaxError"),
        ("good.py:mistyped", "did you mean 'module'"),
        ("good.py:too_little", "without loss_fn, X"),
        ("good.py:nothing", "got NoneType"),
        ("good.py:failing", "KeyError: 'rows'"),
        ("good.py:leaving", "SystemExit: 3"),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(
    ran: Ran, files: Path, argument: str, said: str
) -> None:
    code, _, err = ran("check", argument)
    assert code == 2 and said in err and err.count("\n") == 1
