"""The compiled engine against the reference, PyTorch, and itself on other threads and instruction sets."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import chance, losses
from chainrule.activations import ACTIVATIONS
from chainrule.engines import choose, compiled
from chainrule.engines.engine import Engine, State
from chainrule.engines.native_engine import NativeEngine, predictor
from chainrule.engines.numpy_engine import NumpyEngine
from chainrule.errors import DivergenceError, EngineError, InvalidValue, ShapeError, UnknownName
from chainrule.network import Network
from chainrule.optimizers import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Backtracking,
    Groups,
    Lion,
    Momentum,
    NAdam,
    Optimizer,
    RMSprop,
)
from chainrule.plan import Plan

HIDDEN = [name for name in ACTIVATIONS if name not in ("softmax", "exponential")]
OUTPUTS = {
    "squared_error": ["identity", "tanh", "gelu", "softmax"],
    "absolute_error": ["identity"],
    "huber": ["identity"],
    "binary_cross_entropy": ["logistic", "identity"],
    "cross_entropy": ["softmax"],
    "poisson": ["exponential"],
}
RULES: list[Optimizer] = [
    SGD(0.05),
    SGD(0.05, weight_decay=0.1),
    SGD(0.02, momentum=0.9),
    SGD(0.02, momentum=0.9, dampening=0.3, weight_decay=0.01),
    SGD(0.02, momentum=0.8, nesterov=True),
    SGD(0.05, weight_decay=0.1, of_steps=True),
    SGD(0.02, momentum=0.9, dampening=0.3, of_steps=True),
    SGD(0.02, momentum=0.8, nesterov=True, of_steps=True),
    Momentum(0.05, eta=0.2),
    Adagrad(0.05, learning_rate_decay=0.01, weight_decay=0.01),
    Adagrad(0.05, initial_accumulator=0.1),
    RMSprop(0.01),
    RMSprop(0.01, centered=True, momentum=0.5, weight_decay=0.01),
    RMSprop(0.01, momentum=0.5),
    RMSprop(0.01, centered=True, epsilon=1e-3),
    Adam(0.01),
    Adam(0.01, weight_decay=0.1),
    AdamW(0.01),
    Adagrad(0.05, epsilon=0),
    Adadelta(0.5, weight_decay=0.01),
    Adam(0.01, amsgrad=True),
    Adam(0.01, epsilon=1e-3, epsilon_hat=True),
    AdamW(0.01, weight_decay=0.1, amsgrad=True),
    NAdam(0.01, weight_decay=0.1),
    NAdam(0.01, weight_decay=0.1, decoupled=True),
    Lion(0.001, weight_decay=0.1),
]
SEARCHES = [
    Backtracking(all_rows=False),
    Backtracking(0.5, decrease=0.1, shrink=0.9, restart=False, all_rows=False),
]


def set_up(
    loss: str,
    hidden: str = "relu",
    output: str | None = None,
    rule: Optimizer | None = None,
    dtype: Any = "float64",
    sizes: tuple[int, ...] = (5, 13, 9, 3),
    rows: int = 37,
    weighted: bool = False,
    **plan: Any,
) -> tuple[Plan, Network, np.ndarray, np.ndarray, np.ndarray | None]:
    rng = np.random.default_rng(0)
    k = sizes[-1]
    network = Network.of_sizes(
        sizes, activation=hidden, output=output or OUTPUTS[loss][0], seed=1, dtype=dtype
    )
    y = {
        "binary_cross_entropy": lambda: rng.integers(0, 2, (rows, k)),
        "cross_entropy": lambda: rng.integers(0, k, rows),
        "poisson": lambda: rng.integers(0, 4, (rows, k)),
    }.get(loss, lambda: rng.normal(size=(rows, k)))()
    w = rng.uniform(0.1, 2, rows).astype(dtype) if weighted else None
    X = rng.normal(size=(rows, sizes[0])).astype(dtype)
    made = Plan.of(network, loss, rule or SGD(0.05), **{"batch_size": 8, "seed": 3, **plan})
    return made, network, X, losses.targets(y, loss, k, dtype), w


def flat(state: State) -> np.ndarray:
    pairs = [*state.parameters, *itertools.chain(*state.moments.values())]
    return np.concatenate([a.ravel() for pair in pairs for a in pair])


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference relative to the largest number; GELU is exact to 1e-15, however small."""
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-5))


