"""Layers, networks, traces, and their refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from chainrule import Activation, Layer, Network
from chainrule.arrays import DType
from chainrule.chance import key, uniform
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.initializers import INITIALIZERS, initial, limit

LECTURE = [2, 20, 40, 20, 1]


def layer(d: int, e: int, dtype: str = "float64") -> Layer:
    return Layer(np.zeros((d, e), dtype), np.zeros(e, dtype), "relu")


def test_a_layer_is_phi_of_an_affine_map() -> None:
    one = Layer([[1.0, -1.0], [2.0, 0.5]], [0.0, 1.0], "relu")
    assert one.affine(np.array([1.0, 1.0])).tolist() == [3.0, 0.5]
    assert one(np.array([[1.0, 1.0], [0.0, -4.0]])).tolist() == [[3.0, 0.5], [0.0, 0.0]]
    assert (one.inputs, one.outputs) == (2, 2)
    assert repr(one) == "Layer(2×2, relu, float64)"


def test_a_layer_is_the_transpose_of_a_linear_module() -> None:
    module = torch.nn.Linear(3, 2)
    one = Layer(module.weight.detach().numpy().T, module.bias.detach().numpy())
    X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(one(X), module(torch.tensor(X)).detach().numpy(), atol=1e-6)


def test_a_layer_owns_its_arrays() -> None:
    W, b = np.ones((2, 1)), np.zeros(1)
    one = Layer(W, b)
    W[:] = 5
    assert one.W.tolist() == [[1], [1]]
    assert Layer(np.asfortranarray(np.ones((3, 2))), [0, 0]).W.flags.c_contiguous


def test_types_of_a_layer() -> None:
    assert Layer([[1, 2]], [3, 4]).W.dtype == "float64"
    assert Layer(np.ones((1, 2), "float32"), [3, 4]).b.dtype == "float32"
    assert Layer([[-1.0], [-1.0]], 0.5).b.tolist() == [0.5]


@pytest.mark.parametrize(
    ("W", "b", "error", "words"),
    [
        ([1.0, 2.0], [0.0], ShapeError, r"W is a matrix \(inputs, outputs\), got shape \(2,\)"),
        (np.zeros((2, 0)), [], ShapeError, r"got shape \(2, 0\)"),
        ([[1.0, 2.0]], [0.0], ShapeError, r"W is 1×2, so b is \(2,\); got \(1,\)"),
        ([["a"]], [0.0], InvalidValue, "W must be numbers, got an array of <U1"),
        (np.ones((1, 1), "float32"), np.ones(1), InvalidValue, "W is float32 and b is float64"),
    ],
)
def test_pieces_that_do_not_fit_are_refused(
    W: object, b: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Layer(W, b)  # type: ignore[arg-type]


def test_the_lectures_network() -> None:
    network = Network.of_sizes(LECTURE, output="logistic")
    assert network.sizes == (2, 20, 40, 20, 1)
    assert network.activations == ("relu", "relu", "relu", "logistic")
    assert network.dtype == "float32"
    assert network.parameter_count == 2 * 20 + 20 + 20 * 40 + 40 + 40 * 20 + 20 + 20 + 1 == 1741
    assert network.layer(1).W.shape == (20, 1) and network.layer(4).W.shape == (2, 20)
    assert repr(network) == "Network(2-20-40-20-1, relu, relu, relu, logistic, float32)"


def test_the_trace_has_every_u_and_z_under_the_lectures_numbers() -> None:
    network = Network.of_sizes(LECTURE, activation=["relu", "tanh", "silu"], dtype="float64")
    X = np.random.default_rng(1).normal(size=(7, 2))
    trace = network.trace(X)
    assert list(trace.z) == [5, 4, 3, 2, 1] and list(trace.u) == [5, 4, 3, 2]
    assert [trace.z[r].shape[1] for r in (5, 4, 3, 2, 1)] == LECTURE
    assert np.array_equal(trace.z[5], X)
    for r in (4, 3, 2, 1):
        u = trace.z[r + 1] @ network.layer(r).W + network.layer(r).b
        np.testing.assert_array_equal(trace.u[r + 1], u)
        np.testing.assert_array_equal(trace.z[r], network.layer(r).activation.value(u))
    np.testing.assert_array_equal(network(X), trace.z[1])
    np.testing.assert_array_equal(network.logits(X), trace.u[2])


def test_one_row_keeps_its_shape() -> None:
    network = Network.of_sizes([3, 4, 2], output="softmax", dtype="float64")
    X = np.random.default_rng(1).normal(size=(5, 3))
    assert network(X[0]).shape == (2,)
    np.testing.assert_allclose(network(X[0]), network(X)[0], rtol=1e-14)
    assert network.trace(X[0]).z[2].shape == (4,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_come_in_the_type_of_the_network(dtype: DType) -> None:
    network = Network.of_sizes([2, 3, 1], dtype=dtype)
    assert network([[1, 2], [3, 4]]).dtype == dtype
    assert network(np.array([[True, False]])).shape == (1, 1)


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.zeros((4, 3)), ShapeError, "layer 2 takes rows of 2 numbers, got 3: W_2 is 2×5$"),
        (np.zeros((2, 5)), ShapeError, "layer 2 takes rows of 2 numbers, got 5: W_2 is 2×5; did"),
        (np.zeros((1, 2, 2)), ShapeError, r"data are rows \(n, 2\), got shape \(1, 2, 2\)"),
        (1.0, ShapeError, r"data are rows \(n, 2\), got shape \(\)"),
        ([["a", "b"]], InvalidValue, "rows must be numbers, got an array of <U1"),
    ],
)
def test_rows_that_do_not_fit_are_refused(X: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Network.of_sizes([2, 5, 1])(X)  # type: ignore[arg-type]


def test_the_shape_error_is_the_designs() -> None:
    """W_2 given as 20×40 where 40 numbers come in."""
    with pytest.raises(ShapeError) as caught:
        Network([layer(2, 20), layer(20, 40), layer(20, 40), layer(20, 1)])
    assert str(caught.value) == (
        "layer 2 takes rows of 20 numbers, got 40: W_2 is 20×40; did you pass its transpose?"
    )


def test_a_chain_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"layer 1 takes rows of 4 numbers, got 3: W_1 is 4×1$"):
        Network([layer(2, 3), layer(4, 1)])
    with pytest.raises(InvalidValue, match="at least one layer"):
        Network([])
    with pytest.raises(InvalidValue, match="of two types, float32 and float64"):
        Network([layer(2, 3), layer(3, 1, "float32")])


@pytest.mark.parametrize("r", [0, 3, -1])
def test_layers_are_numbered_from_the_output(r: int) -> None:
    with pytest.raises(InvalidValue, match=rf"numbered 1 \(output\) to 2, got {r}"):
        Network.of_sizes([2, 3, 1]).layer(r)


@pytest.mark.parametrize(
    ("sizes", "activation", "words"),
    [
        ([2], "relu", r"two or more, each at least 1, got \[2\]"),
        ([2, 0, 1], "relu", r"each at least 1, got \[2, 0, 1\]"),
        ([2, 3, 1], ["relu", "tanh"], "1 hidden layers, 2 activations for them"),
    ],
)
def test_sizes_that_make_no_network_are_refused(
    sizes: list[int], activation: str, words: str
) -> None:
    with pytest.raises(InvalidValue, match=words):
        Network.of_sizes(sizes, activation)


def test_names_that_are_not_there() -> None:
    with pytest.raises(UnknownName, match=r"no activation is called 'rely'; did you mean 'relu'\?"):
        Network.of_sizes([2, 3, 1], "rely")
    with pytest.raises(UnknownName, match="no dtype is called 'float16'"):
        Network.of_sizes([2, 3, 1], dtype="float16")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="no initializer is called 'xavier'"):
        Network.of_sizes([2, 3, 1], initializer="xavier")


def test_a_copy_has_parameters_of_its_own() -> None:
    network = Network.of_sizes([2, 3, 1])
    other = network.copy()
    other.layers[0].W[:] = 0
    assert network.layers[0].W.any() and other.activations == network.activations


def test_the_seed_makes_the_parameters() -> None:
    one, same, other = (Network.of_sizes(LECTURE, seed=seed) for seed in (1, 1, 2))
    for p, q, r in zip(one.layers, same.layers, other.layers, strict=True):
        assert np.array_equal(p.W, q.W) and not np.array_equal(p.W, r.W)
        assert not p.b.any()
    wide = Network.of_sizes(LECTURE, seed=1, dtype="float64")
    assert np.array_equal(wide.layers[1].W.astype("float32"), one.layers[1].W)


@pytest.mark.parametrize(
    ("initializer", "activation", "c"),
    [
        ("auto", "relu", np.sqrt(6 / 50)),
        ("auto", "gelu", np.sqrt(6 / 50)),
        ("auto", "selu", np.sqrt(3 / 50)),
        ("auto", "tanh", np.sqrt(6 / 80)),
        ("auto", "softmax", np.sqrt(6 / 80)),
        ("he", "tanh", np.sqrt(6 / 50)),
        ("glorot", "relu", np.sqrt(6 / 80)),
        ("lecun", "relu", np.sqrt(3 / 50)),
        ("torch", "relu", np.sqrt(1 / 50)),
    ],
)
def test_initial_parameters(initializer: str, activation: str, c: float) -> None:
    W, b = initial(initializer, activation, 50, 30, 4, 2, "float64")
    assert W.shape == (50, 30) and b.shape == (30,)
    assert abs(W).max() < c and abs(W).max() > 0.99 * c
    assert W.std() == pytest.approx(c / np.sqrt(3), rel=0.05)
    np.testing.assert_array_equal(W.ravel(), c * (2 * uniform(1530, key(4, 2, 2))[:1500] - 1))
    assert b.any() == (initializer == "torch")


def test_pytorchs_own_linear_is_within_the_torch_limit() -> None:
    module = torch.nn.Linear(50, 2000)
    c = limit("torch", 50, 2000)
    assert float(module.weight.detach().abs().max()) == pytest.approx(c, rel=1e-3)
    assert float(module.bias.detach().abs().max()) == pytest.approx(c, rel=1e-2)
    assert INITIALIZERS == ("auto", "he", "glorot", "lecun", "torch", "normal")


NOT_XOR = """{
  "layers": [
    {"W": [[1, -1], [-1, 1]], "b": [0, 0], "activation": "relu"},
    {"W": [[-1], [-1]], "b": [0.5], "activation": "logistic"}
  ]
}"""


def test_a_network_is_written_by_hand() -> None:
    network = Network.from_json(NOT_XOR)
    assert repr(network) == "Network(2-2-1, relu, logistic, float64)"
    assert network.logits([[0, 0], [1, 0], [0, 1], [1, 1]]).tolist() == [
        [0.5],
        [-0.5],
        [-0.5],
        [0.5],
    ]
    text = network.to_json()
    assert text == NOT_XOR.replace("{\n", '{\n  "dtype": "float64",\n', 1) + "\n"
    assert len(text.splitlines()) < 10


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_json_keeps_every_bit(dtype: DType) -> None:
    network = Network.of_sizes([3, 4, 2], "tanh", "softmax", dtype=dtype, initializer="torch")
    network.layers[0].W[0, :3] = -0.0, 1e-30, 3e7
    back = Network.from_json(network.to_json())
    assert (back.activations, back.dtype) == (network.activations, dtype)
    for one, other in zip(network.layers, back.layers, strict=True):
        assert one.W.tobytes() == other.W.tobytes()
        assert one.b.tobytes() == other.b.tobytes()


def test_what_a_layer_leaves_out_is_zero_and_the_identity() -> None:
    network = Network.from_json('{"dtype": "float32", "layers": [{"W": [[2], [3]]}]}')
    assert repr(network) == "Network(2-1, identity, float32)"
    assert network([1.0, 1.0]).tolist() == [5.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "a network by hand is JSON text"),
        ("[]", "a network is a JSON object with the fields dtype, layers"),
        ("{}", 'a network has "layers", a list'),
        ('{"layers": []}', "a network has at least one layer"),
        ('{"layers": [1]}', 'entry 1 of "layers" is a JSON object'),
        ('{"layers": [{"b": [1]}]}', 'entry 1 of "layers" has no W'),
        ('{"layers": [{"W": 5}]}', "W is a matrix"),
        ('{"layers": [{"W": [[1, 2], [3]]}]}', "the rows of W differ in length"),
        ('{"layers": [{"W": [["1"]]}]}', "W must be numbers"),
        ('{"layers": [{"W": [[NaN]]}]}', "NaN is no finite number"),
        ('{"layers": [{"W": [[1e400]]}]}', "float64 has no finite value"),
        ('{"dtype": "float32", "layers": [{"W": [[1e39]]}]}', "float32 has no finite value"),
        ('{"layers": [{"W": [[1]], "bias": [0]}]}', "no field of entry 1"),
        ('{"layers": [{"W": [[1]], "activation": "rely"}]}', "did you mean 'relu'"),
        ('{"layers": [{"W": [[1]]}, {"W": [[1], [2]]}]}', "layer 1 takes rows of 2 numbers, got 1"),
        ('{"dtype": "int8", "layers": [{"W": [[1]]}]}', "no dtype is called 'int8'"),
        ("[" * 100_000, "a network by hand is JSON text"),
    ],
)
def test_json_that_is_no_network(text: str, words: str) -> None:
    with pytest.raises((InvalidValue, ShapeError, UnknownName), match=re.escape(words)):
        Network.from_json(text)


def test_json_has_no_word_for_what_is_not_finite_or_ones_own() -> None:
    network = Network.from_json(NOT_XOR)
    network.layers[0].b[0] = np.inf
    with pytest.raises(InvalidValue, match="not finite"):
        network.to_json()
    mine = Activation("mine", np.sin, np.cos)
    with pytest.raises(InvalidValue, match="'mine'"):
        Network([Layer([[1.0]], [0.0], mine)]).to_json()


def test_the_normal_initializer_has_its_variances() -> None:
    layer = Network.of_sizes([400, 600], initializer="normal", dtype="float64", seed=3).layers[0]
    z = layer.W * 20  # variance 1/d
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01
    assert abs((z**4).mean() - 3) < 0.1  # as a normal distribution's
    assert abs(layer.b.mean()) < 0.15 and abs(layer.b.std() - 1) < 0.1
    assert len(np.unique(layer.W)) == layer.W.size
