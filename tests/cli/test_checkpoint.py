"""`chainrule fit --checkpoint`: killed by whatever signal, and gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.cli.interruption import interruptible
from chainrule.training.checkpoints import Keeper
from chainrule.training.loop import Loop
from chainrule.training.positions import Positions

Ran = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_keeps_the_training(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-m", "chainrule", "fit", "moons", "--epochs", "100000000"]
    kept = ["--checkpoint", "run.checkpoint"]
    with subprocess.Popen(
        [*command, *kept], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("epoch ")
        process.send_signal(signal.Signals[name])
        out, err = process.communicate(timeout=30)
    assert process.returncode == {"SIGINT": 130, "SIGTERM": 143}[name]
    assert "saved    moons.safetensors" in out
    assert err.splitlines()[-1] == (
        "chainrule: interrupted; the model is what it had learned by then;"
        " run.checkpoint holds the training: the same command with --resume goes on"
    )
    assert Positions.from_bytes((tmp_path / "run.checkpoint").read_bytes()).each[0].epochs > 100
    assert sorted(os.listdir(tmp_path)) == ["moons.safetensors", "run.checkpoint"]


def test_interrupted_and_gone_on_with_it_is_the_model_of_one_run(
    folder: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = ("fit", "moons", "--epochs", "30", "--dropout", "0.1", "--json")
    assert ran(*fit, "--out", "straight.st")[0] == 0
    kept = ("--checkpoint", "run.checkpoint", "--resume", "--out", "resumed.st")
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "after_epoch", terminated_after(7))
        code, _, err = ran(*fit, *kept)
    assert code == 143, err
    assert Positions.from_bytes(Path("run.checkpoint").read_bytes()).each[0].epochs == 7
    assert ran(*fit, *kept)[0] == 0
    straight, resumed = (chainrule.load(f"{name}.st").network for name in ("straight", "resumed"))
    for one, other in zip(straight.layers, resumed.layers, strict=True):
        assert one.W.tobytes() == other.W.tobytes()
        assert one.b.tobytes() == other.b.tobytes()


def terminated_after(epochs: int) -> Callable[[Keeper, Loop], None]:
    """What keeps checkpoints, and sends this process SIGTERM after an epoch."""
    after_epoch = Keeper.after_epoch

    def after(keeper: Keeper, loop: Loop) -> None:
        after_epoch(keeper, loop)
        if len(loop.history) == epochs:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.5)  # until the main thread has heard it, if this is another

    return after


def model(path: str) -> list[Any]:
    """All that a model's file holds, but how long it took."""
    found = chainrule.load(path)
    history = {key: value for key, value in found.history.items() if key != "seconds"}
    nets = [
        layer.W.tobytes() + layer.b.tobytes() for m in found.members for layer in m.network.layers
    ]
    return [nets, [(m.share, m.plan) for m in found.members], history, found.engine]


def test_several_networks_are_kept_and_gone_on_with(
    folder: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = ("fit", "diabetes", "--hidden", "8", "--epochs", "20", "--json")
    assert ran(*fit, "--out", "straight.st")[0] == 0
    kept = ("--checkpoint", "run.checkpoint", "--resume", "--out", "resumed.st")
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "after_epoch", terminated_after(15))
        code, out, err = ran(*fit, *kept)
    assert (code, out) == (143, "")
    assert err == (
        "chainrule: interrupted; run.checkpoint holds the training:"
        " the same command with --resume goes on\n"
    )
    each = Positions.from_bytes(Path("run.checkpoint").read_bytes()).each
    assert 15 <= max(position.epochs for position in each.values()) <= 20
    assert len(each) < 12
    assert ran(*fit, *kept)[0] == 0
    assert model("resumed.st") == model("straight.st")


def test_without_a_checkpoint_it_is_said_that_nothing_is_saved(
    folder: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = Loop._after

    def interrupted(loop: Loop, loss: float, rate: float) -> bool:
        if len(loop.history) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return after(loop, loss, rate)

    monkeypatch.setattr(Loop, "_after", interrupted)
    code, out, err = ran("fit", "diabetes", "--hidden", "8", "--json")
    assert (code, out) == (130, "")
    assert err == (
        "chainrule: interrupted; nothing is saved: a training with --checkpoint FILE is,"
        " and can be gone on with\n"
    )
    assert not Path("diabetes.safetensors").exists()


def test_what_differs_is_said_in_a_line(folder: Path, ran: Ran) -> None:
    fit = ("fit", "moons", "--epochs", "3", "--checkpoint", "run.checkpoint", "--resume", "--json")
    assert ran(*fit)[0] == 0
    said = "chainrule: run.checkpoint: the checkpoint is of another training: "
    assert ran(*fit, "--learning-rate", "0.2") == (2, "", f"{said}learning_rate was 0.1, is 0.2\n")
    code, _, err = ran(*fit, "--seed", "1")
    assert code == 2
    assert err.startswith(f"{said}seed was 0, is 1; X was 500 × 2 float32, digest ")


def test_handlers_are_put_back_and_a_signal_sent_twice_counts_once() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with interruptible() as signals:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.code == 143
    assert [signal.getsignal(number) for number in numbers] == before
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with interruptible() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.code == 130
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, before[1])


def test_files_that_are_read_along_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: Ran
) -> None:
    import pandas as pd

    monkeypatch.chdir(tmp_path)
    Path("parts").mkdir()
    x = np.arange(400.0).reshape(200, 2) % 7
    pd.DataFrame(x, columns=["a", "b"]).assign(c=x[:, 0] > 3).to_parquet("parts/1.parquet")
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Keeper, "after_epoch", terminated_after(3))
    code, out, err = ran("fit", "parts", "--target", "c", "--checkpoint", "run.checkpoint")
    assert code == 143, err
    assert "run.checkpoint holds the training" in err
    assert "saved    parts.safetensors" in out
    assert signal.getsignal(signal.SIGTERM) is before
