"""`Network.from_onnx`: dense graphs come back exactly, others are refused in words."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tests.export.subjects import hostile_model
from torch import nn

from chainrule import ACTIVATIONS, ChainruleError, Network
from chainrule.arrays import DType
from chainrule.errors import InvalidValue, MissingFile, ModelFileError
from chainrule.export import to_onnx

W = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
B = np.array([0.5, -1, 2, 0], np.float32)
X = np.random.default_rng(0).normal(0, 4, (50, 3))


def same(one: Network, other: Network) -> bool:
    """Whether two networks are equal to the last bit."""
    return one.activations == other.activations and all(
        p.W.tobytes() == q.W.tobytes() and p.b.tobytes() == q.b.tobytes()
        for p, q in zip(one.layers, other.layers, strict=True)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("phi", ACTIVATIONS)
def test_there_and_back(phi: str, dtype: DType, tmp_path: Path) -> None:
    hidden = "tanh" if phi == "exponential" else phi
    network = Network.of_sizes([3, 5, 4, 2], hidden, phi, dtype=dtype)
    to_onnx(network, tmp_path / "it.onnx")
    assert same(Network.from_onnx(tmp_path / "it.onnx"), network)
    session = onnxruntime.InferenceSession(tmp_path / "it.onnx")
    (said,) = session.run(["output"], {"rows": X.astype(dtype)})
    assert said.dtype == dtype
    assert np.allclose(
        said, network(X.astype(dtype)), rtol=1e-6, atol=2e-6 if dtype == "float32" else 2e-7
    )


def module(phi: type[nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3, 4),
        phi(),
        nn.Dropout(),
        nn.Linear(4, 4, bias=False),
        phi(),
        nn.Linear(4, 1),
    )


@pytest.mark.parametrize(
    "phi",
    [
        nn.ReLU,
        nn.LeakyReLU,
        nn.Sigmoid,
        nn.Tanh,
        nn.Softplus,
        nn.ELU,
        nn.SELU,
        nn.GELU,
        nn.SiLU,
        nn.Mish,
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_pytorch_writes(phi: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    its = module(phi).eval()
    path = tmp_path / "it.onnx"
    torch.onnx.export(
        its, (torch.zeros(2, 3),), path, dynamo=False, opset_version=13 if phi is nn.GELU else 17
    )
    assert same(Network.from_onnx(path), Network.from_torch(its))
    assert Network.from_onnx(path, output="logistic").activations[-1] == "logistic"


def written(
    tmp_path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    inputs: tuple[str, ...] = ("x",),
    **more: Any,
) -> Path:
    """A graph by hand, from x to y."""
    takes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in inputs]
    gives = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in more.get("outputs", ("y",))
    ]
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", takes, gives, tensors))
    path = tmp_path / "by hand.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def node(operator: str, *names: str, **settings: Any) -> Any:
    *takes, gives = names
    return helper.make_node(operator, takes, [gives], **settings)


def constant(name: str, value: Any) -> Any:
    return helper.make_node(
        "Constant", [], [name], value=numpy_helper.from_array(np.asarray(value))
    )


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Gemm", "x", "W", "b", "y")], {"W": W, "b": B}),
        ([node("Gemm", "x", "W", "b", "y", transB=1)], {"W": W.T.copy(), "b": B[None]}),
        ([node("MatMul", "x", "W", "u"), node("Add", "b", "u", "y")], {"W": W, "b": B}),
        ([constant("W", W), constant("b", B), node("Gemm", "x", "W", "b", "y")], {}),
        (
            [node("Transpose", "V", "W", perm=[1, 0]), node("Identity", "b", "c"), node("Gemm", "x", "W", "c", "y")],
            {"V": W.T.copy(), "b": B},
        ),
        (
            [node("Flatten", "x", "f"), node("MatMul", "f", "W", "u"), node("Add", "u", "b", "v"), node("Dropout", "v", "y")],
            {"W": W, "b": B},
        ),
    ],
)  # fmt: skip
def test_the_ways_to_write_a_layer(
    nodes: list[Any], constants: dict[str, Any], tmp_path: Path
) -> None:
    (layer,) = Network.from_onnx(written(tmp_path, nodes, constants)).layers
    assert (layer.W == W).all() and (layer.b == B).all() and layer.activation.name == "identity"


@pytest.mark.parametrize(
    ("nodes", "constants", "why"),
    [
        ([node("Gemm", "x", "W", "u"), node("HardSwish", "u", "y")], {"W": W}, "the node HardSwish has no twin here"),
        ([node("Gemm", "x", "W", "u"), node("LogSoftmax", "u", "y")], {"W": W}, 'leave it out, and give output="softmax"'),
        ([node("Gemm", "x", "W", "u"), node("LeakyRelu", "u", "y", alpha=0.2)], {"W": W}, "the node LeakyRelu has no twin"),
        ([node("Gemm", "x", "W", "u"), node("Elu", "u", "v"), node("Relu", "v", "y")], {"W": W}, "the node Relu has no twin"),
        ([node("Gemm", "x", "W", "y", alpha=2.0)], {"W": W}, "a layer is zW \\+ b, without factors"),
        ([node("Gemm", "x", "W", "y", transA=1)], {"W": W}, "a layer is zW \\+ b, without factors"),
        ([node("MatMul", "W", "x", "y")], {"W": W}, "what it multiplies by is no matrix"),
        ([node("Gemm", "x", "W", "b", "y")], {"W": W, "b": W}, "what it adds is no row of numbers"),
        ([node("Gemm", "x", "W", "y")], {"W": W.astype(np.float16)}, "'W' is not of float32 or float64"),
        ([node("Gemm", "x", "W", "y")], {"W": np.full_like(W, np.inf)}, "'W' holds numbers that are not finite"),
        ([node("Relu", "x", "z"), node("Gemm", "z", "W", "y")], {"W": W}, "before its first layer"),
        ([node("Gemm", "x", "W", "u"), node("Gemm", "x", "W", "v"), node("Mul", "u", "v", "y")], {"W": W}, "the graph branches"),
        ([node("Gemm", "x", "W", "u"), node("Flatten", "u", "f"), node("Gemm", "f", "V", "y")], {"W": W, "V": W.T}, "stands between layers"),
        ([node("Identity", "x", "y")], {}, "does not lead from its input to its output over layers"),
        ([node("Gemm", "z", "W", "y"), node("Gemm", "x", "W", "z")], {"W": W}, "does not add up at the node Gemm"),
        ([helper.make_node("Identity", [], ["z"]), node("Gemm", "z", "W", "y")], {"W": W}, "does not add up at the node Identity"),
        ([helper.make_node("Identity", [""], ["z"]), node("Gemm", "z", "W", "y")], {"W": W}, "does not add up at the node Identity"),
        ([node("Gemm", "x", "W", "y"), node("Gemm", "x", "W", "y")], {"W": W}, "does not add up at the node Gemm"),
        ([node("Gemm", "x", "", "y")], {}, "what it multiplies by is no matrix"),
        ([node("Gemm", "", "W", "y")], {"W": W}, "does not lead from its input"),
        ([node("MatMul", "x", "y")], {}, "has no twin here"),
        ([helper.make_node("Gemm", ["x", "W"], ["y"], "", "", "my.own")], {"W": W}, "the node my.own.Gemm is none of"),
        ([node("Gemm", "x", "W", "u"), *(node("Mul", f"{'u' * k}", "u" * k, "u" * (k + 1)) for k in range(1, 90)), node("Relu", "u" * 90, "y")], {"W": W}, "has no twin"),
        ([node("Gemm", "x", "W", "y")], {"W": W[:0]}, "what it multiplies by is no matrix"),
    ],
)  # fmt: skip
def test_other_graphs_are_refused(
    nodes: list[Any], constants: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ChainruleError, match=why):
        Network.from_onnx(written(tmp_path, nodes, constants))


def test_weights_used_over_and_over(tmp_path: Path) -> None:
    """A small file does not become a large network."""
    Q = np.eye(64, dtype=np.float32)
    nodes = [node("Gemm", "x" if not k else f"u{k}", "Q", f"u{k + 1}") for k in range(500)]
    nodes.append(node("Gemm", "u500", "Q", "y"))
    with pytest.raises(InvalidValue, match="its layers hold more numbers than the file"):
        Network.from_onnx(written(tmp_path, nodes, {"Q": Q}))


def test_a_model_with_its_columns_is_no_network(tmp_path: Path) -> None:
    model, _ = hostile_model("numbers")
    to_onnx(model, tmp_path / "it.onnx")
    with pytest.raises(InvalidValue, match=r"the graph takes 25 values \('age \"in"):
        Network.from_onnx(tmp_path / "it.onnx")
    path = written(
        tmp_path,
        [node("Gemm", "x", "W", "y"), node("Relu", "y", "z")],
        {"W": W},
        outputs=("y", "z"),
    )
    with pytest.raises(InvalidValue, match=r"the graph gives 2 values \('y', 'z'\)"):
        Network.from_onnx(path)


def test_numbers_elsewhere_are_not_fetched(tmp_path: Path) -> None:
    path = written(tmp_path, [node("Gemm", "x", "W", "y")], {"W": W})
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InvalidValue, match="its numbers lie in another file"):
        Network.from_onnx(path)


def test_an_output_on_top_of_another(tmp_path: Path) -> None:
    path = written(tmp_path, [node("Gemm", "x", "W", "u"), node("Sigmoid", "u", "y")], {"W": W})
    with pytest.raises(
        InvalidValue, match="ends in logistic, so it has no room for the output 'softmax'"
    ):
        Network.from_onnx(path, output="softmax")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="there is no file"):
        Network.from_onnx(tmp_path / "absent.onnx")
    with pytest.raises(ModelFileError, match="cannot be read"):
        Network.from_onnx(tmp_path)
    for content in (b"", b"not a model", b"\x08\x01"):
        (tmp_path / "it.onnx").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"it\.onnx: it is no file of ONNX"):
            Network.from_onnx(tmp_path / "it.onnx")


def test_damage_ends_in_a_refusal(tmp_path: Path) -> None:
    """600 files with bytes changed, cut or doubled: a network or a refusal, nothing else."""
    path = tmp_path / "it.onnx"
    to_onnx(Network.of_sizes([3, 5, 4, 2], ["silu", "gelu"], "softmax"), path)
    whole, chance, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(600):
        damaged = bytearray(whole)
        start = chance.randrange(len(whole))
        match chance.randrange(3):
            case 0:
                damaged[start] = chance.randrange(256)
            case 1:
                del damaged[start : start + chance.randrange(1, 40)]
            case _:
                damaged[start:start] = damaged[start : start + chance.randrange(1, 40)]
        path.write_bytes(damaged)
        try:
            assert isinstance(Network.from_onnx(path), Network)
        except ChainruleError:
            refused += 1
    assert 200 < refused < 600
