"""The reference against PyTorch's autograd and torch.optim, step for step; and the contract."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from chainrule import Layer, Network, Plan, engines
from chainrule.arrays import DType
from chainrule.chance import keep_mask, key, permutation
from chainrule.engines import choose
from chainrule.engines.engine import Engine, State
from chainrule.engines.numpy_engine import NumpyEngine
from chainrule.engines.stepwise import masks, order, rates
from chainrule.engines.torch_engine import TorchEngine
from chainrule.errors import (
    ChainruleError,
    DivergenceError,
    EngineError,
    InvalidValue,
    MissingExtra,
    ShapeError,
    UnknownName,
)
from chainrule.gradients import backprop
from chainrule.losses import LOSSES, targets
from chainrule.optimizers import (
    LBFGS,
    OPTIMIZERS,
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
    Rule,
)

BOTH: list[type[Any]] = [NumpyEngine, TorchEngine]
EVERY_OPTION: list[Optimizer] = [
    SGD(0.05),
    SGD(0.02, momentum=0.9, dampening=0.2, weight_decay=0.01),
    SGD(0.02, momentum=0.9, nesterov=True),
    SGD(0.02, momentum=0.9, of_steps=True),
    Momentum(0.1, eta=0.2),
    Adagrad(0.05, 0.01, 0.1, weight_decay=0.01),
    RMSprop(0.002),
    RMSprop(0.002, momentum=0.5, centered=True, weight_decay=0.01),
    Adam(0.005, weight_decay=0.01),
    AdamW(0.005, weight_decay=0.1),
    Adagrad(0.05, epsilon=0),
    Adadelta(0.5, weight_decay=0.01),
    Adam(0.005, amsgrad=True),
    Adam(0.005, epsilon=1e-3, epsilon_hat=True),
    AdamW(0.005, weight_decay=0.1, amsgrad=True),
    NAdam(0.005, weight_decay=0.01),
    NAdam(0.005, weight_decay=0.1, decoupled=True),
    Lion(0.001, weight_decay=0.1),
    Backtracking(0.5, all_rows=False),
    Backtracking(0.5, 0.1, 0.9, restart=False, all_rows=False),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch's threads cost more than they bring for networks as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(
    loss: str = "squared_error", dtype: DType = "float64", rows: int = 53, **settings: Any
) -> tuple[Plan, Network, np.ndarray, np.ndarray, np.ndarray]:
    """A plan for 4-8-6-k, its network, and rows that leave a last batch of 3."""
    rng = np.random.default_rng(4)
    k = 1 if loss == "binary_cross_entropy" else 3
    network = Network.of_sizes(
        [4, 8, 6, k],
        settings.pop("activation", ["tanh", "silu"]),
        settings.pop("output", LOSSES[loss].link or "identity"),
        dtype=dtype,
    )
    plan = Plan.of(network, loss, **{"batch_size": 10, "seed": 6, **settings})
    X = rng.normal(size=(rows, 4)).astype(dtype)
    y = {
        "binary_cross_entropy": X[:, 0] * X[:, 1] > 0,
        "cross_entropy": np.argmax(X[:, :3], axis=1),
        "poisson": rng.poisson(np.exp(X[:, :3])),
    }.get(loss, np.tanh(X[:, :3] + X[:, 1:]))
    t = targets(y, loss, k, dtype)
    return plan, network, X, t, rng.uniform(0.1, 2, rows).astype(dtype)


def distance(one: State, other: State) -> float:
    """The largest difference of any array, relative to the array's largest entry."""
    assert one.step == other.step and list(one.moments) == list(other.moments)
    lists = [(one.parameters, other.parameters)]
    lists += [(one.moments[slot], other.moments[slot]) for slot in one.moments]
    worst = 0.0
    for left, right in lists:
        for pair, twin in zip(left, right, strict=True):
            for a, b in zip(pair, twin, strict=True):
                assert a.dtype == b.dtype and a.shape == b.shape
                worst = max(worst, float(abs(a - b).max() / max(abs(b).max(), 1e-3)))
    return worst


def same(one: State, other: State) -> bool:
    return distance(one, other) == 0


def run(engine: Engine, epochs: int, rate: float) -> None:
    for epoch in range(epochs):
        engine.epoch(epoch, rate)


