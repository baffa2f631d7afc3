"""Mistakes made on purpose are found, set-ups without them are silent, and nothing is changed."""

from __future__ import annotations

import copy
import random
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from chainrule.errors import InvalidValue, ShapeError
from chainrule.tables import builtin
from chainrule.torch import check
from chainrule.torch.diagnosis.codes import WHY

Made = dict[str, Any]
CHECKS = Path(__file__).parents[2] / "docs" / "checks.md"


def rows(name: str, scaled: bool = True) -> tuple[Tensor, Tensor]:
    """A built-in table as X (float32) and y (classes as int64, numbers as float32)."""
    table = builtin(name)
    *columns, target = table.columns
    X = np.column_stack([np.asarray(table[c], dtype="float64") for c in columns])
    X = (X - X.mean(0)) / np.maximum(X.std(0), 1e-8) if scaled else X
    y = np.asarray(table[target])
    if name == "diabetes":
        z = (y - y.mean()) / y.std() if scaled else y
        return torch.tensor(X, dtype=torch.float32), torch.tensor(z, dtype=torch.float32)
    codes = np.unique(y, return_inverse=True)[1]
    return torch.tensor(X, dtype=torch.float32), torch.tensor(codes, dtype=torch.int64)


def chain(*sizes: int, bend: Any = nn.ReLU, last: tuple[nn.Module, ...] = ()) -> nn.Sequential:
    """Linear layers with an activation between each two."""
    torch.manual_seed(1)
    layers: list[nn.Module] = []
    for d, e in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(d, e), bend()]
    return nn.Sequential(*layers[:-1], *last)


def sgd(module: nn.Module, rate: float = 0.1, **more: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), lr=rate, **more)


class Hidden(nn.Module):
    """The lecture's module; what forward does at its end is a function."""

    def __init__(self, d: int, outputs: int, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.fc1, self.fc2 = nn.Linear(d, 20), nn.Linear(20, outputs)
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.fc2(torch.relu(self.fc1(x))))


def same(u: Tensor) -> Tensor:
    return u


def moons() -> tuple[Tensor, Tensor]:
    X, y = rows("moons")
    return X, y.float().unsqueeze(1)


def binary(end: Callable[[Tensor], Tensor] = same, loss: Any = nn.BCEWithLogitsLoss) -> Made:
    X, y = moons()
    module = Hidden(2, 1, end)
    return {"module": module, "loss_fn": loss(), "optimizer": sgd(module), "X": X, "y": y}


def irises(end: Callable[[Tensor], Tensor] = same, loss: Any = nn.CrossEntropyLoss) -> Made:
    X, y = rows("iris")
    module = Hidden(4, 3, end)
    return {"module": module, "loss_fn": loss(), "optimizer": sgd(module), "X": X, "y": y}


def diabetes(end: Callable[[Tensor], Tensor] = same, loss: Any = nn.MSELoss) -> Made:
    X, y = rows("diabetes")
    module = Hidden(10, 1, end)
    optimizer = sgd(module, 0.01)
    return {"module": module, "loss_fn": loss(), "optimizer": optimizer, "X": X, "y": y[:, None]}


def of(made: Made, module: nn.Module, rate: float = 0.1) -> Made:
    """A set-up with another module."""
    return {**made, "module": module, "optimizer": sgd(module, rate)}


def softmax(u: Tensor) -> Tensor:
    return torch.softmax(u, dim=1)


def log_softmax(u: Tensor) -> Tensor:
    return torch.log_softmax(u, dim=1)


def other_y(made: Made, change: Callable[[Tensor], Any]) -> Made:
    return {**made, "y": change(made["y"])}


def other_X(made: Made, change: Callable[[Tensor], Any]) -> Made:
    return {**made, "X": change(made["X"])}


def with_nan(X: Tensor) -> Tensor:
    X = X.clone()
    X[7, 1] = float("nan")
    return X


def doubled(made: Made) -> Made:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made["optimizer"] = torch.optim.SGD([*made["module"].parameters()] * 2, lr=0.05)
    return made


def of_an_earlier_module(made: Made) -> Made:
    return {**made, "optimizer": sgd(Hidden(2, 1, same))}


