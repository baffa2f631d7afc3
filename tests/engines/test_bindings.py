"""The compiled module takes nothing that is wrong, and gives back what the system refuses, in words."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

from chainrule import Network, predictor
from chainrule.engines import compiled
from chainrule.errors import ChainruleError, InvalidValue, ShapeError, UnknownName

LAYERS = [(2, 3, "relu", 0.0), (3, 1, "identity", 0.0)]
WIDE = 2**31 - 1


def run(**other: Any) -> Any:
    """A compiled run of 2-3-1 on five rows, with something else than usual."""
    x, t = np.ones((5, 2), np.float32), np.ones((5, 1), np.float32)
    usual = {
        "layers": LAYERS, "loss": "squared_error", "levels": (), "optimizer": {"name": "sgd"}, "penalty": 0.0, "groups": None,
        "batch_size": 2, "seed": 0, "shuffle": False, "x": x, "target": t, "weight": None, "threads": 1, "cores": 1,
    }  # fmt: skip
    return compiled.module().Run32(**{**usual, **other})


def group(weights: int, biases: int) -> dict[str, Any]:
    one = ({"name": "sgd"}, 1.0)
    return {"weights": [one] * weights, "biases": [one] * biases, "scales": None}


PLANS: list[tuple[dict[str, Any], type[ChainruleError], str]] = [
    ({"layers": []}, ShapeError, "at least one layer"),
    ({"layers": [(0, 1, "relu", 0.0)]}, ShapeError, "1 to 2³¹ − 1 numbers"),
    ({"layers": [(2, -1, "relu", 0.0)]}, ShapeError, "1 to 2³¹ − 1 numbers"),
    ({"layers": [(2**31, 1, "relu", 0.0)]}, ShapeError, "1 to 2³¹ − 1 numbers"),
    ({"layers": [(WIDE, WIDE, "relu", 0.0)]}, ShapeError, "more parameters than any memory"),
    ({"layers": LAYERS[:1] * 2}, ShapeError, "other rows than the one before it gives"),
    ({"layers": [(2, 1, "relu", 1.0)]}, InvalidValue, "dropout is a share"),
    ({"layers": [(2, 1, "relu", np.nan)]}, InvalidValue, "dropout is a share"),
    ({"layers": [(2, 3, "softmax", 0.0), LAYERS[1]]}, InvalidValue, "the output layer only"),
    ({"layers": [(2, 1, "rely", 0.0)]}, UnknownName, "no activation 'rely'"),
    ({"loss": "surprise"}, UnknownName, "no loss 'surprise'"),
    ({"optimizer": {"name": "adan"}}, UnknownName, "no optimizer 'adan'"),
    ({"levels": (0.5,)}, ShapeError, "one level an output, any other loss none"),
    ({"groups": group(1, 2)}, ShapeError, "one factor a layer"),
    ({"groups": group(2, 0)}, ShapeError, "one factor a layer"),
    ({"batch_size": 0}, InvalidValue, "at least one row"),
    ({"threads": -1}, InvalidValue, "threads are 1 or more"),
    ({"threads": 0, "cores": 0}, InvalidValue, "threads are 1 or more"),
    ({"x": np.ones((0, 2), np.float32), "target": np.ones((0, 1), np.float32)}, ShapeError, "no rows to train on"),
    ({"x": np.ones((5, 3), np.float32)}, ShapeError, "rows of 2 numbers, got 3"),
    ({"target": np.ones((4, 1), np.float32)}, ShapeError, "one entry a row"),
    ({"weight": np.ones(4, np.float32)}, ShapeError, "one entry a row"),
    ({"target": np.ones((5, 2), np.float32)}, ShapeError, "one column an output"),
]  # fmt: skip


@pytest.mark.parametrize(("other", "error", "words"), PLANS, ids=[words for *_, words in PLANS])
def test_a_plan_that_is_wrong(other: Any, error: type[ChainruleError], words: str) -> None:
    with pytest.raises(error, match=words):
        run(**other)


def test_calls_that_are_wrong() -> None:
    made = run()
    one = np.ones((2, 3), np.float32), np.ones(3, np.float32)
    for call, words in (
        (lambda: made.read(-2, 0), "no such array"),  # there is no gradient yet
        (lambda: made.read(-1, 2), "no such layer"),
        (lambda: made.write(0, 0, *one), "no such array"),
        (lambda: made.write(-1, 1, *one), "another shape than the layer"),
        (lambda: made.read_scales(-1), "no such array"),
        (lambda: made.epoch_with_rates(0, [], None), "one learning rate, or one a step"),
        (lambda: made.epoch_over(0, [0.1], np.array([5]), None, None, 0), "no such row"),
        (lambda: made.epoch_over(0, [0.1], np.array([-1]), None, None, 0), "no such row"),
        (lambda: made.epoch_over(0, [0.1], np.array([], int), None, None, 0), "at least one row"),
    ):
        with pytest.raises(ShapeError, match=words):
            call()
    with pytest.raises(InvalidValue, match="counted from 0"):
        made.updates = -1
    made.loss_and_gradient(np.ones((1, 2), np.float32), np.ones((1, 1), np.float32), None)
    assert made.read(-2, 0)[0].shape == (2, 3)


def test_losses_are_written_where_they_were_asked_for_or_nowhere() -> None:
    """An array of another type or layout would be copied, and the copy filled."""
    made, wide = run(), np.zeros(6)
    for losses in (np.zeros(3, np.float32), wide[::2], np.broadcast_to(0.0, 3)):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            made.epoch_with_rates(0, [0.1], losses)
    losses = np.zeros(3)
    made.epoch_with_rates(0, [0.1], losses)
    assert (losses > 0).all()


def test_a_compiled_prediction_takes_numbers_of_any_type_and_layout() -> None:
    network = Network.of_sizes([2, 3, 1], seed=1)
    X = np.arange(12.0).reshape(6, 2) / 7
    wanted = network(X)
    call = predictor(network)
    unaligned = np.zeros(X.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(X.shape)
    unaligned[...] = X
    frozen = X.astype(np.float32)
    frozen.flags.writeable = False
    for rows in (
        X,
        X.tolist(),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        unaligned,
        frozen,
        X.astype(">f8"),
    ):
        assert np.allclose(call(rows), wanted, atol=1e-6)
    assert np.allclose(call(X[0]), wanted[0], atol=1e-6) and call(X[:0]).shape == (0, 1)
    for rows, words in (
        ([["a", "b"]], "rows must be numbers, got an array of <U1"),
        ([[1, 2], [3]], "rows must be an array of numbers"),
        (X.astype(complex), "rows must be numbers, got an array of complex128"),
        (np.ones((2, 2, 2)), "data are rows"),
        (np.ones((2, 3)), "rows of 2 numbers, got 3"),
        (3.0, "data are rows"),
    ):  # fmt: skip
        with pytest.raises((InvalidValue, ShapeError), match=words):
            call(rows)


SCARCE = """
import resource
import numpy as np
from chainrule import Network, predictor, train
from chainrule.engines import compiled

