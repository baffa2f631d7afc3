"""Modules of PyTorch to networks and back: the same weights, the same outputs."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule import Layer, Network
from chainrule.activations import ACTIVATIONS, Activation
from chainrule.errors import InvalidValue, MissingExtra
from chainrule.torch import doors

ROWS = np.random.default_rng(0).normal(size=(7, 2))


class LectureNet(nn.Module):
    """As the lecture writes it, with one output."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, 20)
        self.fc2 = nn.Linear(20, 40)
        self.fc3 = nn.Linear(40, 20)
        self.fc4 = nn.Linear(20, 1)
        self.ReLU = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        z = self.ReLU(self.fc1(x))
        z = self.ReLU(self.fc2(z))
        z = self.ReLU(self.fc3(z))
        return torch.sigmoid(self.fc4(z))


class Functional(nn.Module):
    """Functions, methods, dropout and a flattening in one forward."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(2, 5), nn.Sequential(nn.Tanh(), nn.Dropout(0.5))
        )
        self.middle = nn.Linear(5, 4, bias=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = F.dropout(F.leaky_relu(self.middle(self.body(x)), 0.01), 0.1, self.training)
        return self.head(z).softmax(dim=1)


def out(module: nn.Module, rows: np.ndarray[Any, Any] = ROWS) -> np.ndarray[Any, Any]:
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        return np.asarray(module.eval()(torch.tensor(rows, dtype=dtype)).numpy())


def test_the_lectures_module() -> None:
    module = LectureNet()
    network = Network.from_torch(module)
    assert network.sizes == (2, 20, 40, 20, 1)
    assert network.activations == ("relu", "relu", "relu", "logistic")
    np.testing.assert_array_equal(network.layer(4).W, module.fc1.weight.detach().numpy().T)
    np.testing.assert_array_equal(network.layer(1).b, module.fc4.bias.detach().numpy())
    np.testing.assert_allclose(network(ROWS), out(module), rtol=1e-6)


def test_nested_parts_functions_methods_and_no_bias() -> None:
    module = Functional()
    network = Network.from_torch(module)
    assert network.sizes == (2, 5, 4, 3)
    assert network.activations == ("tanh", "leaky_relu", "softmax")
    assert not network.layer(2).b.any()
    np.testing.assert_allclose(network(ROWS), out(module), rtol=1e-5)


def test_the_module_stays_as_it_was_and_shares_no_memory() -> None:
    module = Functional().train()
    before = copy.deepcopy(module.state_dict())
    network = Network.from_torch(module)
    for layer in network.layers:
        layer.W[...], layer.b[...] = 0, 0
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_logits_and_the_output_that_they_mean() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    assert Network.from_torch(module).activations == ("relu", "identity")
    network = Network.from_torch(module, output="logistic")
    assert (network.activations[-1], network.dtype) == ("logistic", "float64")
    np.testing.assert_allclose(network(ROWS), 1 / (1 + np.exp(-out(module))), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_there_and_back(name: str, dtype: Any) -> None:
    for sizes, hidden, output in (([2, 4, 3], name, "identity"), ([2, 4, 3], "tanh", name)):
        network = Network.of_sizes(sizes, hidden, output, seed=3, dtype=dtype)
        for layer in network.layers:
            layer.b[...] = np.linspace(-0.5, 0.5, len(layer.b))
        module = network.to_torch()
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        returned = network.logits(ROWS) if module.link != "identity" else network(ROWS)
        np.testing.assert_allclose(out(module), returned, rtol=tolerance, atol=tolerance / 10)
        again = Network.from_torch(module, None if module.link == "identity" else module.link)
        if name != "exponential" or hidden != name:  # ours is a module of its own
            assert again.activations == network.activations
        for ours, theirs in zip(network.layers, again.layers, strict=True):
            np.testing.assert_array_equal(ours.W, theirs.W)
            np.testing.assert_array_equal(ours.b, theirs.b)


@pytest.mark.parametrize(
    ("sizes", "output"),
    [([2, 4, 1], "logistic"), ([2, 4, 3], "softmax"), ([2, 4, 3], "logistic"), ([2, 4, 2], "identity"),
     ([2, 4, 1], "exponential")],
)  # fmt: skip
def test_predict(sizes: list[int], output: str) -> None:
    network = Network.of_sizes(sizes, output=output, seed=1, dtype="float64")
    z = network(ROWS)
    expected: Any = z
    if output == "softmax":
        expected = z.argmax(axis=1)
    elif output == "logistic":
        expected = (z > 0.5).astype(int)[:, 0] if sizes[-1] == 1 else (z > 0.5).astype(int)
    module = network.to_torch().train()
    predicted = module.predict(ROWS)
    assert predicted.shape == expected.shape and module.training
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "hidden", "output"),
    [([2, 3, 1], "relu", "logistic"), ([2, 3, 3], "softplus", "softmax"),
     ([2, 3, 2], "leaky_relu", "identity"), ([2, 3, 1], "exponential", "exponential"),
     ([2, 3, 1], "identity", "tanh")],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_script_makes_the_same_module(
    sizes: list[int], hidden: str, output: str, dtype: Any
) -> None:
    network = Network.of_sizes(sizes, hidden, output, seed=5, dtype=dtype)
    names: dict[str, Any] = {}
    exec(network.to_torch_source(), names)
    np.testing.assert_array_equal(out(names["net"]), out(network.to_torch()))
    rows = torch.tensor(ROWS, dtype=getattr(torch, dtype))
    np.testing.assert_array_equal(names["net"].predict(rows), network.to_torch().predict(ROWS))


def test_the_script_reads_as_the_lecture_writes() -> None:
    text = Network.of_sizes([2, 3, 1], output="logistic").to_torch_source()
    assert "class Net(nn.Module):" in text
    assert "        u = self.fc1(x)\n        z = nn.ReLU()(u)\n        u = self.fc2(z)\n" in text
    assert "return u  # the logit: BCEWithLogitsLoss applies σ" in text


def test_the_script_with_its_weights_in_a_file(tmp_path: Path) -> None:
    network = Network.of_sizes([2, 3, 1], output="logistic", seed=5)
    script = network.to_torch_source(weights="net.pt")
    names: dict[str, Any] = {}
    exec(network.to_torch_source(), names)
    torch.save(names["net"].state_dict(), tmp_path / "net.pt")
    (tmp_path / "script.py").write_text(script + "print(net.predict(torch.zeros(3, 2)).tolist())\n")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(network.to_torch().predict(np.zeros((3, 2))).tolist())
    assert len(script) < 1200


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(x + self.first(x))


class Doubled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * 2


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("module", "error"),
    [
        (nn.Sequential(nn.Conv1d(1, 1, 3)), r"0 \(Conv1d\) has no twin here: networks here are feed"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), r"1 \(BatchNorm1d\) .*: scale the inputs"),
        (nn.Sequential(nn.Linear(2, 2), nn.LogSoftmax(dim=1)), r"1 \(LogSoftmax\) .*: leave it out"),
        (nn.Sequential(nn.Linear(2, 2), nn.Hardtanh()), r"1 \(Hardtanh\) has no twin here"),
        (nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(0.2)), r"negative_slope 0.01 only, it has 0.2"),
        (nn.Sequential(nn.Linear(2, 2), nn.GELU("tanh")), r"approximate 'none' only, it has 'tanh'"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(dim=0)), r"dim 1 or -1 only, it has 0"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), r"0 \(ReLU\): relu stands before the first Linear"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh()), r"2 \(Tanh\): tanh follows relu"),
        (nn.Sequential(nn.Flatten()), "the module has no Linear layer"),
        (nn.Sequential(nn.Linear(2, 2)).half(), "the module's are float16"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1).double()), "the module's are float32, float64"),
        (Skip(), "the forward is no chain there"),
        (Doubled(), "mul in forward: arithmetic of one's own has no twin here"),
        (Deciding(), "the forward of Deciding cannot be followed without numbers"),
        (nn.LSTM(2, 2), "LSTM"),
        ("a word", "a module of PyTorch is converted, got str"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_named(module: Any, error: str) -> None:
    with pytest.raises(InvalidValue, match=error):
        Network.from_torch(module)


def test_an_output_for_a_module_that_has_one() -> None:
    with pytest.raises(InvalidValue, match="ends in logistic, so it has no room for the output"):
        Network.from_torch(LectureNet(), output="logistic")


def test_your_own_activation_has_no_twin() -> None:
    cube = Activation("cube", lambda u: u**3, lambda u: 3 * u**2)
    network = Network([Layer(np.ones((2, 2)), [0.0, 0.0], cube)])
    for convert in (network.to_torch, network.to_torch_source):
        with pytest.raises(InvalidValue, match="no twin of your own activation 'cube'"):
            convert()


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chainrule.torch.reading", "chainrule.torch.module"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    network = Network.of_sizes([2, 1])
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[torch\]'"):
        network.to_torch()
    with pytest.raises(MissingExtra):
        doors.from_torch(None)  # type: ignore[arg-type]
    assert "class Net" in network.to_torch_source()


def test_a_part_that_stands_twice_and_parts_of_ones_own() -> None:
    relu = nn.ReLU()
    torch.manual_seed(0)
    twice = nn.Sequential(
        nn.Linear(2, 4), relu, nn.Sequential(nn.Linear(4, 3), relu), nn.Linear(3, 1)
    )
    assert Network.from_torch(twice).activations == ("relu", "relu", "identity")
    nested = nn.Sequential(nn.Sequential(LectureNet()))
    assert Network.from_torch(nested).sizes == (2, 20, 40, 20, 1)
    assert np.allclose(Network.from_torch(nested)(ROWS), out(nested), atol=1e-6)


@pytest.mark.parametrize("flatten", [nn.Flatten(0), nn.Flatten(1, 1)])
def test_a_flattening_that_mixes_rows_is_refused(flatten: nn.Module) -> None:
    with pytest.raises(
        InvalidValue, match=r"0 \(Flatten\) has to keep the rows apart and flatten the rest"
    ):
        Network.from_torch(nn.Sequential(flatten, nn.Linear(2, 1)))


def test_a_function_that_flattens_all_is_refused() -> None:
    class All(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(torch.flatten(x))

    with pytest.raises(InvalidValue, match="flatten in forward has to keep the rows apart"):
        Network.from_torch(All())