def moved(made: Made) -> Made:
    """Moved after the optimizer was built, as to a device where tensors cannot stay the same."""
    module = made["module"]
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    module.double()
    torch.__future__.set_overwrite_module_params_on_conversion(before)
    return {**made, "X": made["X"].double(), "y": made["y"].double()}


def moments_elsewhere(made: Made) -> Made:
    module = made["module"]
    made["optimizer"] = torch.optim.Adam(module.parameters())
    p = module.fc1.weight
    elsewhere = torch.zeros_like(p, device="meta")
    made["optimizer"].state[p] = {
        "step": torch.zeros(()), "exp_avg": elsewhere, "exp_avg_sq": elsewhere.clone()
    }  # fmt: skip
    return made


class Unused(Hidden):
    def __init__(self) -> None:
        super().__init__(2, 1, same)
        self.spare = nn.Linear(2, 2)


class Cut(Hidden):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.fc1(x)).detach())


class Overwriting(Hidden):
    def forward(self, x: Tensor) -> Tensor:
        z = torch.sigmoid(self.fc1(x))
        u = self.fc2(z)
        z.mul_(2)
        return u


class Rounded(Hidden):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.sign(self.fc1(x)))


class Listed(Hidden):
    """Layers in a plain list."""

    def __init__(self) -> None:
        super().__init__(2, 1, same)
        self.more = [nn.Linear(20, 20)]

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.more[0](torch.relu(self.fc1(x)))))


class Loose(Hidden):
    """A weight that is no Parameter."""

    def __init__(self) -> None:
        super().__init__(2, 1, same)
        self.gain = torch.ones(1, requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * super().forward(x)


class Mixed(Hidden):
    def __init__(self) -> None:
        super().__init__(2, 1, same)
        self.fc2 = nn.Linear(20, 1, device="meta")


def biased(bend: Any, bias: float) -> nn.Sequential:
    module = chain(2, 20, 1, bend=bend)
    nn.init.constant_(module[0].bias, bias)  # type: ignore[arg-type]
    return module


def stretched(factor: float) -> Made:
    made = irises()
    made["module"].fc2.weight.data.mul_(factor)
    return made


def detached(u: Tensor) -> Tensor:
    return u.detach()


def frozen(made: Made) -> Made:
    made["module"].requires_grad_(False)
    return made


def partly(made: Made) -> Made:
    return {**made, "optimizer": torch.optim.SGD(made["module"].fc2.parameters(), lr=0.1)}


def at_rate(made: Made, rate: float, kind: Any = torch.optim.SGD) -> Made:
    return {**made, "optimizer": kind(made["module"].parameters(), lr=rate)}


def wrong_sizes() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(30, 1))


def binary_flat(loss: Any) -> Made:
    return other_y(binary(torch.sigmoid if loss is nn.BCELoss else same, loss), lambda y: y[:, 0])


