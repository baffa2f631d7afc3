"""Models as JSON: it holds the encoder and the networks to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.export.subjects import hostile, hostile_model

import chainrule
from chainrule import Network
from chainrule.export import to_json
from chainrule.tables import Table


def test_a_network_alone_can_be_loaded(tmp_path: Path) -> None:
    network = Network.of_sizes([2, 3, 1], output="logistic", seed=1)
    to_json(network, tmp_path / "it.json")
    assert repr(chainrule.load(tmp_path / "it.json").network) == repr(network)


@pytest.mark.parametrize("kind", ["three", "quantiles"])
def test_a_model(kind: str, tmp_path: Path) -> None:
    model, new = hostile_model(kind)
    to_json(model, tmp_path / "it.json")
    read = json.loads((tmp_path / "it.json").read_text(encoding="utf-8"))
    assert (read["format"], read["format_version"]) == ("chainrule formula", 1)
    assert tuple(read["classes"]) == model.classes and tuple(read["levels"]) == model.levels
    assert model.encoder is not None
    X = model.encoder.transform(new)
    total = 0
    for entry, member in zip(read["networks"], model.members, strict=True):
        network = Network.from_json(json.dumps(entry["network"]))
        assert network.dtype == "float32" and entry["share"] == member.share
        z = network(X)
        total = total + entry["share"] * (np.sort(z, axis=1) if kind == "quantiles" else z)
    true = model.predict_probability(new) if kind == "three" else model.predict_quantiles(new)
    if kind == "quantiles":
        total = total * read["spread"] + read["mean"]
    assert np.abs(total - true).max() < 1e-6


def test_each_column_is_described_whole(tmp_path: Path) -> None:
    """A row of numbers, made from the description alone."""
    model, _ = hostile_model("three")
    to_json(model, tmp_path / "it.json")
    read = json.loads((tmp_path / "it.json").read_text(encoding="utf-8"))
    table = Table.of(hostile(1, seed=5))
    made: list[float] = []
    assert model.encoder is not None
    for column in read["columns"]:
        value = table[column["name"]][0]
        if column["kind"] == "number":
            gap = np.isnan(value)
            x = column["fill"] if gap else value
            z = (x - column["center"]) / column["spread"]
            smooth = z / np.sqrt(1 + (z / read["limit"]) ** 2) if column["smooth"] else z
            made += [
                {"value": smooth, "missing": float(gap)}[output] for output in column["outputs"]
            ]
            edges = column["edges"]
            made += [
                read["rise"] * (min(max((x - low) / (high - low), 0), 1) - 0.5)
                for low, high in zip(edges, edges[1:], strict=False)
            ]
        elif column["kind"] == "text":
            made += [float(value == v) for v in column["values"]]
            made += [float(value is not None and value not in column["values"])] * column["other"]
            made += [float(value is None)] * column["missing"]
    row = model.encoder.transform(table, "float64")[0]
    assert np.allclose(made[: 17 * 13], row[: 17 * 13], atol=0, rtol=1e-15) and len(made) > 300
