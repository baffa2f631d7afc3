"""A frame: what the page shows of one moment, as bytes.

Four bytes with the length of a header, the lowest first; the header, in JSON; and the arrays that it
lists, one after another, each from a multiple of eight bytes on.
"""

from __future__ import annotations

import json
import math
import struct
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.network import Network
from chainrule.web.lane import Lane, Measures
from chainrule.web.race import Race
from chainrule.web.scene import Scene
from chainrule.web.window import GRID, SMALL

NONE = 255  # the byte for what is not finite
MOST_UNITS = 160  # whose maps a frame has
_ALIGNED = 8

Bytes = npt.NDArray[np.uint8]


def frame(number: int, race: Race, drawn: int, since: int, facts: dict[str, Any]) -> bytes:
    """The frame of a race as it is.

    Args:
        number: of the frame.
        race: the lanes.
        drawn: the lane whose weights and units are shown, from 0.
        since: the step of the frame before; what was measured after it stands in this one.
        facts: what else stands in the header.
    """
    measures = race.measure()
    arrays: dict[str, npt.NDArray[Any]] = {}
    pictures = race.over_lanes(lambda lane: region(race.scene, lane.engine.predict(race.window.grid)))  # fmt: skip
    for i, (values, strengths) in enumerate(pictures):
        arrays[f"region/{i}"] = values.reshape(GRID, GRID)
        if strengths is not None:
            arrays[f"strength/{i}"] = strengths.reshape(GRID, GRID)
    network = race.lanes[drawn].current()
    for i, layer in enumerate(network.layers):
        arrays[f"W/{i}"], arrays[f"b/{i}"] = layer.W, layer.b
    if sum(network.sizes[1:]) <= MOST_UNITS:
        arrays |= unit_maps(network, race.window.small)
    arrays["confusion"] = measures[drawn].confusion
    header = {
        "frame": number,
        "step": race.step,
        "drawn": drawn,
        "lanes": [
            _lane(lane, measured) | {"curve": _newest(curve, since)}
            for lane, measured, curve in zip(race.lanes, measures, race.curves, strict=True)
        ],
        **facts,
    }
    return packed(header, arrays)


def _lane(lane: Lane, measures: Measures) -> dict[str, Any]:
    return {
        "step": lane.step,
        "epochs": lane.epochs,
        "loss": _finite(measures.loss),
        "validation": _finite(measures.validation),
        "score": _finite(measures.score),
        "status": lane.status,
        "message": lane.message,
        "rate": lane.rate,
    }


def _newest(curve: list[Measures], since: int) -> list[list[float | None]]:
    """Step, loss and validation loss of what was measured after a step."""
    newest = list(takewhile(lambda measures: measures.step > since, reversed(curve)))[::-1]
    return [[each.step, _finite(each.loss), _finite(each.validation)] for each in newest]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def region(scene: Scene, said: Array) -> tuple[Bytes, Bytes | None]:
    """What a network says at points of the plane, as bytes; NONE where it is not finite.

    Returns:
        For two classes the probability of the second, from 0 to 254. For more the number of the most
        probable one, and its probability, from 0 to 254. For numbers how far they lie between the
        lowest and the highest that are to be learned, from 0 to 254.
    """
    if scene.outputs > 1:
        strength = said.max(axis=1)
        values = said.argmax(axis=1).astype(np.uint8)
        values[~np.isfinite(strength)] = NONE
        return values, _bytes(strength)
    if scene.classes:
        return _bytes(said[:, 0]), None
    low, high = float(scene.t.min()), float(scene.t.max())
    return _bytes((said[:, 0] - low) / ((high - low) or 1.0)), None


def unit_maps(network: Network, X: Array) -> dict[str, Bytes]:
    """What each unit gives at points of the plane, as bytes: 127 for 0, up and down to its largest."""
    maps = {}
    with np.errstate(over="ignore", invalid="ignore"):
        z = X
        for i, layer in enumerate(network.layers):
            z = layer(z)
            largest = np.abs(z).max(axis=0)
            scale = np.where(largest > 0, largest, 1)
            maps[f"units/{i}"] = _bytes(0.5 + 0.5 * z / scale).T.reshape(-1, SMALL, SMALL)
    return maps


def _bytes(shares: Array) -> Bytes:
    """Shares from 0 to 1 as bytes from 0 to 254; NONE for what is not finite."""
    finite = np.isfinite(shares)
    values = np.clip(np.where(finite, shares, 0), 0, 1) * 254
    return np.asarray(np.where(finite, np.rint(values), NONE), np.uint8)


def packed(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """A header and arrays as bytes."""
    listed, parts, at = [], [], 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array)
        data = data.astype(data.dtype.newbyteorder("<"), copy=False)
        listed.append({"name": name, "type": data.dtype.str, "shape": data.shape, "at": at})
        padding = -data.nbytes % _ALIGNED
        parts += [data.tobytes(), bytes(padding)]
        at += data.nbytes + padding
    text = json.dumps(header | {"arrays": listed}, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 4) % _ALIGNED)
    return b"".join([struct.pack("<I", len(text)), text, *parts])
