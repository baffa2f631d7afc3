"""Sick networks made by hand: each number that is out of bounds is found, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import chainrule
from chainrule import Layer, Network
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.explanation.health import Health, Monitor, examine, examine_subject
from chainrule.explanation.health import examination as module
from chainrule.explanation.health import monitor as monitors
from chainrule.explanation.subject import Subject

Rows = npt.NDArray[np.float64]

rng = np.random.default_rng(7)
X = rng.uniform(-1, 1, (500, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def made(*sizes: int, hidden: str = "relu", output: str = "logistic") -> Network:
    return Network.of_sizes(sizes, hidden, output, seed=1, dtype="float64")


def said(found: Health | Monitor) -> list[tuple[int, str]]:
    return [(finding.layer, finding.kind) for finding in found.findings]


def sentence(found: Health | Monitor, kind: str) -> str:
    return next(finding.sentence for finding in found.findings if finding.kind == kind)


def counts(found: Health, field: str) -> list[Any]:
    return [getattr(layer, field) for layer in found.layers]


def with_dead_units(dead: int) -> Network:
    """2-20-1 whose first units have u = −1 on all rows, and the others u > 0 on some."""
    W, b = rng.normal(size=(2, 20)), np.zeros(20)
    W[:, :dead], b[:dead] = 0, -1
    return Network([Layer(W, b, "relu"), Layer(rng.normal(size=(20, 1)), [0.0], "logistic")])


def test_a_healthy_network_has_one_sentence() -> None:
    found = examine(made(2, 20, 40, 20, 1, hidden="tanh"), X, Y)
    assert said(found) == []
    assert found.sentences == ("The network is healthy: no number is out of bounds.",)
    assert str(found).splitlines()[-1] == found.sentences[0]
    assert counts(found, "dead") == [None] * 4


@pytest.mark.parametrize(("dead", "is_told"), [(0, False), (1, False), (2, True), (14, True)])
def test_dead_units_are_counted_exactly(dead: int, is_told: bool) -> None:
    found = examine(with_dead_units(dead), X, Y)
    assert counts(found, "dead") == [dead, None]
    assert counts(found, "constant") == [0, 0]  # a dead unit is constant, but is told once
    assert said(found) == [(2, "dead")] * is_told
    if is_told:
        assert sentence(found, "dead") == (
            f"layer 2: {dead} of 20 units never fire on these 500 rows;"
            " a smaller learning rate or leaky ReLU would help"
        )


def test_leaky_relu_is_never_dead() -> None:
    network = with_dead_units(14)
    leaky = Network(
        [Layer(p.W, p.b, "leaky_relu") for p in network.layers[:1]] + [network.layer(1)]
    )
    found = examine(leaky, X, Y)
    assert counts(found, "dead") == [0, None]
    assert counts(found, "constant") == [14, 0]


def test_a_dead_output_without_a_link_is_found() -> None:
    network = Network([Layer([[0.0], [0.0]], [-1.0], "relu")])
    assert said(examine(network, X, Y, "squared_error")) == [(1, "dead")]


@pytest.mark.parametrize(("phi", "no"), [("logistic", 0), ("tanh", -1)])
def test_an_output_that_is_sure_is_saturated_only_where_it_is_wrong(phi: str, no: int) -> None:
    # |u| = 20 on every row, and t says that the output misses on `wrong` of 100
    x = np.repeat([-20.0, 20.0], 50)[:, None]
    network = Network([Layer([[1.0]], [0.0], phi)])
    for wrong, saturated in ((0, 0), (5, 0), (6, 1), (100, 1)):
        t = np.where(x[:, 0] > 0, 1, no)
        t[:wrong] = 1
        t[50 : 50 + max(wrong - 50, 0)] = no
        found = examine(network, x, t, "squared_error")
        assert counts(found, "saturated") == [saturated]
        assert said(found) == [(1, "saturated")] * saturated
        assert not saturated or sentence(found, "saturated").startswith(
            "layer 1: 1 of 1 unit saturated where it is wrong on these 100 rows"
        )
    steep = np.where(np.arange(100) < 50, -1.0, 20.0)[:, None]  # wrong where φ′ is large
    assert counts(examine(network, steep, np.ones(100), "squared_error"), "saturated") == [0]
    assert counts(examine(network, x, loss="squared_error"), "saturated") == [None]


def test_one_dead_unit_of_few_rows() -> None:
    network = Network([Layer([[1.0, -1.0]], [0.0, 0.0], "relu"), Layer([[1.0], [1.0]], [0.0])])
    assert sentence(examine(network, [[1.0], [2.0]], [1, 2]), "dead") == (
        "layer 2: 1 of 2 units never fires on these 2 rows;"
        " a smaller learning rate or leaky ReLU would help, if it is so on more rows"
    )


def test_eight_logistic_layers_let_the_gradient_vanish() -> None:
    network = made(2, *[10] * 7, 1, hidden="logistic")
    found = examine(network, X, Y)
    out = [layer.layer for layer in found.layers if layer.ratio < 1e-3]
    assert said(found) == [(8, "vanishing")]
    assert out[0] == 8
    assert "ReLU or tanh for logistic, or fewer layers, would help" in sentence(found, "vanishing")
    assert f"{found.layers[0].ratio:.2g} times that of layer 1" in sentence(found, "vanishing")
    assert ("too)" in sentence(found, "vanishing")) == (len(out) > 1)


def test_large_weights_let_the_gradient_explode() -> None:
    network = made(2, 10, 10, 10, 1, hidden="identity", output="identity")
    network.layer(1).W *= 1e4
    found = examine(network, X, 1e9 * Y)
    assert [kind for _, kind in said(found)] == ["exploding"]
    assert "smaller first weights or fewer layers" in sentence(found, "exploding")


def test_the_gradient_norms_are_those_of_autograd() -> None:
    network = made(2, 5, 4, 3, hidden="tanh", output="softmax")
    y = rng.integers(0, 3, 500)
    parameters = [
        [torch.tensor(part, requires_grad=True) for part in (layer.W, layer.b)]
        for layer in network.layers
    ]
    z = torch.tensor(X)
    for i, (W, b) in enumerate(parameters):
        z = z @ W + b if i == 2 else torch.tanh(z @ W + b)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(y))
    loss.backward()  # type: ignore[no-untyped-call]
    norms = [float(sum((p.grad**2).sum() for p in pair)) ** 0.5 for pair in parameters]  # type: ignore[operator, misc]
    found = examine(network, X, y)
    assert counts(found, "gradient") == pytest.approx(norms, rel=1e-10)
    assert counts(found, "ratio") == pytest.approx([n / norms[-1] for n in norms], rel=1e-10)
    assert found.value == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.parametrize("phi", ["tanh", "logistic"])
def test_saturated_units_are_counted_exactly(phi: str) -> None:
    # tanh′ < 0.05 where |u| > 2.18, σ′ < 0.0125 where |u| > 4.37; u = b + x_1
    b = np.array([-6.0] * 3 + [6.0] * 4 + [0.0] * 5)
    W = np.zeros((2, 12))
    W[0] = 1
    network = Network([Layer(W, b, phi), Layer(np.ones((12, 1)), [50.0], "logistic")])
    found = examine(network, X, Y)
    assert counts(found, "saturated") == [7, None]  # a confident output is no fault
    assert counts(found, "dead") == [None, None]
    assert (2, "saturated") in said(found)
    assert f"7 of 12 units saturated on these 500 rows ({phi}′ under 0.05 of its largest on" in (
        sentence(found, "saturated")
    )


@pytest.mark.parametrize(("beyond", "saturated"), [(94, 0), (95, 1)])
def test_saturated_means_on_95_of_100_rows(beyond: int, saturated: int) -> None:
    # tanh′(2.17) = 0.0508, tanh′(2.19) = 0.0489
    x = np.where(np.arange(100) < beyond, 2.19, 2.17)[:, None]
    network = Network([Layer([[1.0]], [0.0], "tanh"), Layer([[1.0]], [0.0])])
    assert counts(examine(network, x), "saturated") == [saturated, None]


def test_tanh_with_weights_times_100_is_saturated() -> None:
    network = made(2, 20, 20, 1, hidden="tanh")
    for layer in network.layers[:-1]:
        layer.W *= 100
    found = examine(network, X, Y)
    expected = [
        int(((1 - np.tanh(u) ** 2 < 0.05).sum(axis=0) >= 475).sum())
        for u in (network.trace(X).u[r] for r in (4, 3))
    ]
    assert counts(found, "saturated") == [*expected, None]
    assert min(expected) >= 2
    assert said(found)[:2] == [(3, "saturated"), (2, "saturated")]


def test_weights_of_zero_make_constant_units() -> None:
    network = made(2, 20, 10, 1, hidden="tanh")
    for layer in network.layers:
        layer.W[...], layer.b[...] = 0, 0.5
    found = examine(network, X, Y)
    assert counts(found, "constant") == [20, 10, 1]
    assert said(found) == [(3, "constant"), (2, "constant"), (1, "constant"), (2, "vanishing")]
    assert "20 of 20 units constant" in found.findings[0].sentence
    assert found.findings[1].sentence.endswith("nothing comes through layer 3")
    assert "0 times that of layer 1 (out of bounds in layer 3 too)" in found.findings[3].sentence


def test_parameters_that_are_not_finite() -> None:
    network = made(2, 20, 10, 1)
    network.layer(2).W[:3, 0], network.layer(2).b[5] = np.nan, np.inf
    found = examine(network, X, Y)
    assert counts(found, "not_finite") == [0, 4, 0]
    assert counts(found, "overflow") == [0, 500, 500]
    assert (2, "not finite") in said(found)
    assert "4 of 210 parameters are not finite" in sentence(found, "not finite")
    assert "overflow" not in [kind for _, kind in said(found)]  # it only follows
    assert np.isnan(found.value)
    json.dumps(found.as_dict(), allow_nan=False)


def test_numbers_that_overflow_are_told_where_they_begin() -> None:
    network = made(2, 4, 4, 1, hidden="identity", output="identity").astype("float32")
    network.layer(3).W[...] = 1e30
    network.layer(2).W[...] = 1e30
    found = examine(network, 1 + X[:10] ** 2, np.ones(10))
    assert said(found)[0] == (2, "overflow")
    assert "u_3 is not finite on 10 of these 10 rows" in sentence(found, "overflow")
    assert [kind for _, kind in said(found)].count("overflow") == 1


def test_without_targets_no_gradient_is_judged() -> None:
    found = examine(made(2, *[10] * 7, 1, hidden="logistic"), X)
    assert said(found) == []
    assert "no gradient was judged" in found.sentences[0]
    assert np.isnan(counts(found, "gradient")).all()
    assert found.as_dict()["layers"][0]["gradient"] is None
    assert found.loss is None


def test_a_loss_of_zero_is_no_fault() -> None:
    network = made(2, 8, 1, hidden="tanh", output="identity")
    found = examine(network, X, network(X))
    assert counts(found, "gradient") == [0, 0]
    assert said(found) == []


@pytest.mark.parametrize("hidden", [name for name in chainrule.activations.ACTIVATIONS])
@pytest.mark.parametrize("loss", list(chainrule.LOSSES))
def test_every_activation_and_loss(hidden: str, loss: str) -> None:
    network = made(2, 5, 3, hidden=hidden, output=chainrule.LOSSES[loss].link or "identity")
    y = rng.integers(0, 2, 40 if loss == "cross_entropy" else (40, 3))
    found = examine(network, X[:40], y, loss)
    assert counts(found, "not_finite") == [0, 0]
    assert np.isfinite(counts(found, "gradient")).all()


def test_text_and_html() -> None:
    network = made(784, 512, 512, 10, hidden="tanh", output="softmax")
    found = examine(network, 100 * rng.normal(size=(20, 784)), rng.integers(0, 10, 20))
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[:5] == ["layer", "W", "dead", "saturated", "constant"]
    assert [line.split()[0] for line in lines[3:6]] == ["3", "2", "1"]
    page = found._repr_html_()
    assert page.count("<tr>") == 4
    assert "cross_entropy" in page


def test_rows_of_a_table_are_examined_alike() -> None:
    network = made(2, 20, 1)
    assert examine_subject(Subject.of_rows(network, X, Y)) == examine(network, X, Y)


@pytest.mark.parametrize(
    ("rows", "y", "loss", "error", "words"),
    [
        (np.ones((4, 3)), None, None, ShapeError, "layer 2 takes rows of 2 numbers, got 3"),
        (np.ones((4, 2)), [0, 1], None, ShapeError, "X has 4 rows, y has 2"),
        (np.ones((4, 2)), [0, 1, 2, 3], None, InvalidValue, "takes labels 0 and 1, or −1 and +1"),
        (np.ones((1, 2)), [0], None, InvalidValue, "two rows or more, got 1"),
        (np.ones((0, 2)), None, None, InvalidValue, "two rows or more, got 0"),
        ([[1, 2], [3, np.nan]], None, None, InvalidValue, "must be finite, but row 2 is not"),
        (
            np.ones((4, 2)),
            [0, 1, 0, 1],
            "cross_entropy",
            InvalidValue,
            "applies logistic before it",
        ),
        (np.ones((4, 2)), None, "cross", UnknownName, "no loss is called 'cross'"),
    ],
)
def test_bad_input(rows: Any, y: Any, loss: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        examine(made(2, 3, 1), rows, y, loss)


# along a training


def trained(callbacks: Any, network: Network | None = None, **settings: Any) -> Network:
    network = network or Network.of_sizes([2, 8, 8, 1], output="logistic", seed=3)
    chainrule.train(network, X, Y, callbacks=callbacks, **{"epochs": 12, "seed": 5} | settings)
    return network


@pytest.mark.parametrize("engine", ["native", "numpy", "torch"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_monitor_does_not_change_a_bit(engine: str, optimizer: str) -> None:
    settings = {"engine": engine, "optimizer": optimizer}
    monitor = Monitor(X, Y, looks=5)

    def nosy(event: chainrule.training.Event) -> None:
        assert event.epoch not in monitor._due or monitor.looks  # examined at once

    alone, watched = trained((), **settings), trained((monitor, nosy), **settings)
    assert len(monitor.looks) == 5
    for a, b in zip(alone.layers, watched.layers, strict=True):
        assert np.array_equal(a.W, b.W) and np.array_equal(a.b, b.b)


@pytest.mark.parametrize(
    ("looks", "epochs", "seen"),
    [(20, 3, [1, 2, 3]), (4, 10, [1, 4, 7, 10]), (1, 10, [10]), (3, 2, [1, 2])],
)
def test_looks_are_spread_over_the_epochs(looks: int, epochs: int, seen: list[int]) -> None:
    monitor = Monitor(X, Y, looks=looks)
    trained([monitor], epochs=epochs)
    assert list(monitor.looks) == seen
    assert ("One look does not tell what got worse" in str(monitor)) == (looks == 1)


def test_the_last_look_sees_the_trained_network() -> None:
    monitor = Monitor(X, Y, rows=100)
    network = trained([monitor])
    chosen = np.linspace(0, 499, 100).astype(int)
    assert monitor.looks[12] == examine(network, X[chosen], Y[chosen])
    assert monitor.updates_per_epoch == 16  # 500 rows, 32 a batch


def test_the_change_is_that_of_the_weights_between_looks() -> None:
    kept: dict[int, list[Rows]] = {}
    monitor = Monitor(X, Y, looks=4)
    trained(
        [monitor, lambda e: kept.setdefault(e.epoch, [p.W.copy() for p in e.network.layers])],
        epochs=10,
    )
    assert np.isnan(monitor.history[0].changes).all()
    for before, now in zip(monitor.history, monitor.history[1:], strict=False):
        expected = [
            float(np.sqrt(((W - V) ** 2).sum() / max((V**2).sum(), (W**2).sum()))) / 3
            for W, V in zip(kept[now.epoch], kept[before.epoch], strict=True)
        ]
        assert now.changes == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", [chainrule.SGD(3.0), chainrule.Adam(0.5)])
def test_the_change_is_no_more_than_the_sum_of_the_updates(optimizer: Any) -> None:
    # one update an epoch, so that each is seen; the weights grow manifold, shrink and turn
    kept: list[list[Rows]] = []
    monitor = Monitor(X, Y, looks=6)
    trained(
        [monitor, lambda e: kept.append([p.W.copy() for p in e.network.layers])],
        epochs=51,
        batch_size=500,
        optimizer=optimizer,
    )
    norm = np.linalg.norm
    for look in monitor.history[1:]:
        way = kept[look.epoch - 11 : look.epoch]
        for i, change in enumerate(look.changes):
            ratios = [norm(W[i] - V[i]) / norm(V[i]) for V, W in pairwise(way)]
            assert 0 < 10 * change <= sum(ratios) * (1 + 1e-5)


def test_the_change_of_weights_that_grow_is_not_overstated() -> None:
    V = np.array([[3.0, 4.0]])
    assert monitors._change(2 * V, V) == pytest.approx(np.log(2))  # not 1
    assert monitors._change(V / 2, V) == pytest.approx(1 / 2)
    assert monitors._change(-V, V) == pytest.approx(2)
    assert monitors._change(V, 0 * V) == 1
    assert monitors._change(0 * V, 0 * V) == 0


def test_the_frame_has_a_row_for_each_look_and_layer() -> None:
    monitor = Monitor(X, Y, looks=4)
    trained([monitor])
    frame = monitor.frame()
    assert len(frame) == 4 * 3
    assert frame["epoch"].tolist() == [1] * 3 + [5] * 3 + [8] * 3 + [12] * 3
    assert frame["layer"].tolist() == [3, 2, 1] * 4
    assert frame.loc[frame["epoch"] == 12, "gradient"].tolist() == counts(
        monitor.looks[12], "gradient"
    )


def test_units_that_die_are_told_with_the_epochs() -> None:
    network = Network.of_sizes([2, 20, 40, 20, 1], output="logistic")
    monitor = Monitor(X, Y)
    trained([monitor], network, epochs=40, optimizer=chainrule.Adam(0.1))
    dead = [counts(health, "dead")[1] for health in monitor.looks.values()]
    told = next(f for f in monitor.findings if (f.layer, f.kind) == (3, "dead"))
    assert f"{dead[-1]} of 40 units dead at epoch 40, {dead[0]} at epoch 1" in told.sentence
    worst = int(np.diff(dead).argmax())
    epochs = list(monitor.looks)
    assert told.sentence.endswith(f"between epochs {epochs[worst]} and {epochs[worst + 1]}")


def test_steps_that_are_too_large_are_told() -> None:
    monitor = Monitor(X, Y)
    trained([monitor], optimizer=chainrule.Adam(1.0))
    assert "change" in [kind for _, kind in said(monitor)]
    assert "usual is about 0.001" in sentence(monitor, "change")
    monitor = Monitor(X, Y)
    trained([monitor], optimizer=chainrule.Adam(1e-3))
    assert "change" not in [kind for _, kind in said(monitor)]


def test_weights_that_do_not_change_are_told() -> None:
    network = Network(
        [Layer(np.ones((2, 3)), [-9.0] * 3, "relu"), Layer(np.ones((3, 1)), [0.0], "logistic")]
    )
    monitor = Monitor(X, Y, looks=3)
    trained([monitor], network)
    told = [finding.sentence for finding in monitor.findings if finding.layer == 2]
    assert told == ["layer 2: its weights did not change from epoch 1 to 12"]


def test_a_gradient_that_falls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor(X, Y, looks=12)
    network = Network.of_sizes([2, 8, 8, 1], output="logistic", seed=3)
    trained([monitor], network)
    ratios = iter([1, 1, 0.1] + [1e-4] * 9)

    def falling(*arguments: Any) -> Health:
        found = module.examined(*arguments)
        first = replace(found.layers[0], ratio=next(ratios))
        return replace(found, layers=(first, *found.layers[1:]))

    monkeypatch.setattr(monitors, "examined", falling)
    assert sentence(monitor, "vanishing") == (
        "layer 3: its gradient fell from 1 to 0.0001 times that of layer 1,"
        " for the first time below 0.001 at epoch 4"
    )


def test_many_copies_are_examined_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late = Monitor(X, Y), Monitor(X, Y)
    trained([late])
    monkeypatch.setattr(monitors, "_MOST_WAITING", 1)
    trained([early])
    assert len(early._seen) == 12 and not early._waiting
    assert len(late._waiting) == 12 and not late._seen
    assert early.looks == late.looks


def test_a_second_training_begins_anew() -> None:
    monitor = Monitor(X, Y, looks=3)
    trained([monitor])
    trained([monitor], made(2, 4, 1), epochs=5)
    assert list(monitor.looks) == [1, 3, 5]
    assert [len(health.layers) for health in monitor.looks.values()] == [2] * 3


def test_a_monitor_in_text_and_html() -> None:
    monitor = Monitor(X, Y)
    assert str(monitor) == "Monitor: no epoch was looked at"
    assert monitor.findings == () and monitor.looks == {}
    trained([monitor])
    lines = str(monitor).splitlines()
    assert lines[0] == "Health along the training, 12 looks from epoch 1 to 12"
    assert max(map(len, lines)) <= 80
    assert "Nothing got worse along the training." in lines
    assert "At the last look:" in lines
    assert (monitor._repr_html_() or "").count("<tr>") == 4


def test_a_monitor_of_rows_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="layer 3 takes rows of 2 numbers, got 3"):
        trained([Monitor(np.ones((4, 3)))])
    with pytest.raises(InvalidValue, match="looks is a whole number, 1 or more, got 0"):
        Monitor(X, looks=0)
    with pytest.raises(InvalidValue, match="rows is a whole number, 2 or more, got 1"):
        Monitor(X, rows=1)
