"""The compiled engine: its bindings, and the doors in front of them, called with whatever arrays there are."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule import Groups, Network, Plan, predictor, train
from chainrule.engines import compiled
from chainrule.engines.native_engine import NativeEngine
from chainrule.errors import ChainruleError, InvalidValue
from chainrule.optimizers import OPTIMIZERS

from .choices import Choices
from .target import Target

_HUGE = 1 << 31  # entries of an array that takes no memory
_NUMBERS = (1.0, 0.5, 0.0, -0.0, -1.0, 2.0, np.nan, np.inf, -np.inf, 1e-310, 1e-40, 3e38, 1e308, 2.0**32)  # fmt: skip
_TYPES = ("float32", "float64", "float16", ">f4", "int32", "int64", "uint8", "bool", "complex64", "object", "U3", "M8[s]")  # fmt: skip


def _array(choose: Choices, shape: Sequence[int], dtype: str) -> Any:
    """An array near that shape and type, laid out in some way."""
    shape = _near(choose, tuple(shape))
    dtype = choose.mostly(dtype, _TYPES)
    with np.errstate(all="ignore"):
        values = np.array([choose.mostly(1.0, _NUMBERS, 4) for _ in range(7)])
        array = np.resize(values, shape).astype(dtype)
    return choose.mostly(lambda a: a, _LAYOUTS, 3)(array)


def _near(choose: Choices, shape: tuple[int, ...]) -> tuple[int, ...]:
    axis = choose.below(len(shape)) if shape else 0
    sizes = [(*shape[:axis], n, *shape[axis + 1 :]) for n in (0, 1, 2, 3, 5, 100)] if shape else []
    return choose.mostly(shape, (*sizes, shape[:-1], (*shape, 1), (*shape, 2), shape[::-1], ()), 5)


def _unaligned(array: Any) -> Any:
    if array.dtype.hasobject:
        return array
    raw = np.zeros(array.nbytes + 1, np.uint8)
    other = raw[1:].view(array.dtype).reshape(array.shape)
    other[...] = array
    return other


def _spread(array: Any) -> Any:
    """Every second entry along each axis of another array."""
    if not array.ndim:
        return array
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _enormous(array: Any) -> Any:
    """So many equal rows that their copy has 2³¹ entries at least; they take no memory."""
    if not array.size or not array.ndim:
        return array
    return np.broadcast_to(array[:1], (_HUGE, *array.shape[1:]))


def _overlapping(array: Any) -> Any:
    if array.ndim != 2 or not array.size:
        return array
    return as_strided(array, strides=(array.itemsize, array.itemsize))


_LAYOUTS: tuple[Callable[[Any], Any], ...] = (
    np.asfortranarray,
    lambda a: a[::-1] if a.ndim else a,
    _spread,
    _read_only,
    _unaligned,
    _enormous,
    _overlapping,
    lambda a: a.tolist(),
    lambda a: a.view(np.recarray),
    lambda a: np.ma.masked_equal(a, 1.0) if a.dtype.kind == "f" else a,
)


def _sizes(choose: Choices) -> list[int]:
    return [choose.of((1, 2, 3, 8, 9, 33)) for _ in range(2 + choose.below(3))]


def _plan(choose: Choices) -> tuple[Network, Plan]:
    sizes, dtype = _sizes(choose), choose.of(("float32", "float64"))
    hidden = choose.of(("relu", "tanh", "gelu", "identity"))
    loss, output = choose.of((("squared_error", "identity"), ("binary_cross_entropy", "logistic"), ("cross_entropy", "softmax"), ("poisson", "exponential"), ("huber", "identity")))  # fmt: skip
    network = Network.of_sizes(sizes, hidden, output, dtype=dtype)
    rule = choose.of(tuple(OPTIMIZERS.values()))
    rates = choose.of((Groups(), Groups(), Groups(scales=6.0), Groups(biases=0.1)))
    share = choose.of((0.0, 0.0, 0.5))
    return network, Plan.of(network, loss, rule, batch_size=choose.of((1, 3, 8, 1 << 40)), dropout=share, groups=rates)  # fmt: skip


def _doors(data: bytes, folder: Path) -> None:
    """What users call: a training and a prediction, with odd arrays."""
    choose = Choices(data)
    network, plan = _plan(choose)
    d, k, n = plan.layer_sizes[0], plan.layer_sizes[-1], choose.of((1, 2, 5, 12))
    X, y = _array(choose, (n, d), plan.dtype), _array(choose, (n, k), plan.dtype)
    weights = _array(choose, (n,), plan.dtype) if choose.below(3) == 0 else None
    threads = choose.of((1, 1, 2, 3))
    refused = 0
    for call in (
        lambda: train(network, X, y, loss=plan.loss, optimizer=plan.optimizer, epochs=2, batch_size=None if plan.optimizer.takes_all_rows else plan.batch_size, weights=weights, engine="native", threads=threads, groups=plan.groups),
        lambda: predictor(network, threads)(X),
    ):  # fmt: skip
        try:
            with np.errstate(over="ignore"):  # numbers beyond float32 become infinite there
                call()
        except ChainruleError:
            refused += 1
    if refused == 2:
        raise InvalidValue("both refused")


def _bindings(data: bytes, folder: Path) -> None:
    """The compiled module itself; arrays of no type that it takes are refused by TypeError there."""
    choose = Choices(data)
    refused = [_run, _engine, _forward][choose.below(3)](choose)
    if refused:
        raise InvalidValue(f"{refused} calls were refused")


def _counted(calls: Sequence[Callable[[], object]]) -> int:
    """How many of the calls are refused; they are made in turn, whatever becomes of the others."""
    refused = 0
    for call in calls:
        try:
            call()
        except (ChainruleError, TypeError, MemoryError):  # a copy of an enormous array
            refused += 1
    return refused


_BIG = (0, -1, 1, 2, 3, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))


def _layers(choose: Choices) -> list[tuple[int, int, str, float]]:
    sizes = _sizes(choose)
    described = [
        (
            choose.mostly(a, _BIG, 16),
            choose.mostly(b, _BIG, 16),
            choose.mostly("relu", ("softmax", "identity", "mish", "rely"), 6),
            choose.mostly(0.0, (0.5, 0.999, 1.0, -1.0, np.nan), 8),
        )
        for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    return choose.mostly(described, ([], described * 2, described[::-1]), 12)


def _run(choose: Choices) -> int:
    """A compiled run with a plan that may be wrong in every part."""
    module, layers = compiled.module(), _layers(choose)
    bits = choose.of((32, 64))
    dtype = f"float{bits}"
    n, d, k = choose.of((1, 2, 7)), layers[0][0] if layers else 1, layers[-1][1] if layers else 1
    d, k = (size if 0 < size < 100 else 2 for size in (d, k))
    loss = choose.of(("squared_error", "cross_entropy", "quantile", "poisson", "surprise"))
    x, t = _array(choose, (n, d), dtype), _array(choose, (n, k), dtype)
    w = _array(choose, (n,), dtype) if choose.below(4) == 0 else None
    rule = {"name": choose.of(("sgd", "adam", "nadam", "lion", "rmsprop", "backtracking", "lbfgs", "adan")), "beta1": choose.mostly(0.9, _NUMBERS), "epsilon": choose.mostly(1e-8, _NUMBERS)}  # fmt: skip
    factors = [(rule, choose.mostly(1.0, _NUMBERS))] * choose.mostly(len(layers), (0, 1, 9))
    groups = {"weights": factors, "biases": factors, "scales": choose.of((None, (rule, 2.0)))}
    made: list[Any] = []
    described = {
        "layers": layers, "loss": loss, "levels": [0.5] * choose.mostly(k if loss == "quantile" else 0, (0, 1, 3)),
        "optimizer": rule, "penalty": choose.mostly(0.0, _NUMBERS), "groups": groups if choose.below(3) == 0 else None,
        "batch_size": choose.mostly(3, _BIG), "seed": choose.mostly(0, (2**64 - 1, 2**64, -1)), "shuffle": bool(choose.below(2)),
        "x": x, "target": t, "weight": w, "threads": choose.mostly(1, (0, -1, 2, 3, 7)), "cores": choose.mostly(1, (0, -5, 2)),
    }  # fmt: skip
    refused = _counted([lambda: made.append(getattr(module, f"Run{bits}")(**described))])
    if not made:
        return refused
    run, steps = made[0], choose.mostly(-(-n // 3), (0, 1, 2, 9))
    rows = _array(choose, (n,), "int64")
    slot, layer = choose.mostly(-1, (-3, -2, 0, 1, 2, 99)), choose.mostly(0, (-1, 1, 2, 99))
    losses = _array(choose, (steps,), "float64")
    return _counted(
        [
            lambda: run.read(-2, 0),  # before there is a gradient
            lambda: run.epoch(choose.mostly(0, _BIG), choose.mostly(0.1, _NUMBERS)),
            lambda: run.epoch_with_rates(1, [0.1] * steps, losses),
            lambda: run.epoch_over(2, [0.1], rows, losses, losses, choose.mostly(0, _BIG)),
            lambda: run.epochs(3, 0.1, losses),
            lambda: run.evaluate(x, t, w),
            lambda: run.predict(_array(choose, (n, d), dtype)),
            lambda: run.loss_and_gradient(x, t, w),
            lambda: run.read(slot, layer),
            lambda: run.write(slot, layer, *(_array(choose, shape, dtype) for shape in ((d, k), (k,)))),
            lambda: run.read_scales(slot),
            lambda: run.write_scale_moments(slot, _array(choose, (d,), dtype)),
            lambda: run.write_scaled(_array(choose, (d,), dtype), _array(choose, (d, k), dtype)),
            run.read_unscaled,
            lambda: setattr(run, "updates", choose.mostly(0, _BIG[:8])),
            lambda: setattr(run, "accepted", choose.mostly(0.0, _NUMBERS)),
            lambda: run.epoch(4, 0.1),
            lambda: run.read(-2, 0),
        ]
    )  # fmt: skip


def _engine(choose: Choices) -> int:
    """The engine in front of a compiled run, with a plan that is right."""
    network, plan = _plan(choose)
    d, k, n = plan.layer_sizes[0], plan.layer_sizes[-1], choose.of((1, 2, 5, 12))
    X, t = _array(choose, (n, d), plan.dtype), _array(choose, (n, k), plan.dtype)
    made: list[NativeEngine] = []
    refused = _counted(
        [lambda: made.append(NativeEngine(plan, network, np.asanyarray(X), np.asanyarray(t), threads=choose.of((1, 2, 3))))]
    )  # fmt: skip
    if not made:
        return refused
    engine, state = made[0], made[0].state()
    state.parameters = [(_array(choose, W.shape, plan.dtype), b) for W, b in state.parameters]
    return _counted(
        [
            lambda: engine.epoch(0, 0.1),
            lambda: engine.evaluate(_array(choose, (n, d), plan.dtype), t),
            lambda: engine.predict(np.asanyarray(_array(choose, (n, d), plan.dtype))),
            lambda: engine.loss_and_gradient(X, _array(choose, (n, k), plan.dtype)),
            lambda: engine.load(state),
            lambda: engine.epoch(1, 0.1),
        ]
    )


def _forward(choose: Choices) -> int:
    """A compiled forward pass."""
    module, layers, bits = compiled.module(), _layers(choose), choose.of((32, 64))
    made: list[Any] = []
    refused = _counted(
        [lambda: made.append(getattr(module, f"Predictor{bits}")(layers, choose.mostly(1, (0, -1, 2, 99))))]
    )  # fmt: skip
    if not made:
        return refused
    dtype, (d, k) = f"float{bits}", layers[0][:2]
    d, k = (size if size < 100 else 2 for size in (d, k))
    n = choose.of((0, 1, 2, 97, 200))
    return _counted(
        [
            lambda: made[0].write(choose.mostly(0, (-1, 1, 9)), *(_array(choose, shape, dtype) for shape in ((d, k), (k,)))),
            lambda: made[0](_array(choose, (n, d), dtype)),
            lambda: made[0](_array(choose, (d,), dtype)),
        ]
    )  # fmt: skip


def _random(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((8, 40, 120, 400)))


TARGETS = (Target("doors", _random, _doors), Target("bindings", _random, _bindings))