def trained(engine: Engine, epochs: int, rate: float = 0.05) -> list[float]:
    return [engine.epoch(e, rate) for e in range(epochs)]


def assert_parity(made: Any, epochs: int = 4, tolerance: float | None = None) -> None:
    plan, _, X, t, w = made
    ours, reference = NativeEngine(*made), NumpyEngine(*made)
    rate = plan.optimizer.learning_rate
    tolerance = tolerance or (1e-10 if plan.dtype == "float64" else 1e-3)
    assert trained(ours, epochs, rate) == pytest.approx(
        trained(reference, epochs, rate), rel=tolerance
    )
    assert distance(flat(ours.state()), flat(reference.state())) < tolerance
    assert ours.state().step == reference.state().step
    reference.load(ours.state())
    assert ours.evaluate(X, t, w) == pytest.approx(reference.evaluate(X, t, w), rel=tolerance)
    assert distance(ours.predict(X), reference.predict(X)) < tolerance
    (loss, gradient), (loss_, gradient_) = (e.loss_and_gradient(X, t, w) for e in (ours, reference))
    assert loss == pytest.approx(loss_, rel=tolerance)
    for one, other in zip(gradient, gradient_, strict=True):
        assert distance(one[0], other[0]) < tolerance
        assert distance(one[1], other[1]) < tolerance


