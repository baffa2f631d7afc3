"""`train`, on real engines and on one that only keeps count."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from chainrule import SGD, Adam, Network, train
from chainrule.engines import State
from chainrule.engines.numpy_engine import NumpyEngine
from chainrule.errors import DivergenceError, EngineError, InvalidValue, ShapeError, UnknownName
from chainrule.losses import targets
from chainrule.plan import Plan
from chainrule.training import Cosine, Event, Stopping, TrainingDiverged, TrainingInterrupted
from chainrule.training.loop import Loop
from chainrule.training.schedules import Constant, by_epoch

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 2)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def network(dtype: str = "float32", seed: int = 0) -> Network:
    return Network.of_sizes([2, 8, 1], output="logistic", dtype=dtype, seed=seed)


class Counting:
    """An engine whose epochs take no time: the k-th leaves the number k in every parameter."""

    name, isa, threads = "counting", "none", 1

    def __init__(self, losses: Iterator[float] | None = None) -> None:
        self.done = 0
        self.losses = losses

    def epoch(self, number: int, learning_rates: Any) -> float:
        self.done = number + 1
        return 1.0 if self.losses is None else next(self.losses)

    def evaluate(self, X: Any, t: Any, weights: Any = None) -> float:
        return 2.0

    def state(self) -> State:
        W, b = np.full((2, 1), self.done, np.float32), np.full(1, self.done, np.float32)
        return State([(W, b)], {}, self.done)

    def load(self, state: State) -> None:
        self.done = state.step


def loop(losses: list[float], stopping: Stopping, **options: Any) -> Loop:
    engine = Counting(iter(losses))
    rates = by_epoch(Constant(), 0.1, len(losses), 1)
    one = Network.of_sizes([2, 1])
    return Loop(engine, one, rates, len(losses), stopping=stopping, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["numpy", "native", "torch"])
def test_the_loop_is_the_engines_epochs_one_after_another(engine: str) -> None:
    trained = network("float64")
    result = train(trained, X, Y, engine=engine, epochs=7, batch_size=16, seed=3, schedule="cosine")
    start, steps = network("float64"), 8
    plan = Plan.of(start, "binary_cross_entropy", "adam", batch_size=16, seed=3)
    t = targets(Y, "binary_cross_entropy", 1, "float64")
    reference = NumpyEngine(plan, start, X.astype("float64"), t)
    k = np.arange(7 * steps, dtype=float)
    rates = 0.001 * Cosine().factors(k, 7 * steps, steps).reshape(7, steps)
    losses = [reference.epoch(number, row) for number, row in enumerate(rates)]

    np.testing.assert_allclose(result.history.loss, losses, rtol=1e-9)
    for layer, (W, b) in zip(trained.layers, reference.state().parameters, strict=True):
        np.testing.assert_allclose(layer.W, W, rtol=1e-8)
        np.testing.assert_allclose(layer.b, b, rtol=1e-8, atol=1e-12)
    assert (result.engine, result.engine_reason) == (engine, "asked for")
    assert (result.epochs, result.steps, result.status) == (7, 56, "finished")
    assert result.history.learning_rate == rates[:, -1].tolist()
    assert result.network is trained


def test_it_learns_and_says_how() -> None:
    result = train(network(), X, Y, validation=0.25, epochs=60, batch_size=10, optimizer=Adam(0.01))
    assert result.history.loss[-1] < 0.3 * result.history.loss[0]
    assert result.history.validation_loss[-1] < 0.4
    assert result.epochs == 60
    assert result.steps == 60 * 9
    assert result.seconds == result.history.seconds[-1] > 0
    assert result.best_epoch == 1 + max(
        range(60), key=lambda i: (-result.history.validation_loss[i], i)
    )
    assert all(isinstance(loss, float) for loss in result.history.loss)
    assert (result.plan.loss, result.plan.batch_size) == ("binary_cross_entropy", 10)


def test_the_same_seed_gives_the_same_training() -> None:
    one, two, other = (
        train(network(), X, Y, epochs=3, seed=seed, validation=0.2).history.loss
        for seed in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_validation_rows_that_are_given_are_evaluated_after_each_epoch() -> None:
    trained = network()
    result = train(trained, X[:80], Y[:80], validation=(X[80:], Y[80:]), epochs=4)
    z = trained(X[80:]).astype(float)[:, 0]
    t = Y[80:]
    by_hand = -np.mean(t * np.log(z) + (1 - t) * np.log(1 - z))
    assert result.history.validation_loss[-1] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("output", "outputs", "y", "loss"),
    [
        ("identity", 1, X[:, 0], "squared_error"),
        ("logistic", 1, Y > 0, "binary_cross_entropy"),
        ("logistic", 1, 2 * Y - 1, "binary_cross_entropy"),
        ("softmax", 3, rng.integers(0, 3, 120), "cross_entropy"),
        ("exponential", 1, Y, "poisson"),
        ("tanh", 2, X, "squared_error"),
    ],
)
def test_the_loss_goes_with_the_output(output: str, outputs: int, y: Any, loss: str) -> None:
    result = train(Network.of_sizes([2, 5, outputs], output=output), X, y, epochs=2)
    assert result.plan.loss == loss
    assert math.isfinite(result.history.loss[-1])


def test_early_stopping_goes_back_to_the_best_epoch_the_last_of_equals() -> None:
    made = loop([5, 3, 3, 4, 4, 4, 0], Stopping(3))
    assert made.run() == "stopped early"
    assert made.watch.best_epoch == 3
    assert made.best is not None
    assert made.best.step == 3
    assert made.history.loss == [5, 3, 3, 4, 4]


def test_the_network_gets_the_best_epochs_parameters() -> None:
    def best_of_three(patience: int) -> tuple[Network, Any]:
        trained = network()
        result = train(
            trained, X, Y, epochs=40, validation=0.3, stopping=patience, optimizer=SGD(3.0), seed=4
        )
        return trained, result

    trained, result = best_of_three(5)
    best = result.best_epoch
    assert best < result.epochs
    assert result.status == "stopped early"
    again = network()
    train(again, X, Y, epochs=best, validation=0.3, optimizer=SGD(3.0), seed=4)
    for one, two in zip(trained.layers, again.layers, strict=True):
        np.testing.assert_array_equal(one.W, two.W)
    assert result.state.step == best * 3
    assert result.steps == result.epochs * 3


def test_without_a_patience_the_kept_epoch_is_the_last() -> None:
    noise = np.random.default_rng(5).integers(0, 2, 120)
    result = train(network(), X, noise, epochs=60, validation=0.3, optimizer=Adam(0.05))
    assert (result.best_epoch < 60, result.kept_epoch) == (True, 60)
    assert result.loss == result.history.loss[-1]


def test_patience_0_trains_to_the_end_and_keeps_the_last_parameters() -> None:
    made = loop([5, 3, 4, 4, 4, 4], Stopping(0))
    assert made.run() == "finished"
    assert made.best is None
    assert made.watch.best_epoch == 2
    assert len(made.history) == 6


def test_the_best_epoch_is_restored_when_the_epochs_run_out_too() -> None:
    noise = np.random.default_rng(5).integers(0, 2, 120)  # nothing to learn: validation gets worse
    trained = network()
    result = train(trained, X, noise, epochs=60, validation=0.3, stopping=99, optimizer=Adam(0.05))
    assert result.status == "finished"
    assert 0 < result.best_epoch == result.kept_epoch < 60
    assert result.loss == result.history.loss[result.best_epoch - 1]
    assert result.state.step == result.best_epoch * 3


def test_callbacks_see_every_epoch_and_may_end_the_training() -> None:
    seen: list[tuple[int, float, float]] = []

    def stop_at_4(event: Event) -> bool:
        seen.append((event.epoch, event.loss, event.learning_rate))
        return event.epoch == 4

    result = train(network(), X, Y, epochs=10, callbacks=[stop_at_4])
    assert [epoch for epoch, *_ in seen] == [1, 2, 3, 4]
    assert [loss for _, loss, _ in seen] == result.history.loss
    assert result.status == "stopped early"
    assert result.epochs == 4


def test_a_callback_can_look_at_the_network() -> None:
    weights: list[np.ndarray] = []
    trained = network()

    def look(event: Event) -> None:
        weights.append(event.network.layers[0].W.copy())

    train(trained, X, Y, epochs=3, callbacks=[look])
    assert not np.array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[-1], trained.layers[0].W)


@pytest.mark.parametrize("engine", ["numpy", "native", "torch"])
def test_divergence_says_where_and_what_to_try(engine: str) -> None:
    trained = Network.of_sizes([2, 8, 1], seed=1)
    rows, y = 1000 * X, 500 * X[:, 0]
    with pytest.raises(TrainingDiverged) as raised:
        train(trained, rows, y, optimizer=SGD(0.5), epochs=5, batch_size=10, engine=engine)
    error = raised.value
    assert isinstance(error, DivergenceError)
    assert error.epoch == 1
    assert 1 < error.step <= 12
    text = str(error)
    assert f"not finite at step {error.step} of epoch 1" in text
    assert "the largest finite gradient is" in text
    assert "a smaller learning rate (it was 0.5; 0.05 is worth a try)" in text
    assert f"inputs scaled to about −1 … 1 (they reach {np.abs(rows).max():g})"[:30] in text
    assert "targets scaled to about −1 … 1" in text
    assert error.result is not None
    assert error.result.status == "diverged"
    assert error.result.epochs == 0
    assert all(np.isfinite(layer.W).all() for layer in trained.layers)


def test_a_divergence_travels_between_processes_with_its_numbers() -> None:
    error = pickle.loads(pickle.dumps(TrainingDiverged(3, 4, "text")))
    assert (type(error), error.epoch, error.step, str(error)) == (TrainingDiverged, 3, 4, "text")


def test_divergence_at_a_known_step() -> None:
    one = Network.of_sizes([1, 1], dtype="float64")
    one.layers[0].W[...] = 1.0
    with pytest.raises(TrainingDiverged, match="step 2 of epoch 1") as raised:
        # u = 1; ∂L/∂W = 2(u − 0)·1 = 2; W ← 1 − 1e308·2 is infinite from the first update on
        train(
            one,
            np.ones((4, 1)),
            np.zeros(4),
            optimizer=SGD(1e308),
            batch_size=1,
            engine="numpy",
        )
    assert (raised.value.epoch, raised.value.step) == (1, 2)
    assert one.layers[0].W.tolist() == [[1.0]]
    assert "the largest finite gradient is 2. Try" in str(raised.value)


@contextlib.contextmanager
def interrupted(when: Callable[[], bool]) -> Iterator[None]:
    """Press Ctrl-C as soon as it is time.

    The garbage collector rests meanwhile: Hypothesis times it by a callback, in which an interrupt
    would be lost.
    """

    def press() -> None:
        while not when():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    gc.disable()
    thread.start()
    try:
        yield
    finally:
        thread.join()
        gc.enable()


@pytest.mark.parametrize("engine", ["numpy", "native", "torch"])
@pytest.mark.parametrize("patience", [0, 10**6])
def test_ctrl_c_ends_the_training_with_a_fitted_network(engine: str, patience: int) -> None:
    trained, epochs_seen = network(), [0]

    def count(event: Event) -> None:
        epochs_seen[0] = event.epoch

    with (
        pytest.warns(TrainingInterrupted, match=r"interrupted after \d+ of 1000000 epochs"),
        interrupted(lambda: epochs_seen[0] >= 3),
    ):
        result = train(
            trained,
            X,
            Y,
            epochs=10**6,
            engine=engine,
            callbacks=[count],
            stopping=patience,
        )
    assert result.status == "interrupted"
    assert result.epochs >= 3
    assert len(result.history) == result.epochs
    for layer, (W, b) in zip(trained.layers, result.state.parameters, strict=True):
        np.testing.assert_array_equal(layer.W, W)
        np.testing.assert_array_equal(layer.b, b)
    assert result.state.step == result.best_epoch * 4 if patience else result.steps >= 12


def test_ctrl_c_is_heard_within_an_epoch_of_the_native_engine() -> None:
    wide = Network.of_sizes([200, 256, 256, 1])
    many = np.random.default_rng(1).normal(size=(100_000, 200)).astype(np.float32)

    began = time.monotonic()
    with pytest.warns(TrainingInterrupted), interrupted(lambda: time.monotonic() > began + 0.6):
        result = train(wide, many, many[:, 0], epochs=1000, engine="native", threads=1)
    assert result.status == "interrupted"
    assert result.epochs < 1000


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"epochs": 0}, InvalidValue, "epochs is a whole number, 1 or more, got 0"),
        ({"epochs": 2.5}, InvalidValue, "epochs is a whole number, 1 or more, got 2.5"),
        ({"batch_size": 0}, InvalidValue, "batch_size is a whole number, 1 or more, got 0"),
        ({"loss": "squared_eror"}, UnknownName, "did you mean 'squared_error'"),
        ({"loss": "cross_entropy"}, InvalidValue, "a doubled logistic"),
        ({"optimizer": "adm"}, UnknownName, "did you mean 'adam'"),
        ({"schedule": "cosin"}, UnknownName, "did you mean 'cosine'"),
        ({"engine": "nativ"}, UnknownName, "did you mean 'native'"),
        ({"dropout": 1.0}, InvalidValue, r"dropout is a share in \[0, 1\), got 1.0"),
        ({"dropout": [0.1, 0.1]}, InvalidValue, "1 hidden layers, 2 shares of dropout"),
        ({"seed": -1}, InvalidValue, "seed is a whole number"),
        ({"validation": 1.5}, InvalidValue, r"validation as a fraction lies in \(0, 1\), got 1.5"),
        ({"stopping": -1}, InvalidValue, "patience is a number of epochs, 0 or more, got -1"),
        ({"weights": [1.0]}, ShapeError, "weights are one number per row"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], error: type, text: str) -> None:
    trained = network()
    before = trained.copy()
    with pytest.raises(error, match=text):
        train(trained, X, Y, **options)
    np.testing.assert_array_equal(trained.layers[0].W, before.layers[0].W)


def test_an_engine_that_cannot_train_the_plan_is_refused() -> None:
    hidden_softmax = Network.of_sizes([2, 4, 1], activation="softmax", output="logistic")
    with pytest.raises(EngineError, match="the native engine cannot train this: softmax"):
        train(hidden_softmax, X, Y, engine="native")
    result = train(hidden_softmax, X, Y, epochs=1)
    assert result.engine == "torch"
    assert "not native: softmax" in result.engine_reason


def test_weights_count_in_the_training_loss() -> None:
    weights = np.where(Y == 1, 1.0, 0.0)
    trained = network()
    train(trained, X, Y, weights=weights, epochs=40, optimizer=Adam(0.02))
    assert (trained(X) > 0.5).all()  # only the rows of class 1 count


def test_progress_leaves_a_plain_line_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(network(), X, Y, epochs=3, validation=0.2, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    line = shown.err.strip().split("  ")
    assert line[0] == "epoch 3/3"
    assert [part.split(" ")[0] for part in line[1:4]] == ["loss", "validation", "rate"]
    assert line[4].endswith("rows/s")


def test_progress_is_live_on_a_terminal() -> None:
    pty = pytest.importorskip("pty")
    code = (
        "import numpy as np, time, chainrule\n"
        "X = np.ones((40, 2), 'float32')\n"
        "n = chainrule.Network.of_sizes([2, 1])\n"
        "chainrule.train(n, X, X[:, 0], epochs=30, progress=True,\n"
        "                callbacks=[lambda e: time.sleep(0.02)])\n"
    )
    screen, terminal = pty.openpty()
    child = subprocess.Popen([sys.executable, "-c", code], stderr=terminal, env=os.environ)
    os.close(terminal)
    shown = b""
    while chunk := _read(screen):
        shown += chunk
    assert child.wait() == 0
    text = shown.decode()
    assert text.count("━") > 20  # a bar, drawn more than once
    assert "\x1b[2K" in text  # and erased
    assert text.rstrip().splitlines()[-1].split("epoch ")[-1].startswith("30/30  loss ")


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 4096)
    except OSError:  # the other end is closed
        return b""


def test_the_loop_itself_builds_nothing_between_epochs() -> None:
    epochs = 2000
    made = loop([1.0] * epochs, Stopping(0))
    blocks = sys.getallocatedblocks()
    made.run()
    # a row of four floats and its tuple are kept per epoch, and no more
    assert sys.getallocatedblocks() - blocks < 7 * epochs
