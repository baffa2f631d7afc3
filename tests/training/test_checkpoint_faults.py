"""Disks that are full, broken or torn: the last checkpoint stays whole, and what is damaged is not gone on from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.storage.faults import CALLS, ERRORS, failing

import chainrule
from chainrule import Network, train
from chainrule.cli.app import run
from chainrule.errors import ModelFileError
from chainrule.storage.atomic import replacing
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.positions import Positions

PAGE = 4096


def trained(path: Path, epochs: int, **options: Any) -> Network:
    """A small training with checkpoints of 5 pages."""
    X = np.arange(80, dtype=float).reshape(20, 4) / 80
    network = Network.of_sizes([4, 40, 40, 1], output="logistic", seed=0)
    train(
        network, X, X[:, 0] > 0.5, epochs=epochs, checkpoint=Checkpoint(path, "1epoch"), **options
    )
    return network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint after three epochs, alone in its folder."""
    trained(tmp_path / "run.checkpoint", 3)
    return tmp_path / "run.checkpoint"


def is_whole(path: Path, *epochs: int) -> None:
    """The file is a whole checkpoint of one of these epochs, and alone."""
    assert Positions.from_bytes(path.read_bytes()).each[0].epochs in epochs
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("number", ERRORS, ids=os.strerror)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_is_an_error_at_once(path: Path, call: str, number: int) -> None:
    seen: list[int] = []
    with (
        failing(call, number) as failed,
        pytest.raises(ModelFileError) as error,
    ):
        trained(path, 9, resume=True, callbacks=[lambda event: seen.append(event.epoch)])
    assert str(error.value) == f"{path}: no checkpoint can be written ({os.strerror(number)})"
    assert seen == [4]
    assert set(failed) == {call}
    is_whole(path, 4 if call == "fsync of the folder" else 3)
    straight = trained(path.with_name("straight"), 9)
    path.with_name("straight").unlink()
    resumed = trained(path, 9, resume=True)
    assert [layer.W.tobytes() for layer in resumed.layers] == [
        layer.W.tobytes() for layer in straight.layers
    ]
    is_whole(path, 9)


def test_a_write_that_fails_at_any_page_leaves_the_last_one(path: Path) -> None:
    size = path.stat().st_size
    assert size > 4 * PAGE
    for after in [*range(0, size, PAGE), size - 1]:
        with (
            failing("write", ERRORS[0], after) as failed,
            pytest.raises(ModelFileError, match="No space left on device"),
        ):
            trained(path, 9, resume=True)
        assert failed
        is_whole(path, 3)


def torn(old: bytes, new: bytes, at: int) -> list[bytes]:
    """What a page boundary can leave of a file that a disk has promised, and not kept."""
    size = max(len(old), len(new))
    nothing = bytes(size)
    return [
        new[:at],
        new[:at] + nothing[at : len(new)],
        nothing[:at] + new[at:],
        new[:at] + old[at:],
        old[:at] + new[at:],
        new[:at] + nothing[at : at + PAGE] + new[at + PAGE :],
    ]


def test_a_file_torn_at_any_page_is_refused(path: Path) -> None:
    old = path.read_bytes()
    trained(path, 7)
    new = path.read_bytes()
    tried = 0
    for at in range(0, len(new), PAGE):
        for data in torn(old, new, at):
            if data in (old, new):
                continue
            path.write_bytes(data)
            with pytest.raises(
                ModelFileError, match=r"run.checkpoint: it is (damaged|no checkpoint)"
            ):
                trained(path, 9, resume=True)
            tried += 1
    assert tried >= 25


def test_what_a_killed_write_left_is_removed_and_what_others_write_is_not(path: Path) -> None:
    code = (
        "import os, sys\n"
        "from chainrule.storage.atomic import replacing\n"
        "with replacing(sys.argv[1]) as file:\n"
        "    file.write(bytes(4096)); file.flush(); os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    [left] = path.parent.glob(".chainrule-*.tmp")
    assert left.stat().st_size == PAGE
    with replacing(path.with_name("model")) as model:
        model.write(b"a model")
        trained(path, 4, resume=True)
        assert not left.exists()
    assert path.with_name("model").read_bytes() == b"a model"
    path.with_name("model").unlink()
    is_whole(path, 4)


def test_a_checkpoint_that_cannot_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", broken)
    with pytest.raises(ModelFileError, match=r"run.checkpoint: it cannot be read \(Input/output"):
        trained(path, 9, resume=True)


def test_a_model_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    chainrule.save(Network.of_sizes([2, 1]), path)
    before = path.read_bytes()
    for call in CALLS[:-1]:
        with failing(call, ERRORS[1]), pytest.raises(ModelFileError, match="it cannot be written"):
            chainrule.save(Network.of_sizes([2, 30, 1]), path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == [path.name]


def test_the_command_says_it_in_a_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(path.parent)
    before = path.read_bytes()
    with failing("write", ERRORS[0], after=5000):
        assert run(["fit", "moons", "--checkpoint", "run.checkpoint", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        err == "chainrule: run.checkpoint: no checkpoint can be written (No space left on device)\n"
    )
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_killed_at_two_hundred_random_moments(tmp_path: Path) -> None:
    """Every training that was killed, some of them in the midst of a write, ends with the same bits."""
    script = Path(__file__).with_name("kills.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "200", "1"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["killed"] == 200
    assert found["while writing"] > 5
    assert found["with the same bits"] == found["ended"] >= 4
