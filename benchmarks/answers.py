"""What a model says of a table, and the table as its exports take it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from chainrule import Model
from chainrule.tables import Table
from chainrule.tables.dates import days
from chainrule.tables.features import Category, Date, Dropped
from chainrule.tables.kinds import as_text


def answers(model: Model, data: Any) -> dict[str, npt.NDArray[Any]]:
    """What a model says, by the names that exports give it."""
    if model.levels:
        return {"prediction": model.predict(data), "quantiles": model.predict_quantiles(data)}
    if model.task == "regression":
        return {"prediction": model.predict(data)}
    return {"label": model.predict(data), "probabilities": model.predict_probability(data)}


def values(model: Model, table: Table) -> dict[str, npt.NDArray[Any]]:
    """Each column that counts as the exports' documentation asks for it: days, numbers, text or None."""
    assert model.encoder is not None
    found: dict[str, npt.NDArray[Any]] = {}
    for feature in model.encoder.features:
        match feature:
            case Dropped():
                pass
            case Category():
                found[feature.name] = np.array(as_text(table[feature.name]), object)
            case Date():
                found[feature.name] = _days(table[feature.name], feature.format)
            case _:
                found[feature.name] = table[feature.name].astype(np.float64)
    return found


def _days(column: npt.NDArray[Any], format_: str) -> npt.NDArray[np.float64]:
    if column.dtype.kind == "O":
        known = None if format_ == "ISO8601" else format_
        column = (
            pd.to_datetime(pd.Series(column), format=known, utc=True)
            .dt.tz_localize(None)
            .to_numpy()
        )
    return days(column)


def error(model: Model, said: npt.NDArray[Any], true: npt.NDArray[Any]) -> float:
    """The largest difference, in the target's standard deviations or as a share; infinite if shapes differ."""
    if said.shape != true.shape or not np.isfinite(said).all():
        return np.inf
    center, unit = (model.target.mean, model.target.spread) if model.target is not None else (0, 1)
    true = true.astype(float)
    return float((np.abs(said - true) / np.maximum(unit, np.abs(true - center))).max())
