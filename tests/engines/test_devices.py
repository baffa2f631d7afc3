"""The torch engine's devices and precisions, and what it draws and remembers on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from chainrule import Adam, Network, chance, train
from chainrule.engines import choose_on
from chainrule.engines.numpy_engine import NumpyEngine
from chainrule.engines.torch_device import PRECISIONS, device_named, keep_mask
from chainrule.engines.torch_engine import TorchEngine
from chainrule.errors import DivergenceError, EngineError, UnknownName
from chainrule.losses import targets
from chainrule.plan import Plan

GPU = torch.cuda.is_available()
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not GPU, reason="no GPU")])


def small(dtype: Any = "float32", **options: Any) -> tuple[Plan, Network, Any, Any]:
    network = Network.of_sizes([4, 16, 12, 3], output="softmax", seed=0, dtype=dtype)
    plan = Plan.of(
        network, "cross_entropy", **{"optimizer": Adam(0.01), "batch_size": 16, **options}
    )
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)).astype(dtype)
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    return plan, network, X, targets(y, "cross_entropy", 3, dtype)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_is_drawn_as_on_every_engine(device: str, p: float) -> None:
    for key in (0, 7, 2**64 - 1, chance.key(5, 3, 2, 1)):
        expected = chance.keep_mask(40, 33, p, key)
        assert (keep_mask(40, 33, p, key, torch.device(device)).cpu().numpy() == expected).all()


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("optimizer", ["sgd", "heavy-ball", "adagrad", "rmsprop", "adam", "adamw", "nadam", "adadelta"])  # fmt: skip
def test_a_device_trains_as_the_reference(device: str, optimizer: str) -> None:
    """Also with a short last batch, dropout and weights of rows."""
    made = small("float64", optimizer=optimizer, dropout=0.3)
    w = np.random.default_rng(1).uniform(0, 2, len(made[2]))
    theirs, ours = NumpyEngine(*made, w), TorchEngine(*made, w, device=device)
    for epoch in range(4):
        assert ours.epoch(epoch, 0.01) == pytest.approx(theirs.epoch(epoch, 0.01), rel=1e-9)
    assert ours.evaluate(made[2], made[3]) == pytest.approx(theirs.evaluate(made[2], made[3]))
    assert np.allclose(ours.predict(made[2]), theirs.predict(made[2]), rtol=1e-8)
    fresh = TorchEngine(*made, w, device=device)
    fresh.load(ours.state())
    assert fresh.epoch(4, 0.01) == pytest.approx(theirs.epoch(4, 0.01), rel=1e-9)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_loss_that_is_not_finite_is_found_after_the_epoch_and_undone(
    device: str, optimizer: str
) -> None:
    """The rows of one batch are spoilt: what was learned before it stays, and nothing after it."""
    plan, network, X, t = small("float64", optimizer=optimizer, shuffle=False)
    spoilt = X.copy()
    spoilt[50] = np.inf  # the 4th batch of 16
    theirs = NumpyEngine(plan, network, spoilt, t)
    ours = TorchEngine(plan, network, spoilt, t, device=device)
    for engine in (theirs, ours):
        with np.errstate(all="ignore"), pytest.raises(DivergenceError) as diverged:
            engine.epoch(0, 0.01)
        assert (diverged.value.epoch, diverged.value.step) == (1, 4)
    expected, found = theirs.state(), ours.state()
    assert expected.step == found.step == 3
    for (W, b), (V, c) in zip(expected.parameters, found.parameters, strict=True):
        assert np.allclose(W, V, rtol=1e-10)
        assert np.allclose(b, c, rtol=1e-10)
    for slot, pairs in expected.moments.items():
        for (m, _), (n, _) in zip(pairs, found.moments[slot], strict=True):
            assert np.allclose(m, n, rtol=1e-9)


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_bfloat16_learns_nearly_as_well(device: str) -> None:
    """Products of 8 bits leave another trajectory, whose losses differ by less than a hundredth."""
    plan, network, X, t = small()
    losses = {}
    for precision in ("float32", "bfloat16"):
        engine = TorchEngine(plan, network, X, t, device=device, precision=precision)
        for epoch in range(60):
            engine.epoch(epoch, 0.01)
        losses[precision] = engine.evaluate(X, t)
    assert losses["float32"] < 0.15
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.01)
    assert losses["bfloat16"] != losses["float32"]


@pytest.mark.gpu
@pytest.mark.skipif(not GPU, reason="no GPU")
def test_tf32_on_a_gpu_and_the_setting_is_left_as_it_was() -> None:
    plan, network, X, t = small()
    before = torch.get_float32_matmul_precision()
    engine = TorchEngine(plan, network, X, t, device="cuda", precision="tf32")
    assert engine.epoch(0, 0.01) == pytest.approx(
        NumpyEngine(plan, network, X, t).epoch(0, 0.01), rel=1e-2
    )
    assert torch.get_float32_matmul_precision() == before
    assert engine.isa == "cuda"


def test_what_is_not_there_is_said() -> None:
    plan, network, X, t = small()
    double = small("float64")
    with pytest.raises(UnknownName, match="no device is called 'gpu'"):
        device_named("gpu")
    with pytest.raises(EngineError, match="PyTorch finds no device 'cuda:99'"):
        device_named("cuda:99")
    assert device_named("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(UnknownName, match="no precision is called 'half'"):
        TorchEngine(plan, network, X, t, precision="half")
    with pytest.raises(EngineError, match="tf32 is a mode of NVIDIA's GPUs, and the device is cpu"):
        TorchEngine(plan, network, X, t, precision="tf32")
    with pytest.raises(EngineError, match="bfloat16 shortens float32, and the network is float64"):
        TorchEngine(*double, precision="bfloat16")
    assert set(PRECISIONS) == {"float32", "tf32", "bfloat16"}


def test_who_is_asked_for_a_device_or_a_precision() -> None:
    plan, network, X, t = small()
    made, why = choose_on(plan, "auto", "auto", "bfloat16")
    assert why == "precision bfloat16 was asked for"
    assert (made(plan, network, X, t).name, made.keywords["precision"]) == ("torch", "bfloat16")  # type: ignore[attr-defined]
    assert choose_on(plan, "auto", "auto", "float32")[0].__name__ == "NativeEngine"
    assert choose_on(plan, "torch", "auto", "float32")[1] == "asked for"
    with pytest.raises(
        EngineError, match="the numpy engine does not have the device cuda; engine='torch' does"
    ):
        choose_on(plan, "numpy", "cuda", "float32")
    result = train(network, X, t[:, 0], epochs=2, precision="bfloat16")
    assert (result.engine, result.engine_reason) == ("torch", why)


def test_what_pytorch_has_no_optimizer_for_stays_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, network, X, t = small(optimizer="lion")
    assert TorchEngine(plan, network, X, t).epoch(0, 0.01) > 0
    monkeypatch.setattr(
        "chainrule.engines.torch_engine.device_named", lambda name: torch.device("meta")
    )
    with pytest.raises(EngineError, match="lion is not in PyTorch: it runs on the CPU only"):
        TorchEngine(replace(plan), network, X, t)