@pytest.mark.parametrize("isa", compiled.supported())
def test_every_activation_loss_optimizer_and_type_agree_with_the_reference(
    isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(isa))
    pairs = [(loss, out) for loss, outs in OUTPUTS.items() for out in outs]
    for i, (hidden, (loss, out), rule, dtype) in enumerate(
        itertools.product(HIDDEN, pairs, RULES, ("float64", "float32"))
    ):
        # The full product for ReLU; for the rest each pair of choices, in turn.
        if hidden != "relu" and (i // 2) % 7:
            continue
        assert_parity(
            set_up(loss, hidden, out, rule, dtype, weighted=i % 3 == 0),
            epochs=2,
            tolerance=1e-10 if dtype == "float64" else 2e-3,
        )


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_agrees_with_the_reference(rule: Optimizer, weighted: bool) -> None:
    assert_parity(set_up("cross_entropy", rule=rule, weighted=weighted, penalty=0.5), epochs=3)


GROUPS = [
    Groups(weights=(0.5, 2.0, 1.5), biases=0.1),
    Groups(bias_decay=False),
    Groups(scales=6.0),
    Groups.ntk((5, 13, 9, 3), biases=0.1, bias_decay=False, scales=3.0),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("groups", GROUPS, ids=repr)
def test_groups_agree_with_the_reference(rule: Optimizer, groups: Groups) -> None:
    made = set_up("cross_entropy", "tanh", rule=rule, groups=groups, penalty=0.1, weighted=True)
    assert_parity(made, epochs=3)
    ours, reference = NativeEngine(*made), NumpyEngine(*made)
    for engine in (ours, reference):
        trained(engine, 2)
    ours.load(reference.state())  # and on from there
    for engine in (ours, reference):
        trained(engine, 2)
    assert distance(flat(ours.state()), flat(reference.state())) < 1e-10
    if groups.scales:
        one, other = ours.state().scaling, reference.state().scaling
        assert one is not None and other is not None
        assert distance(one.s, other.s) < 1e-10 and distance(one.V, other.V) < 1e-10
        assert all(distance(one.moments[m], other.moments[m]) < 1e-10 for m in rule.slots)
        assert abs(one.s - 1).max() > 1e-4
        W = ours.state().parameters[0][0]
        assert distance(one.s[:, None] * one.V, W) < 1e-12


@pytest.mark.parametrize("isa", compiled.supported())
def test_groups_give_the_same_bits_with_any_number_of_threads(
    isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(isa))
    made = set_up(
        "squared_error", rule=AdamW(0.01), dtype="float32", sizes=(21, 40, 70, 3), rows=90,
        groups=Groups.ntk((21, 40, 70, 3), biases=0.1, bias_decay=False, scales=6.0),
    )  # fmt: skip
    engines = [NativeEngine(*made, threads=threads) for threads in (1, 2, 4)]
    first, *others = [(trained(engine, 3), flat(engine.state()).tobytes()) for engine in engines]
    assert all(other == first for other in others)


@pytest.mark.parametrize("isa", compiled.supported())
def test_a_penalty_gives_the_same_bits_with_any_number_of_threads(
    isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(isa))
    made = set_up("squared_error", rule=Adam(0.01), dtype="float32", penalty=2.0, sizes=(5, 40, 70, 3), rows=90)  # fmt: skip
    engines = [NativeEngine(*made, threads=threads) for threads in (1, 2, 4)]
    first, *others = [(trained(engine, 3), flat(engine.state()).tobytes()) for engine in engines]
    assert all(other == first for other in others)


def test_velocities_of_steps_and_of_gradients_part_where_the_rate_changes() -> None:
    ways = [SGD(0.02, momentum=0.9, of_steps=of_steps) for of_steps in (False, True)]
    steady, changing = ([], [])
    for rule in ways:
        for rates, found in (((0.02, 0.02), steady), ((0.02, 0.002), changing)):
            made = set_up("squared_error", rule=rule)
            native, reference = NativeEngine(*made), NumpyEngine(*made)
            for number, rate in enumerate(rates):
                native.epoch(number, rate), reference.epoch(number, rate)
            assert distance(flat(native.state()), flat(reference.state())) < 1e-10
            found.append(
                np.concatenate([a.ravel() for pair in native.state().parameters for a in pair])
            )
    assert distance(*steady) < 1e-12
    assert distance(*changing) > 1e-4


@pytest.mark.parametrize("isa", compiled.supported())
@pytest.mark.parametrize("rule", SEARCHES, ids=repr)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_search_takes_the_steps_of_the_reference(
    isa: str, rule: Backtracking, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(isa))
    # On mini-batches, searches that begin at the top each time double rounding at every step.
    size = 37 if rule.restart else 8
    made = set_up("cross_entropy", "tanh", rule=rule, weighted=True, dropout=0.2, batch_size=size)
    ours, reference = NativeEngine(*made, threads=threads), NumpyEngine(*made)
    accepted = []
    for epoch in range(8):
        assert ours.epoch(epoch, 3.0) == pytest.approx(reference.epoch(epoch, 3.0), rel=1e-8)
        accepted.append(ours.state().accepted)
        assert accepted[-1] == pytest.approx(reference.state().accepted, rel=1e-8)
    assert distance(flat(ours.state()), flat(reference.state())) < 1e-7
    assert 0 < min(accepted) < 3.0


def test_a_search_takes_steps_in_float32_that_lower_the_loss() -> None:
    plan, network, X, t, _ = set_up(
        "binary_cross_entropy", rule=Backtracking(), dtype="float32", batch_size=37
    )
    engine = NativeEngine(plan, network, X, t)
    path = trained(engine, 30, 1.0)
    assert all(after <= before for before, after in zip(path, path[1:], strict=False))
    assert path[-1] < 0.7 * path[0]


def test_no_epoch_without_batches() -> None:
    engine = NativeEngine(*set_up("squared_error", rule=LBFGS()))
    for call in (lambda: engine.epoch(0, 1.0), lambda: engine.epochs(0, 1.0, np.empty(2))):
        with pytest.raises(EngineError, match="lbfgs does not work batch by batch"):
            call()


def test_several_epochs_at_once_are_the_same_epochs() -> None:
    made = set_up("cross_entropy", rule=Adam(0.01), dropout=0.2)
    one, other = NativeEngine(*made), NativeEngine(*made)
    losses = np.empty(3)
    one.epochs(2, 0.01, losses)
    assert losses.tolist() == [other.epoch(number, 0.01) for number in (2, 3, 4)]
    assert flat(one.state()).tobytes() == flat(other.state()).tobytes()


def test_several_epochs_end_where_one_diverges() -> None:
    made = set_up("squared_error", rule=SGD(), dtype="float32", sizes=(5, 3))
    one, other = NativeEngine(*made), NativeEngine(*made)
    losses = np.empty(200)
    with pytest.raises(DivergenceError) as caught:
        one.epochs(0, 2.0, losses)
    with pytest.raises(DivergenceError) as expected:
        trained(other, 200, 2.0)
    assert str(caught.value) == str(expected.value)
    done = caught.value.epoch - 1
    assert done > 3
    assert np.isfinite(losses[:done]).all() and np.isnan(losses[done:]).all()


def test_the_losses_of_an_epochs_steps() -> None:
    made = set_up("cross_entropy", rule=SGD(), weighted=True)
    ours, reference = NativeEngine(*made), NumpyEngine(*made)
    rates = np.linspace(0.01, 0.2, 5)
    losses, expected = np.empty(5), np.empty(5)
    ours.epoch(1, rates, losses)
    reference.epoch(1, rates, expected)
    assert losses.tolist() == pytest.approx(expected.tolist(), rel=1e-12)


@pytest.mark.parametrize("hidden", ["relu", "tanh", "gelu", "identity"])
@pytest.mark.parametrize("weighted", [False, True])
def test_dropout_draws_the_same_masks(hidden: str, weighted: bool) -> None:
    assert_parity(set_up("cross_entropy", hidden, weighted=weighted, dropout=(0.3, 0.0)))
    assert_parity(set_up("squared_error", hidden, weighted=weighted, dropout=(0.1, 0.5)))


def test_dropout_of_a_half_drops_a_half() -> None:
    made = set_up("squared_error", "identity", sizes=(1, 4000, 1), rows=1, dropout=0.5)
    plan, network, X, t, _ = made
    engine = NativeEngine(plan, network, X, t)
    engine.epoch(0, 0.01)
    moved = np.mean(engine.state().parameters[1][0] != network.layers[1].W)
    assert moved == pytest.approx(0.5, abs=0.03)


def test_rows_of_probabilities_as_targets() -> None:
    plan, network, X, _, w = set_up("cross_entropy", weighted=True)
    t = np.random.default_rng(5).dirichlet(np.ones(3), len(X))
    assert_parity((plan, network, X, t, w))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=2, max_size=5),
    rows=st.integers(1, 60),
    batch=st.integers(1, 64),
    shuffle=st.booleans(),
    threads=st.integers(1, 3),
    rule=st.sampled_from(RULES),
    hidden=st.sampled_from(HIDDEN),
)
def test_any_architecture_and_batch_size(
    sizes: list[int],
    rows: int,
    batch: int,
    shuffle: bool,
    threads: int,
    rule: Optimizer,
    hidden: str,
) -> None:
    made = set_up(
        "squared_error", hidden, "identity", rule, sizes=tuple(sizes), rows=rows,
        batch_size=batch, shuffle=shuffle,
    )  # fmt: skip
    ours, reference = NativeEngine(*made, threads=threads), NumpyEngine(*made)
    rate = min(rule.learning_rate, 0.01)
    theirs, found = (outcome(engine, rate) for engine in (reference, ours))
    assert found == pytest.approx(theirs, rel=1e-8)
    if isinstance(theirs, list):
        assert distance(flat(ours.state()), flat(reference.state())) < 1e-6