FAULTS: dict[str, tuple[str, Callable[[], Made]]] = {
    "hidden sigmoid": ("sigmoid-twice", lambda: binary(torch.sigmoid)),
    "sigmoid by hand": ("sigmoid-twice", lambda: binary(lambda u: 1 / (1 + torch.exp(-u)))),
    "sigmoid module": (
        "sigmoid-twice", lambda: of(binary(), chain(2, 20, 1, last=(nn.Sigmoid(),)))),
    "sigmoid under a function": (
        "sigmoid-twice",
        lambda: {**binary(torch.sigmoid),
                 "loss_fn": lambda u, y: nn.functional.binary_cross_entropy_with_logits(u, y)}),
    "softmax": ("softmax-twice", lambda: irises(softmax)),
    "log-softmax": ("log-softmax-twice", lambda: irises(log_softmax)),
    "sigmoids for classes": ("sigmoid-before-cross-entropy", lambda: irises(torch.sigmoid)),
    "softmax before sigmoid": (
        "softmax-before-sigmoid",
        lambda: other_y(irises(softmax, nn.BCEWithLogitsLoss), lambda y: torch.eye(3)[y])),
    "relu at the end": ("activation-before-loss", lambda: irises(torch.relu)),
    "tanh at the end": ("activation-before-loss", lambda: binary(torch.tanh)),
    "softmax of one": ("softmax-of-one-output", lambda: binary(softmax, nn.BCELoss)),
    "one output, classes": (
        "softmax-of-one-output",
        lambda: {**binary(loss=nn.CrossEntropyLoss), "y": torch.zeros(len(moons()[1])).long()}),
    "logits to BCELoss": ("bce-on-logits", lambda: binary(loss=nn.BCELoss)),
    "logits to NLLLoss": ("nll-on-logits", lambda: irises(loss=nn.NLLLoss)),
    "probabilities to NLLLoss": ("nll-on-probabilities", lambda: irises(softmax, nn.NLLLoss)),
    "sigmoid for numbers": ("targets-out-of-reach", lambda: diabetes(torch.sigmoid)),
    **{f"flat labels, {loss.__name__}": ("labels-not-a-column",
       lambda loss=loss: other_y(diabetes(loss=loss), lambda y: y[:, 0]))  # type: ignore[misc]
       for loss in (nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss)},
    "flat labels, BCEWithLogitsLoss": (
        "labels-not-a-column", lambda: binary_flat(nn.BCEWithLogitsLoss)),
    "flat labels, BCELoss": ("labels-not-a-column", lambda: binary_flat(nn.BCELoss)),
    "flat outputs": ("labels-not-a-column", lambda: diabetes(lambda u: u[:, 0])),
    "the lecture's fc4": ("two-outputs-one-column", lambda: of(binary(), chain(2, 20, 2))),
    "the lecture's fc4, flat labels": (
        "two-outputs-one-column", lambda: other_y(of(binary(), chain(2, 20, 2)), lambda y: y[:, 0])),
    "two outputs for numbers": ("two-outputs-one-column", lambda: of(diabetes(), chain(10, 9, 2))),
    "three for two": (
        "shapes-differ", lambda: other_y(of(diabetes(), chain(10, 9, 3)), lambda y: y.repeat(1, 2))),
    "classes from 1": ("labels-out-of-range", lambda: other_y(irises(), lambda y: y + 1)),
    "more classes than outputs": ("labels-out-of-range", lambda: of(irises(), chain(4, 9, 2))),
    "plus-minus classes": (
        "labels-out-of-range", lambda: other_y(of(irises(), chain(4, 9, 2)),
                                               lambda y: (y > 0).long() * 2 - 1)),
    "percent": ("labels-out-of-range", lambda: other_y(binary(), lambda y: 100 * y)),
    "plus-minus": ("labels-plus-minus", lambda: other_y(binary(), lambda y: 2 * y - 1)),
    "plus-minus, BCELoss": (
        "labels-plus-minus", lambda: other_y(binary(torch.sigmoid, nn.BCELoss), lambda y: 2 * y - 1)),
    "one-hot": ("one-hot-labels", lambda: other_y(irises(), lambda y: torch.eye(3)[y])),
    "one-hot, whole": ("one-hot-labels", lambda: other_y(irises(), lambda y: torch.eye(3).long()[y])),
    "float classes": ("float-labels", lambda: other_y(irises(), lambda y: y.float())),
    "a column of classes": ("labels-a-column", lambda: other_y(irises(), lambda y: y[:, None])),
    "int32 classes": ("labels-not-int64", lambda: other_y(irises(), lambda y: y.int())),
    "whole labels": ("labels-not-float", lambda: other_y(binary(), lambda y: y.long())),
    "float64 tensor": ("float64-data", lambda: other_X(binary(), lambda X: X.double())),
    "float64 array": ("float64-data", lambda: other_X(binary(), lambda X: X.double().numpy())),
    "float64 labels": ("float64-data", lambda: other_y(diabetes(), lambda y: y.double())),
    "whole inputs": ("data-dtype", lambda: other_X(binary(), lambda X: X.long())),
    "another device": ("data-on-other-device", lambda: of(binary(), Hidden(2, 1, same).to("meta"))),
    "NaN": ("not-finite", lambda: other_X(binary(), with_nan)),
    "raw wine": ("inputs-not-scaled", lambda: {
        **of(irises(), chain(13, 20, 3)), **dict(zip("Xy", rows("wine", False), strict=True))}),
    "bytes": ("inputs-not-scaled", lambda: other_X(irises(), lambda X: X * 50 + 100)),
    "raw numbers to learn": (
        "targets-not-scaled", lambda: {**diabetes(), "y": rows("diabetes", False)[1][:, None]}),
    "sizes": ("sizes-do-not-chain", lambda: of(binary(), wrong_sizes())),
    "too few inputs": ("sizes-do-not-chain", lambda: of(binary(), chain(3, 20, 1))),
    "forward": ("forward-raises", lambda: of(binary(), nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(9)))),
    "no reduction": (
        "loss-not-scalar", lambda: {**binary(), "loss_fn": nn.BCEWithLogitsLoss(reduction="none")}),
    "loss raises": ("loss-raises", lambda: {**binary(), "loss_fn": lambda u: u.mean()}),
    "NaN weights": ("forward-not-finite", lambda: stretched(float("nan"))),
    "overwritten": ("backward-raises", lambda: of(binary(), Overwriting(2, 1, same))),
    "detached": ("no-graph", lambda: binary(detached)),
    "unused": ("no-gradient", lambda: of(binary(), Unused())),
    "cut": ("no-gradient", lambda: of(binary(), Cut(2, 1, same))),
    "rounded": ("zero-gradient", lambda: of(binary(), Rounded(2, 1, same))),
    "plain list": ("unregistered", lambda: of(binary(), Listed())),
    "no Parameter": ("unregistered", lambda: of(binary(), Loose())),
    "frozen": ("nothing-to-train", lambda: frozen(binary())),
    "half an optimizer": ("not-in-optimizer", lambda: partly(binary())),
    "twice": ("twice-in-optimizer", lambda: doubled(binary())),
    "earlier module": ("optimizer-of-other-parameters", lambda: of_an_earlier_module(binary())),
    "moved": ("optimizer-before-move", lambda: moved(binary())),
    "moments elsewhere": ("optimizer-before-move", lambda: moments_elsewhere(binary())),
    "two devices": ("two-devices", lambda: of(binary(), Mixed())),
    "uphill": (
        "maximizes", lambda: {**(made := binary()), "optimizer": sgd(made["module"], maximize=True)}),
    "dead": ("dead-units", lambda: of(binary(), biased(nn.ReLU, -9))),
    "saturated tanh": ("saturated-units", lambda: of(binary(), biased(nn.Tanh, 9))),
    "saturated sigmoid": ("saturated-units", lambda: of(binary(), biased(nn.Sigmoid, -9))),
    "sure and wrong": ("initial-loss", lambda: stretched(100)),
    "too fast": ("learning-rate-too-large", lambda: at_rate(diabetes(), 3.0)),
    "too fast, Adam": ("learning-rate-too-large", lambda: at_rate(diabetes(), 3.0, torch.optim.Adam)),
}  # fmt: skip


