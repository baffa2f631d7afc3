"""Checkpoints: a training on the disk, from which another process goes on, bit for bit.

A checkpoint is one safetensors file. Its arrays are the engine's state, the history, and the state of
the best epoch; its metadata are the settings that the training goes on with and a digest of the data.
The order of rows, dropout and schedules are functions of the seed and the number of the epoch, so
that nothing else is needed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from chainrule.arrays import Array
from chainrule.engines import Scaling, State
from chainrule.errors import InvalidValue, ModelFileError
from chainrule.plan import Plan
from chainrule.storage.atomic import replacing
from chainrule.training.rows import Data
from chainrule.training.stopping import Stopping

if TYPE_CHECKING:
    from chainrule.training.loop import Loop

EVERY = 30.0  # seconds between two checkpoints
_KEY, _VERSION = "chainrule-checkpoint", 1
_WATCHED = ("best", "best_epoch", "reference", "waited")
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training is kept, and how often.

    Args:
        path: by custom it ends in .checkpoint.
        every: seconds between two, as "30s" or a number, or epochs, as "10epochs".

    Raises:
        InvalidValue: `every` is something else.
    """

    path: str | os.PathLike[str]
    every: str | float = EVERY

    def __post_init__(self) -> None:
        """Read `every` once, so that what is wrong is said at once."""
        _ = self.rhythm

    @classmethod
    def of(cls, checkpoint: str | os.PathLike[str] | Checkpoint) -> Checkpoint:
        """From a path, or as it is."""
        return checkpoint if isinstance(checkpoint, Checkpoint) else cls(checkpoint)

    @property
    def rhythm(self) -> tuple[float, int]:
        """Seconds and epochs between two, of which one is 0."""
        if isinstance(self.every, (int, float)) and not isinstance(self.every, bool):
            seconds = float(self.every)
            if 0 < seconds < math.inf:
                return seconds, 0
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|epochs?)", str(self.every).strip())
        if match and match[2] == "s" and float(match[1]) > 0:
            return float(match[1]), 0
        if match and match[2] != "s" and match[1].isdecimal() and int(match[1]) > 0:
            return 0.0, int(match[1])
        raise InvalidValue(
            f"checkpoints are made every so many seconds or epochs, as 30s or 10epochs; got {self.every!r}"
        )


@dataclass(frozen=True)
class Settings:
    """What a training has to have in common with its checkpoint.

    Attributes:
        plan: what is trained and how.
        stopping: when it stops.
        schedule: of the learning rate, with the number of epochs where it depends on that.
        data: a digest of rows, targets, weights and validation.
        engine: whose bits they are.
    """

    plan: Mapping[str, Any]
    stopping: Mapping[str, Any]
    schedule: str
    data: str
    engine: str

    @classmethod
    def of(
        cls, plan: Plan, stopping: Stopping, schedule: Any, epochs: int, data: Data, engine: str
    ) -> Settings:
        """The settings of a training."""
        from chainrule.training.schedules import Constant

        constant = isinstance(schedule, Constant)
        said = repr(schedule) if constant else f"{schedule!r} over {epochs} epochs"
        return cls(plan.as_dict(), asdict(stopping), said, digest(data), engine)

    def check(self, before: Mapping[str, Any]) -> None:
        """Refuse other settings than these.

        Raises:
            InvalidValue: some differ; they are named, as they were and as they are.
        """
        now = json.loads(json.dumps(asdict(self)))
        apart = [
            f"{name} was {was}, is {value}"
            for name, was, value in _differences(dict(before), now)
            if name != "data"
        ]
        if before.get("data") != now["data"]:
            apart.append("the data are other data")
        if apart:
            raise InvalidValue(f"the checkpoint is of another training: {'; '.join(apart)}")


def _differences(before: Any, now: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            each
            for key in {**before, **now}
            for each in _differences(before.get(key), now.get(key), key)
        ]
    return [] if before == now else [(name, before, now)]