def within(more, call):
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, -1))
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))

wide = Network.of_sizes([2, 200_000, 1])
X = np.ones((400, 2), np.float32)
print(within(1 << 30, lambda: predictor(wide, 2)(X).shape))
widest = [(2, 9_000_000, "relu", 0.0)]
print(within(1 << 20, lambda: compiled.module().Predictor32(widest, 1)))
print(within(140 << 20, lambda: predictor(wide, 2)(X)))  # rows of one thread fit, of two they do not
small = Network.of_sizes([2, 64, 64, 1])
train(small, X, X[:, 0], epochs=1, engine="native")  # what it imports
print(within(4 << 20, lambda: train(small, X, X[:, 0], epochs=1, engine="native", threads=3)))
print(within(1 << 30, lambda: train(small, X, X[:, 0], epochs=3, engine="native", threads=3).threads))
endless = np.broadcast_to(np.float32(1), (1 << 31, 2))
print(within(1 << 30, lambda: predictor(small)(endless)))
print(within(1 << 30, lambda: train(small, endless, endless[:, 0], engine="native")))
"""
NO_ROOM = "OutOfMemory: there is not enough memory for"


def test_memory_and_threads_that_the_system_refuses() -> None:
    """In a process of its own: what is thrown in a thread would end it, or leave the others waiting."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(SCARCE)], capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "(400, 1)",
        f"{NO_ROOM} the network and a batch of its rows",
        f"{NO_ROOM} the network and a batch of its rows",
        "EngineError: the system starts no more threads (Resource temporarily unavailable): ask for fewer",
        "3",
        f"{NO_ROOM} a copy of rows, an array of shape (2147483648, 2) in float32",
        f"{NO_ROOM} the rows and targets as arrays of float32",
    ]