def test_each_code_has_a_fault_and_a_line_in_the_documentation() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", CHECKS.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(WHY)
    assert {code for code, _ in FAULTS.values()} | set(STEP_FAULTS.values()) == set(WHY)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str) -> None:
    code, make = FAULTS[name]
    found = check(**make())
    assert code in found.codes, found
    (each, *_) = [f for f in found if f.code == code]
    assert each.what and each.where and each.fix and each.why == WHY[code]
    assert all(len(line) <= 80 for line in str(found).splitlines())


TWINS: dict[str, Callable[[], Made]] = {
    "binary": binary,
    "irises": irises,
    "diabetes": diabetes,
    "BCELoss": lambda: binary(torch.sigmoid, nn.BCELoss),
    "NLLLoss": lambda: irises(log_softmax, nn.NLLLoss),
    "log of softmax": lambda: irises(lambda u: torch.log(softmax(u)), nn.NLLLoss),
    "flat both": lambda: other_y(diabetes(lambda u: u[:, 0]), lambda y: y[:, 0]),
    "two outputs, classes": lambda: {
        **of(binary(loss=nn.CrossEntropyLoss), chain(2, 20, 2)), "y": moons()[1][:, 0].long()},
    "mixed labels": lambda: other_y(irises(), lambda y: torch.eye(3)[y] * 0.9 + 1 / 30),
    "sigmoid for shares": lambda: other_y(diabetes(torch.sigmoid), torch.sigmoid),
    "outputs between 0 and 1 by chance": lambda: binary(lambda u: u * 0.1 + 0.5),
    "float64 both": lambda: {
        **of(m := binary(), Hidden(2, 1, same).double()), "X": m["X"].double(), "y": m["y"].double()},
    "module converts": lambda: other_X(
        of(binary(), Converting(2, 1, same)), lambda X: X.double()),
    "batch norm scales": lambda: other_X(
        of(irises(), nn.Sequential(nn.BatchNorm1d(4), Hidden(4, 3, same))), lambda X: X * 90 + 50),
    "frozen part": lambda: partly(freeze_first(binary())),
    "layers registered": lambda: of(binary(), Registered()),
    "ignored class": lambda: other_y(irises(), lambda y: y.where(y != 2, -100)),
    "no optimizer": lambda: {**binary(), "optimizer": None},
    "own loss": lambda: {**diabetes(), "loss_fn": lambda u, y: (u - y).square().mean()},
}  # fmt: skip


