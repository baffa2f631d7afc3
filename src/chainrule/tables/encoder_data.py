"""An encoder as data: JSON and arrays, written, and read back without trust."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError
from chainrule.tables.dates import FORMATS
from chainrule.tables.features import Category, Date, Dropped, Feature, Number
from chainrule.tables.scaling import Scale

_SCALES = ("center", "spread", "fill")
_OUTPUTS = ("value", "month", "weekday", "time", "missing")


def described(feature: Feature) -> dict[str, Any]:
    """A feature less its numbers, as JSON takes it."""
    match feature:
        case Number():
            return {
                "name": feature.name,
                "kind": feature.kind,
                "outputs": list(feature.outputs),
                "smooth": feature.scale.smooth,
                "edges": list(feature.edges),
            }
        case Category():
            kept = {
                "values": list(feature.values),
                "other": feature.other,
                "missing": feature.missing,
            }
            return {"name": feature.name, "kind": "text", **kept}
        case Date():
            outputs = list(feature.outputs)
            return {
                "name": feature.name,
                "kind": "date",
                "format": feature.format,
                "outputs": outputs,
                "smooth": feature.scale.smooth,
            }
        case Dropped():
            return {"name": feature.name, "kind": "dropped", "reason": feature.reason}


def numbers(features: Iterable[Feature]) -> dict[str, npt.NDArray[np.float64]]:
    """Center, spread and fill of the features that have them, in order, shape (m,)."""
    scales = [feature.scale for feature in features if isinstance(feature, (Number, Date))]
    return {
        what: np.array([getattr(scale, what) for scale in scales], dtype=np.float64)
        for what in _SCALES
    }


def features(data: Any, arrays: Mapping[str, npt.ArrayLike]) -> tuple[Feature, ...]:
    """The features that such JSON and arrays describe.

    Raises:
        ModelFileError: they do not add up.
    """
    columns = _part(data, "columns", list)
    scales = _scales(arrays)
    found = tuple(_feature(column, scales) for column in columns)
    names = [feature.name for feature in found]
    if len(set(names)) < len(names) or next(scales, None) is not None:
        raise ModelFileError(
            "the encoder does not add up: its columns and its numbers do not go together"
        )
    return found


def notes(data: Any) -> tuple[str, ...]:
    """The notes in such JSON."""
    return _texts(data, "notes")


def _scales(arrays: Mapping[str, npt.ArrayLike]) -> Iterator[Scale]:
    absent = [what for what in _SCALES if what not in arrays]
    if absent:
        raise ModelFileError(f"the encoder lacks its array {absent[0]!r}")
    values = [np.asarray(arrays[what]) for what in _SCALES]
    if len({array.shape for array in values}) > 1 or any(
        a.ndim != 1 or a.dtype != np.float64 for a in values
    ):
        raise ModelFileError(
            "the encoder's arrays center, spread and fill are not float64 of one length"
        )
    if not all(np.isfinite(array).all() for array in values) or not (values[1] > 0).all():
        raise ModelFileError("the encoder's numbers are not finite, or a spread is not positive")
    return (Scale(*row) for row in np.stack(values, axis=1).tolist())


def _feature(column: Any, scales: Iterator[Scale]) -> Feature:
    name, kind = _part(column, "name", str), _part(column, "kind", str)
    if kind == "text":
        values, other = _texts(column, "values"), _part(column, "other", bool)
        return Category(name, values, other, _part(column, "missing", bool))
    if kind == "dropped":
        return Dropped(name, _part(column, "reason", str))
    if kind not in ("number", "boolean", "date"):
        raise ModelFileError(
            f"the encoder's column {name!r} is of a kind that this version does not know: {kind!r}"
        )
    outputs, scale = _texts(column, "outputs"), next(scales, None)
    if scale is None or not set(outputs) <= set(
        _OUTPUTS if kind == "date" else ("value", "missing")
    ):
        raise ModelFileError(f"the encoder's column {name!r} does not add up")
    scale = replace(scale, smooth=column.get("smooth") is True)
    if kind == "date":
        format_ = _part(column, "format", str)
        if format_ and format_ not in FORMATS:
            raise ModelFileError(f"the encoder's column {name!r} has an unknown format of dates")
        return Date(name, format_, scale, outputs)
    kind_ = cast(Literal["number", "boolean"], kind)
    return Number(name, kind_, scale, outputs, _edges(column))


def _edges(column: Any) -> tuple[float, ...]:
    """Increasing finite numbers; none in a file of an earlier version."""
    edges = column.get("edges", [])
    known = isinstance(edges, list) and all(type(edge) in (int, float) for edge in edges)
    if not known or not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise ModelFileError(
            f"the encoder's column {column['name']!r} has edges that do not add up"
        )
    return tuple(map(float, edges))


def _part(data: Any, name: str, type_: type[Any]) -> Any:
    part = data.get(name) if isinstance(data, dict) else None
    if not isinstance(part, type_):
        raise ModelFileError(f"the encoder's {name!r} is not a {type_.__name__}")
    return part


def _texts(data: Any, name: str) -> tuple[str, ...]:
    parts = _part(data, name, list)
    if not all(isinstance(part, str) for part in parts):
        raise ModelFileError(f"the encoder's {name!r} are not all texts")
    return tuple(parts)