def digest(data: Data) -> str:
    """A fingerprint of all that is trained and validated on."""
    found = hashlib.blake2b(digest_size=16)
    for array in (data.X, data.t, data.weights, *(data.validation or ())):
        if array is None:
            found.update(b"none")
        else:
            found.update(f"{array.shape}{array.dtype}".encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


@dataclass
class Position:
    """Where a training stands, after a whole number of epochs.

    Attributes:
        settings: it goes on with.
        state: the engine's.
        best: the engine's after the best epoch, where that is kept.
        rows: of the history.
        watch: the numbers of the `Watch`.
    """

    settings: Mapping[str, Any]
    state: State
    best: State | None
    rows: list[tuple[float, float, float, float]]
    watch: Mapping[str, float]

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        arrays: Arrays = {"history": np.array(self.rows, float).reshape(-1, 4)}
        counters = {}
        for name, state in (("state", self.state), ("best", self.best)):
            if state is not None:
                arrays |= _arrays(name, state)
                counters[name] = [state.step, state.accepted]
        # As text, for infinity is no number of JSON.
        watch = {key: repr(value) for key, value in self.watch.items()}
        told = {
            "version": _VERSION,
            "settings": self.settings,
            "counters": counters,
            "watch": watch,
        }
        return safetensors.numpy.save(arrays, {_KEY: json.dumps(told)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Position:
        """What `to_bytes` made.

        Raises:
            ModelFileError: it is no checkpoint, cut short, or of another version.
        """
        try:
            length = int.from_bytes(data[:8], "little")
            told = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
            arrays = safetensors.numpy.load(data)
            if told["version"] != _VERSION:
                raise ModelFileError(f"it is a checkpoint of version {told['version']}")
            best = "best" in told["counters"]
            return cls(
                settings=told["settings"],
                state=_state("state", arrays, told["counters"]),
                best=_state("best", arrays, told["counters"]) if best else None,
                rows=[tuple(row) for row in arrays["history"].tolist()],
                watch={key: float(told["watch"][key]) for key in _WATCHED},
            )
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError("it is no checkpoint, or is cut short") from error

    def put(self, loop: Loop) -> None:
        """Let a loop go on from here."""
        loop.engine.load(self.state)
        loop.best = self.best
        loop.history.rows = list(self.rows)
        watch = loop.watch
        watch.best, watch.reference = self.watch["best"], self.watch["reference"]
        watch.best_epoch, watch.waited = int(self.watch["best_epoch"]), int(self.watch["waited"])


def _arrays(name: str, state: State) -> Arrays:
    parts = {"parameters": state.parameters, **state.moments}
    scaling: Arrays = {}
    if state.scaling is not None:
        scaling = {"s": state.scaling.s, "V": state.scaling.V, **state.scaling.moments}
    return {f"{name}-scaling.{part}": array for part, array in scaling.items()} | {
        f"{name}.{slot}.{layer}.{letter}": np.ascontiguousarray(array)
        for slot, pairs in parts.items()
        for layer, pair in enumerate(pairs)
        for letter, array in zip("Wb", pair, strict=True)
    }


def _state(name: str, arrays: Arrays, counters: Mapping[str, Any]) -> State:
    step, accepted = counters[name]
    slots: dict[str, dict[int, dict[str, Array]]] = {}
    for key, array in arrays.items():
        if key.startswith(f"{name}."):
            _, slot, layer, letter = key.split(".")
            slots.setdefault(slot, {}).setdefault(int(layer), {})[letter] = array
    pairs = {
        slot: [(layers[i]["W"], layers[i]["b"]) for i in sorted(layers)]
        for slot, layers in slots.items()
    }
    start = f"{name}-scaling."
    parts = {key.removeprefix(start): a for key, a in arrays.items() if key.startswith(start)}
    scaling = Scaling(parts.pop("s"), parts.pop("V"), parts) if parts else None
    return State(pairs.pop("parameters"), pairs, int(step), float(accepted), scaling)


def write(path: str | os.PathLike[str], position: Position) -> None:
    """Put a position in the place of the last one, which stays whole until then.

    Raises:
        ModelFileError: the system does not let it be written; the text says why.
    """
    data = position.to_bytes()
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(
            f"{os.fspath(path)}: no checkpoint can be written ({reason})"
        ) from error


def read(path: str | os.PathLike[str]) -> bytes | None:
    """The bytes of a checkpoint; None if there is none yet.

    Raises:
        ModelFileError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelFileError(f"{os.fspath(path)}: it cannot be read ({error.strerror})") from error


@dataclass
class Keeper:
    """Writes checkpoints along a training.

    Attributes:
        checkpoint: where and how often.
        settings: of the training.
        writes: whether this process is the one that does.
    """

    checkpoint: Checkpoint
    settings: Settings
    writes: bool = True
    _due: float = field(init=False, default=0.0)
    _written: int = field(init=False, default=0)

    def resume(self, loop: Loop, data: bytes | None) -> None:
        """Let a loop go on from a checkpoint, if there is one.

        Raises:
            InvalidValue: it is one of another training.
            ModelFileError: it is damaged.
        """
        if data is None:
            return
        path = os.fspath(self.checkpoint.path)
        try:
            position = Position.from_bytes(data)
            self.settings.check(position.settings)
        except (ModelFileError, InvalidValue) as error:
            raise type(error)(f"{path}: {error}") from error
        position.put(loop)
        self._written = len(position.rows)

    def start(self) -> None:
        """Begin to count the seconds."""
        self._due = monotonic() + self.checkpoint.rhythm[0]

    def after_epoch(self, loop: Loop) -> None:
        """Write if it is time to."""
        seconds, epochs = self.checkpoint.rhythm
        if monotonic() >= self._due if seconds else len(loop.history) % epochs == 0:
            self.write(loop)
            self.start()

    def write(self, loop: Loop) -> None:
        """Write, unless that epoch is written already."""
        if self._written == len(loop.history):
            return
        self._written = len(loop.history)
        if self.writes:
            write(self.checkpoint.path, self._position(loop))

    def _position(self, loop: Loop) -> Position:
        return Position(
            settings=asdict(self.settings),
            state=loop.engine.state(),
            best=loop.best,
            rows=loop.history.rows,
            watch={name: getattr(loop.watch, name) for name in _WATCHED},
        )