def side_by_side(
    case: tuple[Plan, Network, np.ndarray, np.ndarray, np.ndarray],
    tolerance: float,
    epochs: int,
    weighted: bool = False,
) -> None:
    plan, network, X, t, w = case
    ours, theirs = (
        kind(plan, network, X, t, w if weighted else None) for kind in (NumpyEngine, TorchEngine)
    )
    alpha = plan.optimizer.learning_rate
    for epoch in range(epochs):
        loss = ours.epoch(epoch, alpha)
        assert loss == pytest.approx(theirs.epoch(epoch, alpha), rel=tolerance)
        assert distance(ours.state(), theirs.state()) < tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("optimizer", EVERY_OPTION, ids=repr)
def test_300_steps_are_pytorchs(optimizer: Optimizer, dtype: DType, tolerance: float) -> None:
    """Parameters and moments, 50 epochs of 6 batches, the last of 3 rows, with weights."""
    case = draw("cross_entropy", dtype, optimizer=optimizer)
    side_by_side(case, tolerance, epochs=50, weighted=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dropout", [0.0, (0.3, 0.5)])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_with_dropout_and_weights(loss: str, dropout: Any, weighted: bool) -> None:
    case = draw(loss, optimizer=SGD(0.05, momentum=0.5), dropout=dropout)
    side_by_side(case, 1e-10, epochs=8, weighted=weighted)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_is_what_autograd_says_of_the_loss_with_it(weighted: bool) -> None:
    plan, network, X, t, w = draw(optimizer=SGD(0.1), batch_size=53, penalty=0.7, shuffle=False)
    engine = NumpyEngine(plan, network, X, t, w if weighted else None)
    loss = engine.epoch(0, 0.1)
    layers = [(torch.tensor(a.W, requires_grad=True), torch.tensor(a.b, requires_grad=True)) for a in network.layers]  # fmt: skip
    z = torch.tensor(X)
    for (W, b), phi in zip(
        layers, (torch.tanh, torch.nn.functional.silu, lambda u: u), strict=True
    ):
        z = phi(z @ W + b)
    weights = torch.tensor(w) if weighted else torch.ones(53, dtype=torch.float64)
    ell = ((z - torch.tensor(t)) ** 2).mean(dim=1)
    squares = sum((W**2).sum() for W, _ in layers)
    L = ((weights * ell).sum() + 0.35 * squares) / weights.sum()
    L.backward()
    assert loss == pytest.approx(float(L.detach()), rel=1e-12)
    for (W, b), (W_after, b_after) in zip(layers, engine.state().parameters, strict=True):
        assert abs(W.detach() - 0.1 * W.grad - torch.tensor(W_after)).max() < 1e-12
        assert abs(b.detach() - 0.1 * b.grad - torch.tensor(b_after)).max() < 1e-12


def test_groups_are_pytorchs_parameter_groups() -> None:
    """AdamW with the rates of groups, the scales a layer of their own, differentiated by autograd."""
    groups = Groups(weights=(0.5, 2.0, 1.5), biases=0.1, bias_decay=False, scales=6.0)
    plan, network, X, t, _ = draw(
        optimizer=AdamW(0.01, weight_decay=0.3), groups=groups, batch_size=53, shuffle=False
    )
    engine = NumpyEngine(plan, network, X, t)
    s = torch.ones(4, dtype=torch.float64, requires_grad=True)
    layers = [(torch.tensor(a.W, requires_grad=True), torch.tensor(a.b, requires_grad=True)) for a in network.layers]  # fmt: skip
    factors = [(s, 6.0), *((W, f) for (W, _), f in zip(layers, (0.5, 2.0, 1.5), strict=True))]
    of_weights = [{"params": [p], "lr": 0.01 * f, "weight_decay": 0.3 / f} for p, f in factors]
    of_biases = [{"params": [b], "lr": 0.001, "weight_decay": 0.0} for _, b in layers]
    optimizer = torch.optim.AdamW([*of_weights, *of_biases])
    for epoch in range(30):
        optimizer.zero_grad()
        z = torch.tensor(X) * s
        for (W, b), phi in zip(layers, (torch.tanh, torch.nn.functional.silu, lambda u: u), strict=True):  # fmt: skip
            z = phi(z @ W + b)
        L = ((z - torch.tensor(t)) ** 2).mean()
        L.backward()
        optimizer.step()
        assert engine.epoch(epoch, 0.01) == pytest.approx(float(L.detach()), rel=1e-9)
    scaling, parameters = engine.state().scaling, engine.state().parameters
    assert scaling is not None
    assert abs(scaling.s - s.detach().numpy()).max() < 1e-9
    assert abs(parameters[0][0] - (s[:, None] * layers[0][0]).detach().numpy()).max() < 1e-9
    for (_, b), (_, own) in zip(layers, parameters, strict=True):
        assert abs(own - b.detach().numpy()).max() < 1e-9


@pytest.mark.parametrize("kind", BOTH)
def test_a_state_with_scales_goes_on_as_if_nothing_had_happened(kind: type[Any]) -> None:
    case = draw(optimizer=Adam(0.01), groups=Groups(scales=6.0))[:4]
    whole, first, second = (kind(*case) for _ in range(3))
    run(whole, 6, 0.01)
    run(first, 3, 0.01)
    second.load(first.state())
    for epoch in range(3, 6):
        second.epoch(epoch, 0.01)
    assert same(whole.state(), second.state())
    assert (whole.state().scaling.s == second.state().scaling.s).all()


def test_a_penalty_does_not_count_in_what_is_evaluated() -> None:
    plain, penalised = (
        NumpyEngine(*draw(penalty=penalty, optimizer=SGD(0.1))[:4]) for penalty in (0.0, 3.0)
    )
    X, t = plain.X, plain.t
    assert plain.evaluate(X, t) == penalised.evaluate(X, t)
    assert plain.epoch(0, 0.0) < penalised.epoch(0, 0.0)


@pytest.mark.parametrize("output", ["identity", "logistic", "tanh", "softplus", "softmax", "elu"])
@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "selu", "gelu", "mish", "softmax"])
def test_activations_inside_and_at_the_output(hidden: str, output: str) -> None:
    case = draw(activation=hidden, output=output, optimizer=SGD(0.1))
    side_by_side(case, 1e-10, epochs=4)


