"""The model file and the checkpoint, damaged from outside, and changed inside with their sums put right."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

import chainrule
from chainrule import Checkpoint, Network, Plan, train
from chainrule.optimizers import Groups
from chainrule.storage import Model, Trained, document
from chainrule.storage.file import KEY
from chainrule.tables import Encoder, Table, TargetEncoder
from chainrule.training.positions import _DIGEST, _KEY, _digest

from .mutation import changed, mutated, safetensors_of, safetensors_parts
from .target import Target


def _flowers() -> Table:
    return Table(
        {
            "length": np.array([0.1, 0.7, np.nan, 1 / 3]),
            "colour": np.array(["röt", "blue", "blue", None], dtype=object),
            "seen": np.array(["2024-01-02", "2024-03-09", "2025-07-01", None], dtype="M8[us]"),
            "wild": np.array([True, False, True, True]),
        }
    )


def _several() -> Model:
    """Two networks, columns of every kind, and classes."""
    encoder = Encoder.fit(_flowers())
    first, second = (Network.of_sizes([encoder.width, n, 1], output="logistic", seed=n) for n in (3, 2))  # fmt: skip
    plans = [Plan.of(network, "binary_cross_entropy", dropout=0.1) for network in (first, second)]
    target = TargetEncoder("kind", "classification", ("a\n", "ж"))
    other = Trained(second, plans[1], 0.25)
    return Model(first, plans[0], encoder, target, {"epochs": 5, "loss": 0.3}, {"name": "native"}, share=0.75, others=(other,))  # fmt: skip


def _alone() -> Model:
    return Model.of(Network.of_sizes([2, 3, 3], output="softmax", dtype="float64", seed=1))


@cache
def _models() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        found = []
        for model in (_several(), _alone()):
            chainrule.save(model, path)
            found.append(path.read_bytes())
        return tuple(found)


def _changed_inside(data: bytes, chance: random.Random) -> bytes:
    """A model file with other words or numbers in it whose checksum fits all the same."""
    header, _ = safetensors_parts(data)
    described = json.loads(header["__metadata__"][KEY])
    arrays = dict(safetensors.numpy.load(data))
    if chance.random() < 0.8:
        described = changed(described, chance)
    if chance.random() < 0.3:
        _change_arrays(arrays, chance)
    if isinstance(described, dict):
        described["checksum"] = document.checksum(described, arrays)
    return bytes(safetensors.numpy.save(arrays, {KEY: json.dumps(described)}))


def _change_arrays(arrays: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice(sorted(arrays))
    array = arrays.pop(name)
    match chance.randrange(5):
        case 0:
            arrays[name + chance.choice(("x", "0", ".1"))] = array
        case 1:
            with np.errstate(all="ignore"):  # infinity as a whole number
                arrays[name] = array.astype(
                    chance.choice(("float32", "float64", "float16", "int64"))
                )
        case 2:
            arrays[name] = np.ascontiguousarray(array.T)
        case 3 if array.dtype.kind == "f":
            arrays[name] = np.full(
                array.shape, chance.choice((np.nan, np.inf, 1e-310, 3e38, 0)), array.dtype
            )
        case _:
            arrays[name] = np.resize(array, chance.choice(((0,), (0, 3), (1,), (2, 2), (100, 1))))


def _header_changed(data: bytes, chance: random.Random) -> bytes:
    header, rest = safetensors_parts(data)
    other = changed(header, chance)
    return safetensors_of(other, rest)


def _made(
    seeds: tuple[bytes, ...],
    chance: random.Random,
    inside: Callable[[bytes, random.Random], bytes],
) -> bytes:
    way = chance.random()
    if way < 0.4:
        return mutated(seeds, chance)
    if way < 0.5:
        return _header_changed(chance.choice(seeds), chance)
    return inside(chance.choice(seeds), chance)


def _load(data: bytes, folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(data)
    model = chainrule.load(path)
    if model.encoder is None:
        model.predict(np.ones((2, model.plan.layer_sizes[0])))
    else:
        model.predict(_flowers())


_ROWS = np.array([[0.0, 1], [1, 0], [1, 1], [0, 0]])
_TRAININGS: tuple[dict[str, Any], ...] = (
    {"optimizer": "adam", "stopping": 5, "validation": (_ROWS, np.array([1, 1, 0, 0]))},
    {"optimizer": "sgd", "groups": Groups(scales=6.0)},
)


def _train(training: dict[str, Any], epochs: int, path: Path, resume: bool) -> None:
    network = Network.of_sizes([2, 3, 1], output="logistic", seed=1)
    y = np.array([1, 1, 0, 0])
    train(network, _ROWS, y, batch_size=2, epochs=epochs, checkpoint=Checkpoint(path, "10epochs"), resume=resume, **training)  # fmt: skip


@cache
def _checkpoints() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "training.checkpoint")
        found = []
        for training in _TRAININGS:
            path.unlink(missing_ok=True)
            _train(training, 2, path, resume=False)
            found.append(_timeless(path.read_bytes()))
        return tuple(found)


def _timeless(data: bytes) -> bytes:
    """The checkpoint without the seconds that the epochs took, which differ from run to run."""
    header, _ = safetensors_parts(data)
    arrays = dict(safetensors.numpy.load(data))
    for name in arrays:
        if name.endswith("history"):
            arrays[name][:, 3] = 0.01
    return _sealed(header["__metadata__"][_KEY], arrays)


def _sealed(text: str, arrays: dict[str, Any]) -> bytes:
    """A checkpoint whose digest is that of what it holds."""
    metadata = {_KEY: text, _DIGEST: _digest(text, arrays)}
    header, rest = safetensors_parts(safetensors.numpy.save(arrays, metadata))
    return safetensors_of({**header, "__metadata__": metadata}, rest)  # theirs have any order


def _changed_checkpoint(data: bytes, chance: random.Random) -> bytes:
    header, _ = safetensors_parts(data)
    told = json.loads(header["__metadata__"][_KEY])
    arrays = dict(safetensors.numpy.load(data))
    if chance.random() < 0.5:
        told = changed(told, chance)
    else:
        _change_arrays(arrays, chance)
    return _sealed(json.dumps(told), arrays)


def _resume(data: bytes, folder: Path) -> None:
    """Go on from a checkpoint, as the one of two trainings whose optimizer it names."""
    path = folder / "training.checkpoint"
    path.write_bytes(data)
    _train(_TRAININGS[b"scaling" in data], 3, path, resume=True)


TARGETS = (
    Target("model", lambda chance: _made(_models(), chance, _changed_inside), _load),
    Target(
        "checkpoint", lambda chance: _made(_checkpoints(), chance, _changed_checkpoint), _resume
    ),
)
