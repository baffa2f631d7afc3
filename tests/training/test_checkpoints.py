"""A training that goes on from its checkpoint is, bit for bit, the one that was never interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from chainrule import Adam, Cosine, Network, Result, train
from chainrule.errors import ChainruleError, InvalidValue, MissingFile, ModelFileError
from chainrule.optimizers import Groups
from chainrule.training import checkpoints, positions
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.loop import Event

EPOCHS = 24


class Killed(Exception):
    """Whatever ends a process."""


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def trained(path: Path | None = None, killed_after: int = 0, resume: bool = False, **options: Any) -> tuple[Network, Result]:  # fmt: skip
    """A training, perhaps killed after an epoch; checkpoints are made after every third."""
    network = Network.of_sizes(
        [4, 8, 6, 1],
        output="logistic",
        seed=options.pop("start", 0),
        dtype=options.pop("dtype", "float32"),
    )

    def kill(event: Event) -> None:
        if event.epoch == killed_after:
            raise Killed

    kept = {} if path is None else {"checkpoint": Checkpoint(path, "3epochs"), "resume": resume}
    X, y = options.pop("data", data())
    settings = {"epochs": EPOCHS, "batch_size": 16, "validation": 0.25, "seed": 5, **options}
    return network, train(network, X, y, callbacks=[kill], **settings, **kept)


def bits(network: Network, result: Result) -> list[Any]:
    parameters = [part.tobytes() for layer in network.layers for part in (layer.W, layer.b)]
    rows = np.array(result.history.rows)[:, :3].tobytes()
    moments = {
        slot: [m.tobytes() for pair in pairs for m in pair]
        for slot, pairs in result.state.moments.items()
    }
    return [parameters, rows, moments, result.state.step, result.steps, result.status, result.best_epoch, result.kept_epoch]  # fmt: skip


PLANS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "dropout": {"optimizer": "heavy-ball", "dropout": 0.3},
    "cosine": {"optimizer": "adam", "schedule": Cosine()},
    "one-cycle": {"optimizer": "nadam", "schedule": "one-cycle"},
    "stopping": {"optimizer": Adam(0.02), "stopping": 6, "epochs": 200},
    "rmsprop": {"optimizer": "rmsprop", "weights": np.linspace(0.1, 2, 120)},
    "sls": {"optimizer": "sls"},
    "groups": {
        "optimizer": "adamw",
        "groups": Groups.ntk([4, 8, 6, 1], scales=2.0),
        "dropout": 0.1,
    },
    "penalty": {"optimizer": "nesterov", "penalty": 0.01, "stopping": 30},
    "float64": {"optimizer": "lion", "dtype": "float64"},
    "backtracking": {"optimizer": "backtracking", "batch_size": None},
    "amsgrad": {"optimizer": "amsgrad", "validation": None, "stopping": 5},
}


@pytest.mark.parametrize("engine", ["native", "numpy", "torch"])
@pytest.mark.parametrize("name", PLANS)
def test_resumed_to_the_same_bits(name: str, engine: str, tmp_path: Path) -> None:
    """Killed after epochs 2 (before the first checkpoint), 8 and 12, and begun again from other weights."""
    options = {**PLANS[name], "engine": engine}
    expected = bits(*trained(**options))
    assert ("stopped early" in expected) is (name == "stopping")
    path = tmp_path / "run.checkpoint"
    for killed_after in (2, 8, 12):
        with pytest.raises(Killed):
            trained(path, killed_after, resume=True, **options)
        assert path.exists() is (killed_after > 2)
    assert (
        bits(*trained(path, resume=True, start=99 if engine == "native" else 0, **options))
        == expected
    )
    assert bits(*trained(path, resume=True, **options)) == expected  # it had ended already


def test_more_epochs_under_a_constant_rate(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    expected = bits(*trained(epochs=30, optimizer="adam"))
    trained(path, epochs=11, optimizer="adam")
    assert bits(*trained(path, resume=True, epochs=30, optimizer="adam")) == expected


def test_another_training_is_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    trained(path, optimizer="adam")
    X, y = data()
    X[:, 2] += 1
    cases: list[tuple[dict[str, Any], str]] = [
        ({"optimizer": "sgd"}, "optimizer was adam, is sgd$"),
        ({"optimizer": Adam(0.5)}, "learning_rate was 0.001, is 0.5"),
        ({"optimizer": "adam", "batch_size": 8}, "batch_size was 16, is 8"),
        ({"optimizer": "adam", "stopping": 3}, "patience was 0, is 3"),
        ({"optimizer": "adam", "schedule": "cosine"}, r"schedule was Constant\(\), is Cosine\("),
        ({"optimizer": "adam", "engine": "numpy"}, "engine was native, is numpy"),
        (
            {"optimizer": "adam", "data": (X, y)},
            r"X was 90 × 4 float32, digest \w{16}, is 90 × 4 float32, digest \w{16}",
        ),
    ]
    for options, said in cases:
        with pytest.raises(
            InvalidValue, match=rf"run.checkpoint: the checkpoint is of another training: .*{said}"
        ):
            trained(path, resume=True, **options)
    with pytest.raises(InvalidValue, match="has 24 epochs, and 23 were asked for"):
        trained(path, resume=True, optimizer="adam", epochs=23)


def test_a_checkpoint_that_is_not_one(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    trained(path, optimizer="adam")
    whole = path.read_bytes()
    for spoilt in (b"", b"nonsense", whole[:100], whole[:-5], whole[20:]):
        path.write_bytes(spoilt)
        with pytest.raises(
            ModelFileError, match="run.checkpoint: it is no checkpoint, or is cut short"
        ):
            trained(path, resume=True, optimizer="adam")
    path.write_bytes(whole.replace(b'\\"version\\": 2', b'\\"version\\": 9'))
    with pytest.raises(ModelFileError, match="it is a checkpoint of version 9"):
        trained(path, resume=True, optimizer="adam")


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    with pytest.raises(Killed):
        trained(path, 8)
    whole = path.read_bytes()
    with pytest.raises(InvalidValue, match="run.checkpoint holds a training that has not ended"):
        trained(path)
    assert path.read_bytes() == whole
    trained(path, resume=True)
    trained(path)  # it has ended
    trained(path, optimizer="sgd")
    for other in (b"a,b\n1,2\n", whole[:-3]):
        path.write_bytes(other)
        with pytest.raises(
            InvalidValue, match="run.checkpoint would be written over, and it is no checkpoint"
        ):
            trained(path)
        assert path.read_bytes() == other
    path.write_bytes(b"")  # as mktemp leaves it
    trained(path)


def test_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="to resume takes a checkpoint"):
        train(Network.of_sizes([4, 1]), *data(), resume=True)
    with pytest.raises(MissingFile, match="there is no folder"):
        trained(tmp_path / "nowhere" / "run.checkpoint")
    with pytest.raises(InvalidValue, match="lbfgs remembers more than its steps"):
        trained(tmp_path / "run.checkpoint", optimizer="lbfgs", batch_size=None)
    for every in ("often", "0s", 0, -1.0, "1.5epochs", True):
        with pytest.raises(
            InvalidValue, match="checkpoints are made every so many seconds or epochs"
        ):
            Checkpoint("x", every)
    assert [Checkpoint("x", e).rhythm for e in ("30s", 2, "10epochs", "1epoch", "0.5 s")] == [(30, 0), (2, 0), (0, 10), (0, 1), (0.5, 0)]  # fmt: skip


def test_the_clock_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, now = [], [0]
    monkeypatch.setattr(checkpoints, "monotonic", lambda: now[0])

    def a_second_passes(_: Event) -> None:
        now[0] += 1

    monkeypatch.setattr(
        checkpoints.Book, "write", lambda book: written.append(book._now.each[0].epochs)
    )
    X, y = data()
    train(
        Network.of_sizes([4, 1], output="logistic"),
        X,
        y,
        epochs=20,
        checkpoint=Checkpoint(tmp_path / "c", "6s"),
        callbacks=[a_second_passes],
    )
    assert written == [6, 12, 18, 20]


CONTRADICTIONS: dict[str, tuple[Any, str]] = {
    "an array of another shape": (
        lambda arrays, told: arrays.update({"0.state.parameters.0.W": np.ones((4, 9), np.float32)}),
        r"parameters W of layer 3 is \(4, 9\) float32, and the training has \(4, 8\) float32",
    ),
    "an array of another type": (
        lambda arrays, told: arrays.update({"0.best.parameters.2.b": np.ones(1)}),
        r"parameters b of layer 1 is \(1,\) float64, and the training has \(1,\) float32",
    ),
    "a history of three columns": (
        lambda arrays, told: arrays.update({"0.history": np.ones((3, 3))}),
        "it is no checkpoint",
    ),
    "settings that are a list": (
        lambda arrays, told: told.update(settings=[]),
        "it is no checkpoint",
    ),
    "a negative step": (
        lambda arrays, told: told["counters"].update(state=[-1, 0]),
        "it is no checkpoint",
    ),
    "a number beyond all": (
        lambda arrays, told: told["counters"].update(state=[1, 10**400]),
        "it is no checkpoint",
    ),
    "a whole number beyond all, watched": (
        lambda arrays, told: told["watch"].update(best=10**400),
        "it is no checkpoint",
    ),
    "half an epoch": (
        lambda arrays, told: told["watch"].update(waited="0.5"),
        "it is no checkpoint",
    ),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_checkpoint_that_contradicts_itself(tmp_path: Path, what: str) -> None:
    path = tmp_path / "run.checkpoint"
    trained(path, epochs=3, optimizer="adam", stopping=5)
    change, words = CONTRADICTIONS[what]
    arrays = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, "numpy") as file:
        told = json.loads(file.metadata()[positions._KEY])
    change(arrays, told["trainings"]["0"])
    text = json.dumps(told)
    metadata = {positions._KEY: text, positions._DIGEST: positions._digest(text, arrays)}
    safetensors.numpy.save_file(arrays, path, metadata)
    with pytest.raises(ChainruleError, match=f"^{path}: {words}"):
        trained(path, resume=True, epochs=3, optimizer="adam", stopping=5)