@pytest.mark.parametrize("batch_size", [1, 7, 53, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_of_any_size(batch_size: int, shuffle: bool) -> None:
    case = draw(optimizer="adam", batch_size=batch_size, shuffle=shuffle)
    side_by_side(case, 1e-10, epochs=3)


def test_a_loop_written_by_hand_in_pytorch() -> None:
    """nn.Sequential, BCEWithLogitsLoss and torch.optim.Adam, as the lecture writes it."""
    plan, network, X, t, _ = draw("binary_cross_entropy", optimizer=Adam(0.01), activation="relu")
    modules: list[torch.nn.Module] = []
    for layer in network.layers:
        linear = torch.nn.Linear(layer.inputs, layer.outputs, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.W.T))
            linear.bias.copy_(torch.tensor(layer.b))
        modules += [linear, torch.nn.ReLU()]
    net = torch.nn.Sequential(*modules[:-1])
    optimizer, loss_fn = torch.optim.Adam(net.parameters(), lr=0.01), torch.nn.BCEWithLogitsLoss()
    engine = NumpyEngine(plan, network, X, t)
    for epoch in range(50):
        rows, total = permutation(53, key(6, 1, epoch)), 0.0
        for start in range(0, 53, 10):
            batch = rows[start : start + 10]
            loss = loss_fn(net(torch.tensor(X[batch])), torch.tensor(t[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += len(batch) * loss.item()
        assert engine.epoch(epoch, 0.01) == pytest.approx(total / 53, rel=1e-11)
    expected = [p.detach().numpy() for p in net.parameters()]
    for i, (W, b) in enumerate(engine.state().parameters):
        np.testing.assert_allclose(W, expected[2 * i].T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b, expected[2 * i + 1], rtol=1e-9, atol=1e-12)


def test_an_epoch_takes_each_row_once() -> None:
    plan = draw()[0]
    assert np.array_equal(np.sort(order(plan, 53, 2)), np.arange(53))
    assert np.array_equal(order(plan, 53, 2), permutation(53, key(6, 1, 2)))
    assert not np.array_equal(order(plan, 53, 2), order(plan, 53, 3))
    assert np.array_equal(order(draw(shuffle=False)[0], 53, 2), np.arange(53))


def test_dropout_masks_are_keyed_by_epoch_step_and_layer() -> None:
    plan = draw(dropout=(0.25, 0.0))[0]
    first, none = masks(plan, 3, 2, 10)
    assert first is not None and none is None
    assert first.shape == (10, 8) and set(np.unique(first)) == {0.0, 1 / 0.75}
    assert np.array_equal(first > 0, keep_mask(10, 8, 0.25, key(6, 3, 3, 2, 0)))
    both = masks(draw(dropout=0.5, dtype="float32")[0], 0, 0, 10)
    assert [None if m is None else (m.shape, m.dtype.type) for m in both] == [
        ((10, 8), np.float32),
        ((10, 6), np.float32),
    ]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(kind: type[Engine], weighted: bool) -> None:
    """At a learning rate of 0 it is L over all rows, the short batch counting by its rows."""
    plan, network, X, t, w = draw("huber", optimizer="sgd")
    weights = w if weighted else None
    engine = kind(plan, network, X, t, weights)
    assert engine.epoch(0, 0.0) == pytest.approx(engine.evaluate(X, t, weights), rel=1e-13)


@pytest.mark.parametrize("kind", BOTH)
def test_evaluate_predict_and_gradient(kind: type[Engine]) -> None:
    plan, network, X, t, w = draw("cross_entropy", dropout=0.5)
    engine = kind(plan, network, X, t)
    loss = LOSSES["cross_entropy"]
    expected = loss.value(network.logits(X), t, w)
    assert engine.evaluate(X, t, w) == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(engine.predict(X[:5]), network(X[:5]), rtol=1e-12)
    value, gradient = engine.loss_and_gradient(X, t, w)
    judged, other = backprop(network, X, t, loss, w)
    assert value == pytest.approx(judged, rel=1e-13)
    for (W, b), (V, c) in zip(gradient, other, strict=True):
        np.testing.assert_allclose(W, V, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(b, c, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("kind", BOTH)
def test_rates_change_from_step_to_step(kind: type[Engine]) -> None:
    plan, network, X, t, _ = draw(optimizer=Adam(0.01))
    constant, array = kind(plan, network, X, t), kind(plan, network, X, t)
    assert constant.epoch(0, 0.01) == array.epoch(0, np.full(6, 0.01))
    assert same(constant.state(), array.state())
    before = array.state()
    array.epoch(1, np.array([0.01, 0, 0, 0, 0, 0]))
    moved = [
        np.abs(W - V).max()
        for (W, _), (V, _) in zip(array.state().parameters, before.parameters, strict=True)
    ]
    assert 0 < max(moved) < 0.02 and array.state().step == 12


def test_rates_of_another_length_are_refused() -> None:
    assert rates(0.5, 3) == [0.5, 0.5, 0.5]
    with pytest.raises(ShapeError, match=r"an epoch of 3 steps, learning rates of shape \(2,\)"):
        rates(np.zeros(2), 3)


@pytest.mark.parametrize("optimizer", EVERY_OPTION, ids=repr)
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("after", [0, 2])
def test_going_on_from_a_state_gives_the_same_bits(
    kind: type[Engine], optimizer: Optimizer, after: int
) -> None:
    plan, network, X, t, w = draw(optimizer=optimizer, dropout=0.2)
    straight, resumed = kind(plan, network, X, t, w), kind(plan, network.copy(), X, t, w)
    for epoch in range(after):
        straight.epoch(epoch, 0.01)
    resumed.epoch(9, 0.05)
    resumed.load(straight.state())
    assert same(resumed.state(), straight.state())
    for epoch in range(after, after + 2):
        assert straight.epoch(epoch, 0.01) == resumed.epoch(epoch, 0.01)
    assert same(resumed.state(), straight.state())


@pytest.mark.parametrize("optimizer", EVERY_OPTION, ids=repr)
def test_an_engine_goes_on_where_the_other_stopped(optimizer: Optimizer) -> None:
    plan, network, X, t, _ = draw(optimizer=optimizer)
    straight, other = NumpyEngine(plan, network, X, t), TorchEngine(plan, network, X, t)
    straight.epoch(0, 0.01)
    other.load(straight.state())
    straight.epoch(1, 0.01)
    other.epoch(1, 0.01)
    assert distance(other.state(), straight.state()) < 1e-12


@pytest.mark.parametrize("kind", BOTH)
def test_a_state_is_a_copy_and_the_network_stays_as_it_is(kind: type[Engine]) -> None:
    plan, network, X, t, _ = draw(optimizer="adam")
    before = network.copy()
    engine = kind(plan, network, X, t)
    engine.epoch(0, 0.01)
    kept = engine.state()
    for pairs in (kept.parameters, *kept.moments.values()):
        for W, b in pairs:
            W[:], b[:] = 7, 7
    assert all((W != 7).all() for W, _ in engine.state().parameters)
    for layer, was in zip(network.layers, before.layers, strict=True):
        assert np.array_equal(layer.W, was.W)


@pytest.mark.parametrize("kind", BOTH)
def test_rows_without_weight_are_not_there(kind: type[Engine]) -> None:
    plan, network, X, t, w = draw(batch_size=53, shuffle=False, optimizer="sgd")
    w[20:] = 0
    some = kind(plan, network, X, t, w)
    few = kind(plan, network, X[:20], t[:20], w[:20])
    assert some.epoch(0, 0.1) == pytest.approx(few.epoch(0, 0.1), rel=1e-13)
    assert distance(some.state(), few.state()) < 1e-12


@pytest.mark.parametrize("kind", BOTH)
def test_batches_without_weight_move_nothing(kind: type[Engine]) -> None:
    plan, network, X, t, w = draw(optimizer="sgd")
    engine = kind(plan, network, X, t, np.zeros_like(w))
    before = engine.state()
    assert engine.epoch(0, 0.1) == 0
    assert np.array_equal(engine.state().parameters[0][0], before.parameters[0][0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_divergence_is_found_at_the_same_step_and_leaves_finite_parameters(
    optimizer: str, dtype: DType
) -> None:
    """At these rates the squares overflow within a few steps."""
    rate = 1e20 if dtype == "float32" else 1e100
    plan, network, X, t, _ = draw(dtype=dtype, optimizer=optimizer, activation="relu")
    found = []
    for kind in BOTH:
        engine = kind(plan, network, X, t)
        with pytest.raises(DivergenceError, match="the loss is not finite at step") as caught:
            run(engine, epochs=20, rate=rate)
        found.append((caught.value.epoch, caught.value.step))
        state = engine.state()
        assert all(np.isfinite(W).all() and np.isfinite(b).all() for W, b in state.parameters)
    assert found[0] == found[1] and found[0][1] > 1


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_that_are_finite_stay_as_they_are(kind: type[Engine]) -> None:
    """e¹⁰⁰⁰ is infinite at the first step; nothing was moved."""
    network = Network([Layer([[1000.0]], [0.0], "exponential")])
    plan = Plan.of(network, "poisson", "sgd", batch_size=1, shuffle=False)
    X, t = np.array([[0.0], [1.0]]), np.ones((2, 1))
    engine = kind(plan, network, X, t)
    with pytest.raises(DivergenceError) as caught:
        engine.epoch(4, 0.5)
    assert (caught.value.epoch, caught.value.step) == (5, 2)
    assert engine.state().step == 1  # ∂L/∂b = e⁰ − 1 = 0 at the first row
    assert engine.state().parameters[0][0].tolist() == [[1000.0]]
    assert engine.predict(X)[0, 0] == 1.0


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_that_are_not_finite_go_back_to_the_start_of_the_epoch(
    kind: type[Engine],
) -> None:
    plan, network, X, t, _ = draw(optimizer=SGD(momentum=0.5), activation="relu")
    engine = kind(plan, network, X, t)
    engine.epoch(0, 0.01)
    start = engine.state()
    with pytest.raises(DivergenceError):
        engine.epoch(1, np.array([0.01, np.inf, 0.01, 0.01, 0.01, 0.01]))
    assert same(engine.state(), start)
    engine.epoch(1, 0.01)
    assert engine.state().step == 12


def test_an_interrupted_engine_stays_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, network, X, t, _ = draw(optimizer="adam")
    engine = NumpyEngine(plan, network, X, t)
    update = engine.update

    def interrupted(rule: Rule, gradient: list[np.ndarray], t: int, rate: float) -> None:
        if t == 4:
            raise KeyboardInterrupt
        update(rule, gradient, t, rate)

    monkeypatch.setattr(engine, "update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.epoch(0, 0.01)
    monkeypatch.undo()
    assert engine.state().step == 3
    assert np.isfinite(engine.epoch(1, 0.01))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X, t, w: (X[:, :3], t, w), r"data are rows \(n, 4\), got shape \(53, 3\)"),
        (lambda X, t, w: (X[:0], t[:0], None), "no rows to train on"),
        (lambda X, t, w: (X, t[:, :2], w), r"53 rows of 3 outputs, targets of shape \(53, 2\)"),
        (lambda X, t, w: (X, t[:, 0], w), r"targets of shape \(53,\)"),
        (lambda X, t, w: (X, t, w[:5]), r"53 rows, weights of shape \(5,\)"),
        (lambda X, t, w: (X.astype("float32"), t, w), "in float64, got data of float32"),
        (lambda X, t, w: (X, t, w.astype("float32")), "in float64, got data of float32"),
    ],
)
def test_data_that_are_not_the_plans_are_refused(
    kind: type[Engine], change: Any, words: str
) -> None:
    plan, network, X, t, w = draw()
    with pytest.raises(ChainruleError, match=words):
        kind(plan, network, *change(X, t, w))


def test_another_network_than_the_plans_is_refused() -> None:
    plan, _, X, t, _ = draw()
    with pytest.raises(InvalidValue, match=r"another network than Network\(4-3, identity, fl"):
        NumpyEngine(plan, Network.of_sizes([4, 3], dtype="float64"), X, t)


def test_threads_of_pytorch_are_put_back() -> None:
    plan, network, X, t, _ = draw()
    before = torch.get_num_threads()
    engine = TorchEngine(plan, network, X, t, threads=before + 1)
    engine.epoch(0, 0.01)
    assert engine.threads == before + 1 and torch.get_num_threads() == before


def test_choose_takes_what_was_asked_for() -> None:
    plan = draw()[0]
    assert choose(plan, "numpy") == (NumpyEngine, "asked for")
    assert choose(plan, "torch") == (TorchEngine, "asked for")
    with pytest.raises(UnknownName, match=r"no engine is called 'nativ'; did you mean 'native'\?"):
        choose(plan, "nativ")


def test_choose_says_what_speaks_against_the_faster_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = draw()[0]
    gone = ("chainrule.engines.not_compiled", "NativeEngine")
    monkeypatch.setitem(engines.ENGINES, "native", gone)
    chosen, reason = choose(plan)
    assert chosen is TorchEngine
    assert reason == (
        "not native: it cannot be imported (No module named 'chainrule.engines.not_compiled'); "
        "the fastest here"
    )
    with pytest.raises(EngineError, match="the native engine cannot train this: it cannot be imp"):
        choose(plan, "native")

    monkeypatch.delitem(sys.modules, "chainrule.engines.torch_engine")
    monkeypatch.setitem(sys.modules, "torch", None)
    chosen, reason = choose(plan)
    assert chosen is NumpyEngine and "not torch: PyTorch is not installed" in reason
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[torch\]'"):
        choose(plan, "torch")


def test_choose_passes_over_an_engine_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = draw()[0]
    monkeypatch.setitem(engines.ENGINES, "native", engines.ENGINES["numpy"])
    monkeypatch.setattr(NumpyEngine, "refusal", classmethod(lambda cls, plan: "not today"))
    assert choose(plan) == (TorchEngine, "not native: not today; the fastest here")
    with pytest.raises(EngineError, match="the native engine cannot train this: not today"):
        choose(plan, "native")


def test_every_optimizer_has_a_case() -> None:
    assert {optimizer.name for optimizer in [*EVERY_OPTION, LBFGS()]} == {
        optimizer.name for optimizer in OPTIMIZERS.values()
    }


@pytest.mark.parametrize("kind", BOTH)
def test_an_optimizer_that_does_not_work_by_batches_has_no_epoch(kind: type[Engine]) -> None:
    plan, network, X, t, _ = draw(optimizer="lbfgs")
    with pytest.raises(EngineError, match="lbfgs does not work batch by batch"):
        kind(plan, network, X, t).epoch(0, 1.0)


@pytest.mark.parametrize("kind", BOTH)
def test_several_epochs_at_once_are_the_same_epochs(kind: type[Engine]) -> None:
    plan, network, X, t, w = draw(optimizer="adam", dropout=0.2)
    one, other = kind(plan, network, X, t, w), kind(plan, network, X, t, w)
    losses = np.empty(3)
    one.epochs(2, 0.01, losses)
    assert losses.tolist() == [other.epoch(number, 0.01) for number in (2, 3, 4)]
    assert same(one.state(), other.state())


@pytest.mark.parametrize("kind", BOTH)
def test_the_losses_of_an_epochs_steps(kind: type[Engine]) -> None:
    plan, network, X, t, _ = draw(optimizer=SGD(0.1), shuffle=False)
    engine = kind(plan, network, X, t)
    losses = np.empty(6)
    mean = engine.epoch(0, np.full(6, 1e-12), losses)
    by_hand = [engine.evaluate(X[i : i + 10], t[i : i + 10]) for i in range(0, 53, 10)]
    assert losses.tolist() == pytest.approx(by_hand, rel=1e-9)
    assert mean == pytest.approx(np.average(losses, weights=[10] * 5 + [3]), rel=1e-12)


class Watched(NumpyEngine):
    """Notes where each step began and ended, and the rows that it saw."""

    def __init__(self, *case: Any) -> None:
        super().__init__(*case)
        self.steps: list[tuple[np.ndarray, list[np.ndarray], list[np.ndarray], float]] = []

    def _make_step(self, rows: np.ndarray, *rest: Any) -> None:
        before = [theta.copy() for theta in self.theta]
        super()._make_step(rows, *rest)
        self.steps.append((rows, before, [theta.copy() for theta in self.theta], self.accepted))


def torch_loss(theta: list[torch.Tensor], X: np.ndarray, t: np.ndarray) -> torch.Tensor:
    """Of the 4-8-6-3 network with tanh, silu and the squared error, written out."""
    W3, b3, W2, b2, W1, b1 = theta
    z = torch.nn.functional.silu(torch.tanh(torch.tensor(X) @ W3 + b3) @ W2 + b2) @ W1 + b1
    return ((z - torch.tensor(t)) ** 2).mean()


@pytest.mark.parametrize(
    "search",
    [
        Backtracking(20.0, 0.3, all_rows=False),
        Backtracking(20.0, 0.1, 0.9, restart=False, all_rows=False),
        Backtracking(20.0),
    ],
    ids=["mini-batches, from the top", "mini-batches, growing", "all rows"],
)
def test_every_accepted_step_meets_armijos_condition(search: Backtracking) -> None:
    """Judged by PyTorch's autograd on the step's own rows, with η read off the step."""
    plan, network, X, t, _ = draw(optimizer=search, batch_size=53 if search.all_rows else 10)
    engine = Watched(plan, network, X, t)
    run(engine, 4, 20.0)
    etas = set()
    for rows, before, after, eta in engine.steps:
        theta = [torch.tensor(array, requires_grad=True) for array in before]
        gradient = torch.autograd.grad(torch_loss(theta, X[rows], t[rows]), theta)
        value = torch_loss([torch.tensor(array) for array in before], X[rows], t[rows])
        for start, end, g in zip(before, after, gradient, strict=True):
            np.testing.assert_allclose(start - end, eta * g.numpy(), rtol=1e-6, atol=1e-12)
        norm = sum(float((g**2).sum()) for g in gradient)
        reached = torch_loss([torch.tensor(array) for array in after], X[rows], t[rows])
        assert float(reached) <= float(value) - search.decrease * eta * norm + 1e-14
        beyond = [
            torch.tensor(s) - eta / search.shrink * g for s, g in zip(before, gradient, strict=True)
        ]
        if eta < 20.0 and search.restart:  # the one before it was refused
            refused = float(torch_loss(beyond, X[rows], t[rows]))
            assert refused > float(value) - search.decrease * eta / search.shrink * norm
        etas.add(eta)
    assert len(engine.steps) == (4 if search.all_rows else 24) and len(etas) > 1


def test_a_search_along_an_infinite_gradient_stays_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, network, X, t, _ = draw(optimizer="backtracking", batch_size=53)
    engine = NumpyEngine(plan, network, X, t)
    before = engine.state()
    infinite = [np.full_like(theta, np.inf) for theta in engine.theta]
    monkeypatch.setattr(engine, "differentiate", lambda rows, masks: (1.0, infinite))
    assert engine.epoch(0, 1.0) == 1.0
    after = engine.state()
    after.step = before.step
    assert same(after, before) and engine.accepted == 0


def test_a_search_on_mini_batches_begins_a_little_above_the_last_step() -> None:
    search = Backtracking(20.0, 0.1, 0.9, restart=False, all_rows=False)
    plan, network, X, t, _ = draw(optimizer=search)
    engine = Watched(plan, network, X, t)
    run(engine, 4, 20.0)
    etas = [eta for *_, eta in engine.steps]
    for i in range(1, len(etas)):
        first = min(20.0, etas[i - 1] * 2 ** (len(engine.steps[i][0]) / 53))
        halvings = np.log(etas[i] / first) / np.log(0.9)
        assert halvings == pytest.approx(round(halvings), abs=1e-9) and halvings > -1e-9