class Converting(Hidden):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float())


class Registered(Hidden):
    def __init__(self) -> None:
        super().__init__(2, 1, same)
        self.more = nn.ModuleList([nn.Linear(20, 20)])

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.more[0](torch.relu(self.fc1(x)))))


def freeze_first(made: Made) -> Made:
    made["module"].fc1.requires_grad_(False)
    return made


@pytest.mark.parametrize("name", TWINS)
def test_the_corrected_twin_is_silent(name: str) -> None:
    found = check(**TWINS[name]())
    assert not found, found
    assert len(found) == 0 and list(found) == [] and "Nothing found." in str(found)


class Residual(nn.Module):
    def __init__(self, d: int, outputs: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(d, 32), nn.Linear(32, outputs)
        self.blocks = nn.ModuleList(nn.Linear(32, 32) for _ in range(4))
        self.norm = nn.LayerNorm(32)

    def forward(self, x: Tensor) -> Tensor:
        z = self.first(x)
        for block in self.blocks:
            z = z + torch.relu(block(self.norm(z)))
        return self.last(z)


class Picture(nn.Module):
    def __init__(self, norm: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), *([nn.BatchNorm2d(8)] if norm else []),
            nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def transformer(d: int, outputs: int) -> nn.Module:
    block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return nn.Sequential(
        nn.Unflatten(1, (d, 1)), nn.Linear(1, 16), block, nn.Flatten(), nn.Linear(16 * d, outputs)
    )


class Recurrent(nn.Module):
    def __init__(self, d: int, outputs: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x.unsqueeze(2))[0][:, -1])


def mlp(
    bend: Any = nn.ReLU, hidden: tuple[int, ...] = (32, 32), *extra: Callable[[int], nn.Module]
) -> Any:
    def make(d: int, outputs: int) -> nn.Module:
        layers: list[nn.Module] = []
        for d, e in zip((d, *hidden[:-1]), hidden, strict=True):  # noqa: B020
            layers += [nn.Linear(d, e), *(each(e) for each in extra), bend()]
        return nn.Sequential(*layers, nn.Linear(hidden[-1], outputs))

    return make


def drop(e: int) -> nn.Module:
    return nn.Dropout(0.3)


NETS: dict[str, Callable[[int, int], nn.Module]] = {
    "relu": mlp(), "tanh": mlp(nn.Tanh), "sigmoid": mlp(nn.Sigmoid, (16,)), "gelu": mlp(nn.GELU),
    "deep": mlp(nn.ReLU, (24,) * 6), "narrow": mlp(nn.LeakyReLU, (4,)), "wide": mlp(nn.SiLU, (300,)),
    "batch norm": mlp(nn.ReLU, (32, 32), nn.BatchNorm1d), "layer norm": mlp(nn.ReLU, (32,), nn.LayerNorm),
    "dropout": mlp(nn.ReLU, (64, 64), drop), "both": mlp(nn.ELU, (32, 32), nn.BatchNorm1d, drop),
    "linear": nn.Linear, "residual": Residual, "transformer": transformer, "lstm": Recurrent,
    "conv": lambda d, k: Picture(False), "conv and norm": lambda d, k: Picture(True),
}  # fmt: skip
STEPS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=1e-4),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adam": torch.optim.Adam,
    "adam, faster": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": torch.optim.AdamW,
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "nadam": torch.optim.NAdam,
    "lbfgs": lambda p: torch.optim.LBFGS(p, line_search_fn="strong_wolfe"),
}
DATA = {"moons": 1, "iris": 3, "wine": 3, "breast-cancer": 1, "diabetes": 1, "digits": 10}


