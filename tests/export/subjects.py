"""Models to export, small and quickly trained, over tables that have everything in them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.answers import error

from chainrule import Classifier, Layer, Model, Network, Plan, Regressor
from chainrule.arrays import DType
from chainrule.tables import Encoder, Table

HOSTILE = (
    'age "in\\years"', "label", "probabilities", "größe (cm)", "int", "年龄", "a\nb", "*/ x = 1; /*", "??/",
    "size", "Size", "x" * 300, "'); drop", "%s{}{0}", "prediction", "NAN", "row",
)  # fmt: skip
TEXTS = (
    'say "hi"',
    "back\\slash",
    "zwei\nZeilen",
    "*/",
    "??=??/",
    "naïve ☃ 😀",
    "a",
    "%d",
    " a",
    "O'Neil",
)


def hostile(rows: int = 400, seed: int = 0) -> dict[str, Any]:
    """Numbers, text, dates and booleans, with gaps, under names that no language likes."""
    rng = np.random.default_rng(seed)
    table: dict[str, Any] = {name: rng.normal(50, 20, rows) for name in HOSTILE}
    table["label"] = np.where(rng.random(rows) < 0.2, np.nan, table["label"])
    table["year"] = rng.integers(1990, 2024, rows).astype(float)
    table["id of it"] = rng.integers(0, 10**12, rows).astype(float)
    table["text"] = rng.choice(np.array([*TEXTS, None], object), rows)
    table["rare"] = [f"v{k}" for k in rng.zipf(1.4, rows)]
    table["whether"] = rng.random(rows) < 0.5
    table["perhaps"] = rng.choice(np.array([True, False, None], object), rows)
    seconds = rng.integers(-(10**9), 2 * 10**9, rows)
    when = np.datetime64("1970-01-01T00:00:00", "us") + seconds.astype("timedelta64[s]")
    table["when"] = np.where(rng.random(rows) < 0.1, np.datetime64("NaT"), when)
    table["day"] = [f"{d.astype(object):%d.%m.%Y}" for d in when.astype("datetime64[D]")]
    return table


@cache
def hostile_model(kind: str) -> tuple[Model, Table]:
    """A model of the table above, whose networks have different shares, for rows among which some are new."""
    model = _trained(kind)
    first, *others = (
        np.arange(1.0, len(model.members) + 1) / np.arange(1, len(model.members) + 1).sum()
    )
    rest = tuple(replace(one, share=float(s)) for one, s in zip(model.others, others, strict=True))
    return replace(model, share=float(first), others=rest), Table.of(hostile(300, seed=2))


def _trained(kind: str) -> Model:
    data = pd.DataFrame(hostile())
    rng = np.random.default_rng(1)
    score = (
        0.05 * np.nan_to_num(data["label"], nan=50) + 1.0 * (data["text"] == "*/") + data["whether"]
        + 0.02 * (data["year"] - 2000) + rng.normal(0, 0.3, 400)
    )  # fmt: skip
    settings: dict[str, Any] = {"hidden": (16, 16), "epochs": 6, "random_state": 0}
    if kind == "three":
        labels = np.array(['"one"\n??/', "zwei *\\/", "três"], object)[np.digitize(score, [3, 4.5])]
        return Classifier(members=3, **settings).fit(data, labels).to_model("tar get")
    if kind == "booleans":
        return Classifier(members=2, **settings).fit(data, score > 3.5).to_model()
    if kind == "integers":
        return (
            Classifier(members=1, **settings)
            .fit(data, np.digitize(score, [3, 4.5]) * 7 - 3)
            .to_model()
        )
    if kind == "numbers":
        return Regressor(members=3, **settings).fit(data, 1e6 + 1e4 * score).to_model()
    if kind == "poisson":
        counts = rng.poisson(np.exp(score / 3))
        return Regressor(members=2, loss="poisson", **settings).fit(data, counts).to_model()
    assert kind == "quantiles"
    fitted = Regressor(members=3, loss="quantile", quantiles=(0.1, 0.6, 0.9), **settings)
    return fitted.fit(data, score).to_model()


KINDS = ("three", "booleans", "integers", "numbers", "poisson", "quantiles")


@cache
def encoder_alone(dtype: DType = "float32") -> tuple[Model, Table]:
    """A model whose answer is x itself, so that a difference in one column is seen."""
    data = hostile()
    table = Table.of(data)
    encoder = Encoder.fit(table, cap=6, robust=True, bins=5)
    plain = Encoder.fit(
        Table.of({f"{name} plain": table[name] for name in ("year", "when", "text")})
    )
    encoder = Encoder((*encoder.features, *plain.features))
    d = encoder.width
    network = Network([Layer(np.eye(d, dtype=dtype), np.zeros(d, dtype), "identity")])
    new = hostile(200, seed=7)
    new |= {f"{name} plain": new[name] for name in ("year", "when", "text")}
    days = [
        "1600-02-29",
        "1899-12-31T23:59:59.999999",
        "1969-12-31T12:00",
        "2000-02-29",
        "2100-03-01",
        "2400-12-31",
    ]
    new["when"][:6] = np.array(days, "M8[us]")
    new["size"][:6] = [0, -0.0, 1e-300, 1e100, -1e15, np.nan]
    return Model(network, Plan.of(network, "squared_error"), encoder), Table.of(new)


def agree(
    model: Model, said: dict[str, npt.NDArray[Any]], true: dict[str, npt.NDArray[Any]]
) -> float:
    """The largest difference of all answers; labels have to be the same where two are not equally probable."""
    assert said.keys() == true.keys()
    if "label" in true:
        p = np.sort(true["probabilities"], axis=1)
        clear = p[:, -1] - p[:, -2] > 1e-5
        assert clear.mean() > 0.9
        assert said["label"].dtype.kind == true["label"].dtype.kind
        assert (said["label"] == true["label"])[clear].all()
    return max(error(model, said[name], true[name]) for name in true if name != "label")
