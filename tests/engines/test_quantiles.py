"""The loss of quantiles in every engine: parity with the reference, and the same bits over threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import losses
from chainrule.engines import compiled
from chainrule.engines.engine import Engine, State
from chainrule.engines.native_engine import NativeEngine
from chainrule.engines.numpy_engine import NumpyEngine
from chainrule.engines.torch_engine import TorchEngine
from chainrule.network import Network
from chainrule.optimizers import LBFGS, SGD, Adam, AdamW, Optimizer
from chainrule.plan import Plan
from chainrule.storage import Model, load, save
from chainrule.training import train

LEVELS: dict[int, list[float]] = {1: [0.3], 3: [0.05, 0.5, 0.95], 19: np.linspace(0.05, 0.95, 19).tolist()}  # fmt: skip
TOLERANCE = {"float64": 1e-10, "float32": 2e-3}


def set_up(
    k: int = 3, dtype: Any = "float64", weighted: bool = False, rule: Optimizer | None = None,
    output: str = "identity", rows: int = 37, **settings: Any,
) -> tuple[Plan, Network, np.ndarray, np.ndarray, np.ndarray | None]:  # fmt: skip
    rng = np.random.default_rng(0)
    network = Network.of_sizes([5, 13, 9, k], output=output, seed=1, dtype=dtype)
    name = losses.quantile(LEVELS[k]).name
    plan = Plan.of(network, name, rule or SGD(0.05), **{"batch_size": 8, "seed": 3, **settings})
    X, y = rng.normal(size=(rows, 5)).astype(dtype), rng.normal(size=rows)
    w = rng.uniform(0.1, 2, rows).astype(dtype) if weighted else None
    return plan, network, X, losses.targets(y, name, k, dtype), w


def flat(state: State) -> np.ndarray:
    return np.concatenate([a.ravel() for pair in state.parameters for a in pair])


def assert_parity(made: Any, ours: Engine) -> None:
    plan, _, X, t, w = made
    reference, tolerance = NumpyEngine(*made), TOLERANCE[plan.dtype]
    for epoch in range(4):
        assert ours.epoch(epoch, 0.05) == pytest.approx(reference.epoch(epoch, 0.05), rel=tolerance)
    assert flat(ours.state()) == pytest.approx(flat(reference.state()), rel=0, abs=tolerance)
    reference.load(ours.state())
    assert ours.evaluate(X, t, w) == pytest.approx(reference.evaluate(X, t, w), rel=tolerance)
    (loss, gradient), (loss_, gradient_) = (e.loss_and_gradient(X, t, w) for e in (ours, reference))
    assert loss == pytest.approx(loss_, rel=tolerance)
    for pair, other in zip(gradient, gradient_, strict=True):
        assert pair[0] == pytest.approx(other[0], rel=0, abs=tolerance)
        assert pair[1] == pytest.approx(other[1], rel=0, abs=tolerance)


CASES = pytest.mark.parametrize(
    "settings",
    [
        {"k": 1},
        {"k": 3, "weighted": True, "dropout": 0.2},
        {"k": 3, "rule": Adam(0.01), "penalty": 0.3, "output": "softplus"},
        {"k": 19, "rule": AdamW(0.01), "weighted": True},
        {"k": 19, "rows": 200, "batch_size": 64},
    ],
    ids=str,
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("isa", compiled.supported())
@CASES
def test_the_compiled_engine_agrees_with_the_reference(
    isa: str, dtype: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(isa))
    made = set_up(dtype=dtype, **settings)
    assert_parity(made, NativeEngine(*made))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@CASES
def test_pytorch_agrees_with_the_reference(dtype: str, settings: dict[str, Any]) -> None:
    made = set_up(dtype=dtype, **settings)
    assert_parity(made, TorchEngine(*made))


@pytest.mark.parametrize("engine", [NativeEngine, TorchEngine])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_slope_where_a_target_is_met_is_the_references(engine: Any, dtype: str) -> None:
    plan, network, X, _, _ = set_up(dtype=dtype)
    for layer in network.layers:
        layer.W[...] = layer.b[...] = 0
    t = np.zeros((len(X), 3), dtype)
    made = (plan, network, X, t)
    (_, ours), (_, reference) = (e(*made).loss_and_gradient(X, t) for e in (engine, NumpyEngine))
    assert ours[-1][1] == pytest.approx(reference[-1][1], abs=1e-7)
    assert ours[-1][1] == pytest.approx([0.15, 0, -0.15], abs=1e-6)  # (½ − τ) / 3


@pytest.mark.parametrize("isa", compiled.supported())
def test_the_bits_are_the_same_with_any_number_of_threads(
    isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(isa))
    made = set_up(19, "float32", True, Adam(0.01), rows=300, batch_size=90)
    found = []
    for threads in (1, 2, 4):
        engine = NativeEngine(*made, threads=threads)
        found.append(([engine.epoch(e, 0.01) for e in range(3)], flat(engine.state()).tobytes()))
    assert found[1] == found[0] == found[2]


def test_every_output_learns_its_quantile() -> None:
    rng = np.random.default_rng(0)
    y = rng.exponential(size=4000)
    network = Network.of_sizes([1, 3], dtype="float64")
    train(
        network,
        np.zeros((4000, 1)),
        y,
        loss="quantile:0.1,0.5,0.9",
        optimizer=LBFGS(),
        engine="native",
        epochs=100,
    )
    found = network(np.zeros((1, 1)))[0]
    assert found == pytest.approx(np.quantile(y, [0.1, 0.5, 0.9]), abs=0.02)


def test_a_model_file_keeps_the_levels(tmp_path: Any) -> None:
    plan, network, X, _, _ = set_up()
    save(Model(network, plan), tmp_path / "quantiles.safetensors")
    model = load(tmp_path / "quantiles.safetensors")
    assert model.plan == plan and model.plan.loss == "quantile:0.05,0.5,0.95"
    assert model.task == "regression"
    assert model.predict_quantiles(X) == pytest.approx(np.sort(network(X)), rel=1e-12)
    assert model.predict(X) == pytest.approx(np.sort(network(X))[:, 1], rel=1e-12)