def clean() -> list[tuple[str, str, str, str]]:
    """Fifty-odd set-ups without a mistake: each net with two tables or more, all optimizers."""
    steps, tables = list(STEPS), list(DATA)
    chosen = []
    for i, net in enumerate(NETS):
        own = (
            ["digits"] * 3
            if net.startswith("conv")
            else [tables[(i + k) % 6] for k in (0, 1, 2, 4)]
        )
        for k, table in enumerate(own):
            if net == "lstm" and table in ("digits", "breast-cancer"):
                continue
            loss = {"diabetes": ("mse", "l1", "huber")[k % 3]}.get(
                table, "bce" if DATA[table] == 1 else "ce"
            )
            chosen.append((net, table, steps[(3 * i + k) % len(steps)], loss))
    return chosen


CLEAN = clean()
LOSSES = {"mse": nn.MSELoss, "l1": nn.L1Loss, "huber": nn.HuberLoss,
          "bce": nn.BCEWithLogitsLoss, "ce": nn.CrossEntropyLoss}  # fmt: skip


def test_there_are_fifty_clean_ones() -> None:
    assert (
        len(CLEAN) >= 50
        and {c[2] for c in CLEAN} == set(STEPS)
        and {c[1] for c in CLEAN} == set(DATA)
    )


@pytest.mark.parametrize(("net", "table", "optimizer", "loss"), CLEAN)
def test_a_clean_set_up_is_silent(net: str, table: str, optimizer: str, loss: str) -> None:
    X, y = rows(table)
    torch.manual_seed(len(net) + len(table))
    module = NETS[net](X.shape[1], DATA[table])
    y = y if loss == "ce" else y.float().unsqueeze(1)
    found = check(module, LOSSES[loss](), STEPS[optimizer](module.parameters()), X, y)
    assert not found, found


# The user's step


def training(fault: str = "") -> Made:
    """A set-up with a step of the user's, and one mistake in it."""
    made = binary()
    torch.manual_seed(3)
    module = chain(2, 20, 20, 1)
    module.insert(1, nn.BatchNorm1d(20))
    module.insert(3, nn.Dropout(0.2))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    loss_fn, losses, total = made["loss_fn"], [], 0.0

    def step(X: Tensor, y: Tensor) -> Any:
        nonlocal total
        random.random(), np.random.rand(), torch.rand(1)
        if fault == "eval":
            module.eval()
        if fault != "no zero_grad":
            optimizer.zero_grad()
        if fault == "raises":
            X = X[:, :1]
        loss = loss_fn(module(X), y)
        if fault != "no backward":
            loss.backward()
        if fault == "erased":
            optimizer.zero_grad()
        if fault != "no step":
            optimizer.step()
        losses.append(loss if fault == "list" else loss.item())
        total = total + (loss if fault == "sum" else loss.item())
        return loss if fault == "returns" else float(loss.detach())

    def predict(X: Tensor) -> Tensor:
        if fault != "mode":
            module.eval()
        with torch.no_grad():
            answer = module(X) > 0
        module.train()
        return answer

    made.update(module=module, optimizer=optimizer, step=step, predict=predict)
    made["kept"] = (losses, lambda: total)
    return made


STEP_FAULTS = {
    "no zero_grad": "no-zero-grad", "erased": "gradients-erased", "no backward": "no-backward",
    "no step": "no-step", "eval": "eval-in-step", "list": "keeps-graph", "sum": "keeps-graph",
    "returns": "keeps-graph", "mode": "training-mode-in-predict", "raises": "step-raises",
}  # fmt: skip


