"""Positions: where trainings stand, as arrays and text in one safetensors file.

Its arrays are the engine's state, the history, and the state of the best epoch, of each training; its
metadata are the settings that each goes on with, and a digest of all there is. The order of rows,
dropout and schedules are functions of the seed and the number of the epoch, so that nothing else is
needed: the number of epochs is the generator's position.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from chainrule.arrays import Array
from chainrule.engines import Scaling, State
from chainrule.errors import ModelFileError

if TYPE_CHECKING:
    from chainrule.training.loop import Loop

_KEY, _DIGEST, _VERSION = "chainrule-checkpoint", "digest", 2
_WATCHED = ("best", "best_epoch", "reference", "waited")
Arrays = dict[str, npt.NDArray[Any]]


@dataclass
class Position:
    """Where a training stands, after a whole number of epochs.

    Attributes:
        settings: it goes on with.
        state: the engine's.
        best: the engine's after the best epoch, where that is kept.
        rows: of the history; there may be later ones than those of `epochs`.
        epochs: how many are done.
        watch: the numbers of the `Watch`.
        ended: whether there is nothing left to do.
    """

    settings: Mapping[str, Any]
    state: State
    best: State | None
    rows: list[tuple[float, float, float, float]]
    epochs: int
    watch: Mapping[str, float]
    ended: bool

    @classmethod
    def of(cls, loop: Loop, settings: Mapping[str, Any]) -> Position:
        """A loop's, after the epoch that its history ends with."""
        epochs, best = len(loop.history), loop.best
        is_best = best is not None and loop.watch.best_epoch == epochs
        return cls(
            settings,
            best if best is not None and is_best else loop.engine.state(),
            best,
            loop.history.rows,
            epochs,
            {name: getattr(loop.watch, name) for name in _WATCHED},
            epochs >= loop.epochs or loop.watch.out_of_patience,
        )

    def put(self, loop: Loop) -> None:
        """Let a loop go on from here."""
        loop.engine.load(self.state)
        loop.best = self.best
        loop.history.rows = self.rows[: self.epochs]
        watch = loop.watch
        watch.best, watch.reference = self.watch["best"], self.watch["reference"]
        watch.best_epoch, watch.waited = int(self.watch["best_epoch"]), int(self.watch["waited"])

    def parts(self, prefix: str) -> tuple[Arrays, dict[str, Any]]:
        """Arrays, whose names begin with a prefix, and the rest in JSON's terms."""
        rows = np.array(self.rows[: self.epochs], float).reshape(-1, 4)
        arrays: Arrays = {f"{prefix}history": rows}
        counters = {}
        for name, state in (("state", self.state), ("best", self.best)):
            if state is not None:
                arrays |= _arrays(f"{prefix}{name}", state)
                counters[name] = [state.step, state.accepted]
        # As text, for infinity is no number of JSON.
        watch = {key: repr(value) for key, value in self.watch.items()}
        told = {"settings": self.settings, "counters": counters, "watch": watch}
        return arrays, {**told, "ended": self.ended}

    @classmethod
    def from_parts(cls, arrays: Arrays, told: Mapping[str, Any], prefix: str) -> Position:
        """What `parts` made."""
        counters, rows = told["counters"], arrays[f"{prefix}history"].tolist()
        best = _state(f"{prefix}best", arrays, *counters["best"]) if "best" in counters else None
        return cls(
            settings=dict(told["settings"].items()),
            state=_state(f"{prefix}state", arrays, *counters["state"]),
            best=best,
            rows=[(a, b, c, d) for a, b, c, d in rows],
            epochs=len(rows),
            watch={key: _number(told["watch"][key], key) for key in _WATCHED},
            ended=bool(told["ended"]),
        )


@dataclass
class Positions:
    """Where several trainings stand, or one.

    Attributes:
        count: how many there are to be.
        about: what they have in common, in JSON's terms.
        each: by the number of the training, for those that have begun.
    """

    count: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)
    each: dict[int, Position] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return len(self.each) == self.count and all(one.ended for one in self.each.values())

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        arrays: Arrays = {}
        trainings = {}
        for number, position in sorted(self.each.items()):
            own, trainings[str(number)] = position.parts(f"{number}.")
            arrays |= own
        told = {"count": self.count, "about": self.about, "trainings": trainings}
        text = json.dumps({"version": _VERSION, **told})
        return safetensors.numpy.save(arrays, {_KEY: text, _DIGEST: _digest(text, arrays)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Positions:
        """What `to_bytes` made.

        Raises:
            ModelFileError: it is no checkpoint, cut short, damaged, or of another version.
        """
        try:
            length = int.from_bytes(data[:8], "little")
            metadata = json.loads(data[8 : 8 + length])["__metadata__"]
            told = json.loads(metadata[_KEY])
            if told["version"] != _VERSION:
                raise ModelFileError(f"it is a checkpoint of version {told['version']}")
            arrays = safetensors.numpy.load(data)
            if metadata[_DIGEST] != _digest(metadata[_KEY], arrays):
                raise ModelFileError("it is damaged: its digest is not that of what it holds")
            each = {
                int(number): Position.from_parts(arrays, own, f"{number}.")
                for number, own in told["trainings"].items()
            }
            return cls(int(told["count"]), dict(told["about"].items()), each)
        except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:  # fmt: skip
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError("it is no checkpoint, or is cut short") from error


def fingerprint(array: npt.NDArray[Any]) -> str:
    """What an array is, and a digest of its bytes, in words."""
    found = hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=8)
    shape = " × ".join(map(str, array.shape))
    return f"{shape} {array.dtype}, digest {found.hexdigest()}"


def _digest(text: str, arrays: Arrays) -> str:
    found = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name}{array.shape}{array.dtype}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


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


def _state(name: str, arrays: Arrays, step: int, accepted: float) -> State:
    slots: dict[str, dict[int, dict[str, Array]]] = {}
    for key, array in arrays.items():
        if key.startswith(f"{name}."):
            slot, layer, letter = key.removeprefix(f"{name}.").split(".")
            slots.setdefault(slot, {}).setdefault(int(layer), {})[letter] = array
    pairs = {
        slot: [(layers[i]["W"], layers[i]["b"]) for i in sorted(layers)]
        for slot, layers in slots.items()
    }
    start = f"{name}-scaling."
    parts = {key.removeprefix(start): a for key, a in arrays.items() if key.startswith(start)}
    scaling = Scaling(parts.pop("s"), parts.pop("V"), parts) if parts else None
    if not (0 <= step < 2**63 and 0 <= accepted <= sys.float_info.max):
        raise ValueError("counters out of their range")
    return State(pairs.pop("parameters"), pairs, int(step), float(accepted), scaling)


def _number(text: str, name: str) -> float:
    """A number of the watch; those that count epochs are whole."""
    number = float(text)
    if name in ("best_epoch", "waited") and not (number.is_integer() and 0 <= number < 2**53):
        raise ValueError(f"{name} counts epochs")
    return number