def outcome(engine: Any, rate: float) -> list[float] | tuple[int, int]:
    """The losses, or where it diverged, as a steep loss of many inputs may."""
    try:
        return trained(engine, 2, rate)
    except DivergenceError as diverged:
        return diverged.epoch, diverged.step


def torch_module(network: Network) -> torch.nn.Sequential:
    """The same network as PyTorch's modules, in float64 or float32, ending in the logit."""
    modules: list[torch.nn.Module] = []
    for layer in network.layers:
        linear = torch.nn.Linear(*layer.W.shape, dtype=getattr(torch, network.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.W.T))
            linear.bias.copy_(torch.tensor(layer.b))
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


TORCH = {
    "sgd": (SGD(0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "heavy ball": (SGD(0.02, 0.9), lambda p: torch.optim.SGD(p, 0.02, momentum=0.9)),
    "dampened": (
        SGD(0.02, 0.9, 0.3, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, dampening=0.3, weight_decay=0.01),
    ),
    "nesterov": (
        SGD(0.02, 0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True),
    ),
    "adagrad": (
        Adagrad(0.05, 0.01, weight_decay=0.01),
        lambda p: torch.optim.Adagrad(p, 0.05, lr_decay=0.01, weight_decay=0.01),
    ),
    "rmsprop": (RMSprop(0.003), lambda p: torch.optim.RMSprop(p, 0.003)),
    "rmsprop centred": (
        RMSprop(0.003, centered=True, momentum=0.5),
        lambda p: torch.optim.RMSprop(p, 0.003, centered=True, momentum=0.5),
    ),
    "adam": (Adam(0.003), lambda p: torch.optim.Adam(p, 0.003)),
    "adamw": (AdamW(0.003), lambda p: torch.optim.AdamW(p, 0.003)),
    "adadelta": (Adadelta(), lambda p: torch.optim.Adadelta(p)),
    "amsgrad": (Adam(0.003, amsgrad=True), lambda p: torch.optim.Adam(p, 0.003, amsgrad=True)),
    "nadam": (NAdam(0.001), lambda p: torch.optim.NAdam(p, 0.001)),
}


def with_default_dtype(function: Any, dtype: torch.dtype) -> Any:
    """NAdam keeps its product of momenta in the default type; all else has a type of its own."""

    def called(*arguments: Any) -> Any:
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            return function(*arguments)
        finally:
            torch.set_default_dtype(before)

    return called


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
def test_torch_optim_over_300_steps_on_the_same_batches(
    name: str, dtype: Any, tolerance: float
) -> None:
    rule, make = TORCH[name]
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (100, 2)).astype(dtype)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    network = Network.of_sizes([2, 20, 20, 1], output="logistic", seed=2, dtype=dtype)
    t = losses.targets(y, "binary_cross_entropy", 1, dtype)
    plan = Plan.of(network, "binary_cross_entropy", rule, batch_size=10, seed=4)
    ours = NativeEngine(plan, network, X, t)
    module = torch_module(network)
    step = make(module.parameters())
    step.step = with_default_dtype(step.step, torch.float64)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for epoch in range(30):
        ours.epoch(epoch, rule.learning_rate)
        order = chance.permutation(100, chance.key(4, chance.Stream.ORDER, epoch))
        for rows in order.reshape(10, 10):
            step.zero_grad()
            loss_of(module(torch.tensor(X[rows])), torch.tensor(t[rows])).backward()
            step.step()
    theirs = np.concatenate(
        [
            p.detach().numpy().T.ravel()
            for m in module
            if isinstance(m, torch.nn.Linear)
            for p in (m.weight, m.bias)
        ]
    )
    final = np.concatenate([a.ravel() for pair in ours.state().parameters for a in pair])
    assert ours.state().step == 300
    assert distance(final, theirs) < tolerance


WIDE = {"sizes": (33, 130, 70, 5), "rows": 300, "batch_size": 64}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "hidden"), [("cross_entropy", "relu"), ("squared_error", "gelu")])
def test_the_bits_do_not_depend_on_threads_or_instruction_set(
    dtype: Any, loss: str, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = [isa for isa in compiled.supported() if isa != "portable"] or ["portable"]
    states = {}
    for rule in (
        SGD(0.05), Adam(0.01, amsgrad=True), RMSprop(0.01, centered=True, momentum=0.5), NAdam(0.01), Lion(0.01),
        Adadelta(), SEARCHES[1],
    ):  # fmt: skip
        for isa, threads in itertools.product(fused, (1, 2, 4)):
            monkeypatch.setattr(compiled, "module", lambda isa=isa: compiled.module_for(isa))
            made = set_up(loss, hidden, rule=rule, dtype=dtype, weighted=True, dropout=0.1, **WIDE)
            engine = NativeEngine(*made, threads=threads)
            epoch_losses = trained(engine, 5, 0.01)
            assert engine.isa == isa
            assert engine.threads == threads
            states[isa, threads] = (
                flat(engine.state()).tobytes(), epoch_losses, engine.evaluate(*made[2:]),
            )  # fmt: skip
        first, *others = states.values()
        assert all(other == first for other in others)


def test_the_bits_do_not_depend_on_the_trial_of_threads() -> None:
    made = set_up("cross_entropy", **(WIDE | {"sizes": (64, 256, 256, 5), "rows": 2000}))
    alone, free = NativeEngine(*made, threads=1), NativeEngine(*made)
    assert trained(alone, 4) == trained(free, 4)
    assert flat(alone.state()).tobytes() == flat(free.state()).tobytes()


def test_a_small_network_trains_on_one_thread() -> None:
    assert NativeEngine(*set_up("squared_error")).threads == 1


def test_state_is_read_and_set_to_the_bit() -> None:
    made = set_up("cross_entropy", rule=Adam(0.01), dtype="float32", dropout=0.2)
    whole, first, second = (NativeEngine(*made) for _ in range(3))
    for epoch in range(6):
        whole.epoch(epoch, 0.01)
    for epoch in range(3):
        first.epoch(epoch, 0.01)
    second.load(first.state())
    assert flat(second.state()).tobytes() == flat(first.state()).tobytes()
    for epoch in range(3, 6):
        second.epoch(epoch, 0.01)
    assert flat(second.state()).tobytes() == flat(whole.state()).tobytes()
    assert second.state().step == whole.state().step == 30


def test_a_learning_rate_for_each_step() -> None:
    made = set_up("squared_error", rule=Adam(0.01))
    ours, reference = NativeEngine(*made), NumpyEngine(*made)
    rates = np.linspace(0.02, 0.001, 5)
    for engine in (ours, reference):
        engine.epoch(0, rates)
    assert distance(flat(ours.state()), flat(reference.state())) < 1e-12
    with pytest.raises(ValueError, match="one learning rate, or one a step"):
        ours.epoch(1, rates[:3])


def test_an_epoch_over_given_rows_is_one_over_data_in_their_order() -> None:
    plan, network, X, t, w = set_up("squared_error", rule=Adam(0.01), dtype="float32")
    plan = replace(plan, shuffle=False)
    rows = np.random.default_rng(0).integers(0, len(X), len(X) - 3)  # some twice, some never
    over = NativeEngine(plan, network, X, t, w)
    taken = [None if part is None else part[rows] for part in (X, t, w)]
    ordered = NativeEngine(plan, network, *taken)
    for epoch, rate in enumerate(
        [0.01, np.linspace(0.02, 0.001, -(-len(rows) // plan.batch_size))]
    ):
        assert over.epoch_over(rows, epoch, rate) == ordered.epoch(epoch, rate)
    assert flat(over.state()).tobytes() == flat(ordered.state()).tobytes()
    for wrong in (-1, len(X)):
        with pytest.raises(ShapeError, match="no such row"):
            over.epoch_over(np.array([0, wrong]), 0, 0.01)
    with pytest.raises(ValueError, match="at least one row"):
        over.epoch_over(np.array([], np.int64), 0, 0.01)
    few = NativeEngine(replace(plan, batch_size=10), network, X[:4], t[:4])
    with pytest.raises(ValueError, match="a batch of more rows than there are"):
        few.epoch_over(np.zeros(9, np.int64), 0, 0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 65, 100, 500, 1025])
@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_rows_come_in_the_order_of_the_reference(n: int, seed: int) -> None:
    # Plain descent on a linear unit leaves the order in the bits of its weight.
    made = set_up("squared_error", sizes=(1, 1), rows=n, batch_size=1, seed=seed)
    assert_parity(made, epochs=2, tolerance=1e-13)


def test_extreme_inputs_stay_finite_where_the_reference_does() -> None:
    u = np.array([[0.0], [-0.0], [1e-300], [-1e-8], [30], [-30], [709], [-745], [1e4], [-1e4]])
    for name in [*HIDDEN, "exponential"]:
        for dtype in ("float64", "float32"):
            network = Network.of_sizes([1, 1], output=name, dtype=dtype)
            network.layers[0].W[...] = 1
            x = u.astype(dtype)
            with np.errstate(over="ignore"):
                expected = network(x)
            np.testing.assert_allclose(
                predictor(network)(x), expected,
                rtol=4 * np.finfo(dtype).eps if name != "gelu" else 1e-6,
                atol=np.finfo(dtype).tiny if name != "gelu" else 4 * np.finfo(dtype).eps,
            )  # fmt: skip


@pytest.mark.parametrize("engine", [NativeEngine, NumpyEngine])
def test_divergence_names_the_step_and_keeps_finite_parameters(engine: type[Engine]) -> None:
    plan, network, X, t, w = set_up("squared_error", sizes=(2, 8, 8, 1), dtype="float32")
    run = engine(plan, network, X * 1e3, t, w)
    with pytest.raises(DivergenceError) as caught:
        trained(run, 20, 10.0)
    assert (caught.value.epoch, caught.value.step) == (1, 2)
    assert all(np.isfinite(a).all() for pair in run.state().parameters for a in pair)


INTERRUPTED = """
import numpy as np, signal, sys, time
from chainrule import Network, Plan, SGD, losses
from chainrule.engines.native_engine import NativeEngine
network = Network.of_sizes([64, 256, 256, 1], seed=0)
X = np.random.default_rng(0).normal(size=(400_000, 64)).astype("float32")
t = losses.targets(X[:, 0], "squared_error", 1, "float32")
engine = NativeEngine(Plan.of(network, "squared_error", SGD(0.001), batch_size=64), network, X, t)
print("ready", flush=True)
try:
    while True:
        engine.epoch(0, 0.001)
except KeyboardInterrupt:
    moved = np.abs(engine.state().parameters[0][0] - network.layers[0].W).max()
    finite = np.isfinite(engine.predict(X[:10])).all()
    print("stopped", engine.state().step > 0, moved > 0, finite, flush=True)
"""


def test_ctrl_c_is_answered_within_an_epoch_and_leaves_a_usable_engine() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped True True True\n"


def test_the_interpreter_runs_on_during_an_epoch() -> None:
    made = set_up("squared_error", sizes=(64, 256, 256, 1), rows=20_000, batch_size=64)
    engine = NativeEngine(*made, threads=1)
    done = threading.Event()
    beats = 0

    def train() -> None:
        engine.epoch(0, 0.001)
        done.set()

    thread = threading.Thread(target=train)
    thread.start()
    while not done.wait(0.001):
        beats += 1
    thread.join()
    assert beats > 20


def test_the_data_are_held_not_copied() -> None:
    plan, network, X, t, _ = set_up("squared_error", rows=8, batch_size=8)
    engine = NativeEngine(plan, network, X, t)
    first = engine.epoch(0, 0.0)
    X *= 2
    reference = NumpyEngine(plan, network, X, t)
    assert engine.epoch(1, 0.0) == pytest.approx(reference.epoch(1, 0.0), rel=1e-12)
    assert first != pytest.approx(reference.epoch(2, 0.0), rel=1e-3)


class TestPredictor:
    def test_rows_of_any_kind(self) -> None:
        network = Network.of_sizes([4, 30, 3], output="softmax", seed=1)
        predict = predictor(network)
        X = np.random.default_rng(0).normal(size=(500, 4))
        expected = network(X.astype("float32"))
        for rows in (X, X.astype("float32"), np.asfortranarray(X), X.tolist()):
            np.testing.assert_allclose(predict(rows), expected, rtol=2e-5, atol=1e-6)
        assert predict(X[0]).shape == (3,)
        np.testing.assert_allclose(predict(X[0]), expected[0], rtol=2e-5, atol=1e-6)
        assert predict(X[:0]).shape == (0, 3)

    def test_threads_do_not_change_the_bits(self) -> None:
        network = Network.of_sizes([64, 128, 128, 2], activation="tanh", seed=1)
        X = np.random.default_rng(0).normal(size=(5000, 64)).astype("float32")
        alone, team = predictor(network, 1)(X), predictor(network, 4)(X)
        assert alone.tobytes() == team.tobytes()
        np.testing.assert_allclose(predictor(network)(X[:1]), alone[:1], rtol=0)

    def test_it_keeps_its_own_parameters(self) -> None:
        network = Network.of_sizes([2, 1])
        predict = predictor(network)
        before = predict([[1.0, 2.0]])
        network.layers[0].W[...] = 0
        assert predict([[1.0, 2.0]]) == before

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="rows of 2 numbers, got 3"):
            predictor(Network.of_sizes([2, 1]))([[1.0, 2.0, 3.0]])
        with pytest.raises(InvalidValue, match="threads is 1 or more, got 0"):
            predictor(Network.of_sizes([2, 1]), threads=0)
        with pytest.raises(InvalidValue, match="softmax is there for the output layer only"):
            predictor(Network.of_sizes([2, 3, 1], activation="softmax"))


def test_hidden_softmax_goes_to_another_engine() -> None:
    network = Network.of_sizes([2, 3, 1], activation="softmax")
    plan = Plan.of(network, "squared_error")
    chosen, reason = choose(plan)
    assert chosen.__name__ == "TorchEngine"
    assert "not native: softmax is there for the output layer only" in reason
    with pytest.raises(EngineError, match="the native engine cannot train this: softmax"):
        choose(plan, "native")


def test_wrong_data_are_refused() -> None:
    plan, network, X, t, _ = set_up("cross_entropy")
    with pytest.raises(ShapeError):
        NativeEngine(plan, network, X[:, :2], t)
    with pytest.raises(ValueError, match="a class number lies outside"):
        NativeEngine(plan, network, X, t + 3)
    engine = NativeEngine(plan, network, X, t)
    with pytest.raises(ValueError, match="rows of 5 numbers, got 2"):
        engine.evaluate(np.ascontiguousarray(X[:, :2]), t)
    with pytest.raises(ShapeError):
        engine.predict(X[:, :2])


def test_the_instruction_set_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.supported()[-1] == "portable"
    compiled.module.cache_clear()
    monkeypatch.setenv("CHAINRULE_ISA", "portable")
    assert compiled.module().isa == "portable"
    compiled.module.cache_clear()
    monkeypatch.setenv("CHAINRULE_ISA", "avx3")
    with pytest.raises(UnknownName, match="avx3"):
        compiled.module()
    compiled.module.cache_clear()
    monkeypatch.setattr(compiled, "supported", lambda: ("portable",))
    monkeypatch.setenv("CHAINRULE_ISA", "avx2")
    with pytest.raises(EngineError, match="CHAINRULE_ISA asks for avx2; this machine has portable"):
        compiled.module()
    compiled.module.cache_clear()