@pytest.mark.parametrize("fault", ["", *STEP_FAULTS])
def test_a_step_is_judged(fault: str) -> None:
    made = training(fault)
    losses, total = made.pop("kept")
    found = check(**made)
    assert found.codes == ((STEP_FAULTS[fault],) if fault else ()), found
    assert losses == [] and total() == 0.0


def test_a_closure_of_lbfgs_is_no_mistake() -> None:
    made = binary()
    optimizer = torch.optim.LBFGS(made["module"].parameters(), line_search_fn="strong_wolfe")

    def step(X: Tensor, y: Tensor) -> None:
        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = made["loss_fn"](made["module"](X), y)
            loss.backward()
            return loss

        optimizer.step(closure)

    found = check(**{**made, "optimizer": optimizer}, step=step)
    assert not found, found


def test_accumulated_gradients_are_no_mistake() -> None:
    made = binary()
    module, optimizer, seen = made["module"], made["optimizer"], [0]

    def step(X: Tensor, y: Tensor) -> None:
        made["loss_fn"](module(X), y).backward()
        seen[0] += 1
        if seen[0] % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()

    found = check(**made, step=step)
    assert not found, found
    assert seen == [0]


class Trainer:
    """A step that is a method, with what it keeps in itself."""

    def __init__(self, made: Made, keep: bool) -> None:
        self.module, self.optimizer, self.loss_fn = (
            made["module"],
            made["optimizer"],
            made["loss_fn"],
        )
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 1, 0.5)
        self.losses: list[Any] = []
        self.count, self.keep = 0, keep

    def step(self, X: Tensor, y: Tensor) -> None:
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.module(X), y)
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        self.count += 1
        self.losses.append(loss if self.keep else loss.item())


@pytest.mark.parametrize("keep", [False, True])
def test_a_method_is_judged_and_its_object_put_back(keep: bool) -> None:
    made = binary()
    trainer = Trainer(made, keep)
    found = check(**made, step=trainer.step)
    assert found.codes == (("keeps-graph",) if keep else ())
    assert not keep or "losses" in found[0].where
    assert (trainer.count, trainer.losses, trainer.scheduler.last_epoch) == (0, [], 0)
    assert made["optimizer"].param_groups[0]["lr"] == 0.1


# Nothing is changed


def state(made: Made) -> Any:
    module, optimizer = made["module"], made["optimizer"]
    return copy.deepcopy(
        (
            {k: v.clone() for k, v in module.state_dict().items()},
            [None if p.grad is None else p.grad.clone() for p in module.parameters()],
            [part.training for part in module.modules()],
            [p.requires_grad for p in module.parameters()],
            optimizer.state_dict(),
            [p._backward_hooks for p in module.parameters()],
            [dict(part._forward_pre_hooks) for part in module.modules()],
            torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2],
        )
    )  # fmt: skip


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("fault", ["", "no zero_grad", "list", "raises", "mode"])
def test_all_objects_are_as_before(begun: bool, fault: str) -> None:
    made = training(fault)
    made.pop("kept")
    if begun:  # with moments, gradients, statistics, and one part in eval mode
        training_step = training()["step"]
        training_step(made["X"], made["y"])
        made["loss_fn"](made["module"](made["X"]), made["y"]).backward()
        made["optimizer"].step()
        made["module"][3].eval()
    identities = [(id(p), id(p.grad)) for p in made["module"].parameters()]
    before = state(made)
    check(**made)
    assert equal(before, state(made))
    assert identities == [(id(p), id(p.grad)) for p in made["module"].parameters()]
    assert made["module"][0].weight.requires_grad


def test_the_comparison_of_states_sees_a_step() -> None:
    made = training()
    before = state(made)
    made["step"](made["X"], made["y"])
    assert not equal(before, state(made))


def test_a_loss_that_holds_the_module_leaves_it() -> None:
    made = diabetes()
    module = made["module"]

    def penalized(u: Tensor, y: Tensor) -> Tensor:
        return nn.functional.mse_loss(u, y) + 1e-4 * sum(
            p.square().sum() for p in module.parameters()
        )

    before = state(made)
    assert not check(**{**made, "loss_fn": penalized})
    assert equal(before, state(made))


def test_the_generator_of_a_loader_is_as_before() -> None:
    made, own = binary(), torch.Generator().manual_seed(5)
    data = TensorDataset(made["X"], made["y"])
    check(made["module"], made["loss_fn"], X=DataLoader(data, 10, shuffle=True, generator=own))
    assert torch.equal(own.get_state(), torch.Generator().manual_seed(5).get_state())


# What can be given


def test_loaders_data_sets_and_tables() -> None:
    made = binary()
    data = TensorDataset(made["X"], made["y"])
    for source in (data, DataLoader(data, batch_size=10, shuffle=True)):
        found = check(made["module"], made["loss_fn"], made["optimizer"], source)
        assert not found, found
    import pandas as pd

    table = pd.DataFrame(made["X"].numpy() * 100, columns=["left", "up"])
    found = check(made["module"], made["loss_fn"], None, table, made["y"].numpy())
    assert "inputs-not-scaled" in found.codes and "(left)" in str(found) + "(left)" * (
        "(up)" in str(found)
    )


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Embedding(3, 4), nn.Linear(2, 4)
        self.last = nn.Linear(8, 1)

    def forward(self, kind: Tensor, x: Tensor) -> Tensor:
        return self.last(torch.cat([self.left(kind), torch.relu(self.right(x))], 1))


def test_a_module_with_two_arguments() -> None:
    X, y = moons()
    module = Two()
    found = check(module, nn.BCEWithLogitsLoss(), sgd(module), (torch.arange(len(X)) % 3, X), y)
    assert not found, found


def test_layers_and_parameters_are_named() -> None:
    found = check(**of(binary(), wrong_sizes()))
    (each,) = found
    assert each.where == "module[2] = Linear(30, 1)" and each.fix == "module[2] = nn.Linear(20, 1)"
    assert "module[0] = Linear(2, 20)" in each.what
    assert "module.fc1" in check(**partly(binary()))[0].fix
    assert check(**other_X(binary(), with_nan))[0].where == "X, row 7, column 1"


def test_the_last_layer_is_named_with_the_size_it_needs() -> None:
    (each,) = check(**of(binary(), chain(2, 20, 2)))
    assert each.where == "module[2]" and each.fix.startswith("module[2] = nn.Linear(20, 1)")
    (each,) = check(**of(irises(), chain(4, 9, 2)))
    assert each.fix == "module[2] = nn.Linear(9, 3)"


def test_the_line_that_mends_does_so() -> None:
    made = of(binary(), chain(2, 20, 1, last=(nn.Sigmoid(),)))
    (each,) = check(**made)
    exec(each.fix, {"nn": nn, "module": made["module"]})
    assert not check(**made)


def test_the_report() -> None:
    found = check(**binary(torch.sigmoid))
    assert len(found) == 1 and found and found[0].code == "sigmoid-twice"
    assert "<b>sigmoid-twice</b>" in found._repr_html_()
    assert found.as_dict()["findings"][0]["fix"] == found[0].fix
    assert "sigmoid after module.fc2" in str(found) and repr(found) == str(found)


class Uncopied(Hidden):
    def __deepcopy__(self, memo: Any) -> Any:
        raise RuntimeError("holds a socket")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"module": len}, InvalidValue, "torch.nn.Module"),
        ({"loss_fn": 3}, InvalidValue, "loss_fn"),
        ({"optimizer": "sgd"}, InvalidValue, "torch.optim"),
        ({"X": None}, InvalidValue, "needs rows"),
        ({"X": torch.zeros(0, 2), "y": torch.zeros(0, 1)}, InvalidValue, "empty"),
        ({"X": torch.zeros(3, 2)}, ShapeError, "3"),
        ({"X": ["a", "b"]}, InvalidValue, "numbers"),
        ({"X": DataLoader(TensorDataset(torch.zeros(0, 2)))}, InvalidValue, "leave y out"),
        ({"module": nn.LazyLinear(1)}, InvalidValue, "lazy"),
        ({"module": Uncopied(2, 1, same)}, InvalidValue, "holds a socket"),
    ],
)
def test_wrong_use_is_one_sentence(change: Made, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        check(**{**binary(), **change})
