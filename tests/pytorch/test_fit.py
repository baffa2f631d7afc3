"""`chainrule.torch.fit` against the same training by hand in PyTorch, on the same batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)

from chainrule.errors import DataError, DivergenceError, EngineError, InvalidValue, ShapeError
from chainrule.torch import PyTorchInstead, fit

ROWS = 53
optim = torch.optim
Optimizer = optim.Optimizer


class Net(nn.Module):
    """The lecture's, smaller, with logits."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(2, 6), nn.Linear(6, 5)
        self.fc3 = nn.Linear(5, outputs)
        self.ReLU = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(torch.tanh(self.fc2(self.ReLU(self.fc1(x)))))


def made(dtype: torch.dtype = torch.float32, outputs: int = 1, seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net(outputs).to(dtype)


def moons(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import make_moons

    X, y = make_moons(ROWS, noise=0.1, random_state=0)
    return torch.from_numpy(X).to(dtype), torch.from_numpy(y).to(dtype)[:, None]


def loader_of(X: Tensor, y: Tensor, **options: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(X, y), **{"batch_size": 10, "shuffle": True, **options})


def by_hand(
    module: nn.Module,
    loss_fn: Any,
    optimizer: Optimizer,
    loader: Any,
    epochs: int,
    *,
    after_step: Callable[[], object] = lambda: None,
    after_epoch: Callable[[float], object] = lambda loss: None,
) -> list[float]:
    """The lecture's loop; the mean loss of each epoch."""
    losses = []
    for _ in range(epochs):
        total = rows = 0.0
        for X, y in loader:
            loss = loss_fn(module(X), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            after_step()
            total, rows = total + loss.item() * len(X), rows + len(X)
        losses.append(total / rows)
        after_epoch(losses[-1])
    return losses


def apart(a: nn.Module, b: nn.Module) -> float:
    """The largest difference of two modules' parameters."""
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return max(float((p - q).detach().abs().max()) for p, q in pairs)


OPTIMIZERS: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "sgd-decay": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.01),
    "heavy-ball": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=1e-3),
    "nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.05, lr_decay=1e-3, initial_accumulator_value=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.003),
    "centered": lambda p: optim.RMSprop(p, lr=0.003, momentum=0.5, centered=True, eps=1e-4),
    "adam": lambda p: optim.Adam(p, lr=0.01, betas=(0.8, 0.99), weight_decay=1e-3),
    "amsgrad": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "adam-decoupled": lambda p: optim.Adam(
        p, lr=0.01, decoupled_weight_decay=True, weight_decay=0.1
    ),
    "nadam": lambda p: optim.NAdam(p, lr=0.01),
    "adadelta": lambda p: optim.Adadelta(p, lr=1.0),
}
# NAdam's product of momenta is a float32 there, whatever the parameters are.
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-9}


@pytest.mark.parametrize("native_first", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_half_natively_and_half_by_hand(name: str, dtype: torch.dtype, native_first: bool) -> None:
    """50 + 50 epochs are 100 in PyTorch: parameters, moments and counters, on the same batches."""
    X, y = moons(dtype)
    loss_fn = nn.BCEWithLogitsLoss()
    theirs, ours = made(dtype), made(dtype)
    their_optimizer, our_optimizer = (OPTIMIZERS[name](m.parameters()) for m in (theirs, ours))
    torch.manual_seed(1)
    losses = by_hand(theirs, loss_fn, their_optimizer, loader_of(X, y), 100)
    torch.manual_seed(1)
    halves: list[Callable[[], list[float]]] = [
        lambda: (
            fit(
                ours, loss_fn, our_optimizer, loader_of(X, y), epochs=50, engine="native"
            ).history.loss
        ),
        lambda: by_hand(ours, loss_fn, our_optimizer, loader_of(X, y), 50),
    ]
    ours_losses = [loss for half in (halves if native_first else halves[::-1]) for loss in half()]
    tolerance = 1e-6 if name == "nadam" and dtype == torch.float64 else TOLERANCES[dtype]
    assert apart(theirs, ours) < tolerance
    assert np.allclose(losses, ours_losses, rtol=tolerance, atol=tolerance)
    for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
        expected, got = their_optimizer.state[p], our_optimizer.state[q]
        assert expected.keys() == got.keys()
        for key, value in expected.items():
            assert got[key].dtype == value.dtype
            assert torch.allclose(got[key], value, rtol=1e-3, atol=10 * tolerance), key


def quantities(kind: str, dtype: torch.dtype) -> Tensor:
    X, y = moons(dtype)
    if kind == "classes":
        return ((X[:, 0] > 0).long() + (X[:, 1] > 0.3).long()).clamp(max=2)
    if kind == "probabilities":
        return torch.softmax(torch.stack([X[:, 0], X[:, 1], y[:, 0]], dim=1), dim=1)
    if kind == "counts":
        return (3 * torch.sigmoid(X[:, :1])).round()
    return torch.stack([X.sum(dim=1), X[:, 0] * 3, y[:, 0]], dim=1)


LOSSES: dict[str, tuple[Any, str]] = {
    "cross-entropy": (nn.CrossEntropyLoss(), "classes"),
    "class weights": (
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0, 0.2]).double()),
        "classes",
    ),
    "smoothing": (nn.CrossEntropyLoss(label_smoothing=0.1), "classes"),
    "probabilities": (nn.CrossEntropyLoss(label_smoothing=0.1), "probabilities"),
    "squared": (nn.MSELoss(), "numbers"),
    "absolute": (nn.L1Loss(), "numbers"),
    "huber": (nn.HuberLoss(), "numbers"),
    "smooth-l1": (nn.SmoothL1Loss(), "numbers"),
    "a function": (F.mse_loss, "numbers"),
    "soft labels": (nn.BCEWithLogitsLoss(), "probabilities"),
    "counts": (nn.PoissonNLLLoss(), "counts"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss_fn, kind = LOSSES[name]
    X, _ = moons(torch.float64)
    y = quantities(kind, torch.float64)
    outputs = 1 if kind == "counts" else 3
    theirs, ours = made(torch.float64, outputs), made(torch.float64, outputs)
    torch.manual_seed(1)
    by_hand(theirs, loss_fn, OPTIMIZERS["heavy-ball"](theirs.parameters()), loader_of(X, y), 20)
    torch.manual_seed(1)
    found = fit(
        ours, loss_fn, OPTIMIZERS["heavy-ball"](ours.parameters()), loader_of(X, y), epochs=20
    )
    assert found.engine == "native"
    assert apart(theirs, ours) < 1e-9


def test_a_sigmoid_with_its_own_loss() -> None:
    X, y = moons(torch.float64)
    theirs, ours = (nn.Sequential(made(torch.float64), nn.Sigmoid()) for _ in range(2))
    by_hand(
        theirs,
        nn.BCELoss(),
        optim.SGD(theirs.parameters(), 0.1),
        loader_of(X, y, shuffle=False),
        20,
    )
    found = fit(ours, nn.BCELoss(), optim.SGD(ours.parameters(), 0.1), X, y, 20, 10, shuffle=False)
    assert found.engine == "native"
    assert apart(theirs, ours) < 1e-9


class Seven(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        X, y = moons()
        return iter(list(zip(X[:7], y[:7], strict=True)))


ORDERS: dict[str, Callable[[Tensor, Tensor], DataLoader[Any]]] = {
    "shuffled": loader_of,
    "drop_last": lambda X, y: loader_of(X, y, drop_last=True),
    "own generator": lambda X, y: loader_of(X, y, generator=torch.Generator().manual_seed(3)),
    "in order": lambda X, y: loader_of(X, y, shuffle=False),
    "a subset": lambda X, y: DataLoader(Subset(TensorDataset(X, y), range(3, 40)), 8, shuffle=True),
    "weighted": lambda X, y: loader_of(
        X, y, shuffle=None, sampler=WeightedRandomSampler([1.0, 0.1] * (ROWS // 2) + [2.0], 31)
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_batches_are_the_loaders_own(name: str) -> None:
    """And PyTorch's chance is left where a loop by hand leaves it."""
    X, y = moons(torch.float64)
    theirs, ours = made(torch.float64), made(torch.float64)
    after = []
    for module, native in ((theirs, False), (ours, True)):
        loader = ORDERS[name](X, y)
        optimizer = optim.SGD(module.parameters(), 0.5)
        torch.manual_seed(5)
        if native:
            assert (
                fit(module, nn.MSELoss(), optimizer, loader, epochs=9, engine="native").epochs == 9
            )
        else:
            by_hand(module, nn.MSELoss(), optimizer, loader, 9)
        own = None if loader.generator is None else loader.generator.get_state()
        after.append((torch.get_rng_state(), own))
    assert apart(theirs, ours) < 1e-9
    assert torch.equal(after[0][0], after[1][0])
    assert after[0][1] is None or torch.equal(after[0][1], after[1][1])


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_rows_are_taken_as_a_loader_over_them_would(engine: str) -> None:
    X, y = moons(torch.float64)
    theirs, ours, arrays = (made(torch.float64) for _ in range(3))
    torch.manual_seed(2)
    by_hand(theirs, nn.MSELoss(), optim.Adam(theirs.parameters()), loader_of(X, y), 5)
    torch.manual_seed(2)
    fit(ours, nn.MSELoss(), optim.Adam(ours.parameters()), X, y, 5, 10, engine=engine)
    torch.manual_seed(2)
    flat = y[:, 0].numpy().astype(int)
    fit(
        arrays,
        nn.MSELoss(),
        optim.Adam(arrays.parameters()),
        X.numpy(),
        flat[:, None],
        5,
        10,
        engine=engine,
    )
    assert apart(theirs, ours) < 1e-12
    assert apart(ours, arrays) == 0


SCHEDULERS: dict[str, tuple[str, Callable[[Optimizer], Any]]] = {
    "step": ("epoch", lambda o: lr_scheduler.StepLR(o, 3, 0.5)),
    "lambda": ("epoch", lambda o: lr_scheduler.LambdaLR(o, lambda e: 1 / (1 + e))),
    "plateau": ("epoch", lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1, threshold=0.2)),
    "sequence": (
        "epoch",
        lambda o: lr_scheduler.SequentialLR(
            o,
            [lr_scheduler.LinearLR(o, 0.1, total_iters=3), lr_scheduler.ExponentialLR(o, 0.8)],
            [3],
        ),
    ),
    "one-cycle": (
        "step",
        lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=90, cycle_momentum=False),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in")  # of SequentialLR itself
@pytest.mark.parametrize("engine", ["native", "torch"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers(name: str, engine: str) -> None:
    every, scheduler_of = SCHEDULERS[name]
    X, y = moons(torch.float64)
    theirs, ours = made(torch.float64), made(torch.float64)
    their_optimizer, our_optimizer = (optim.SGD(m.parameters(), 0.3) for m in (theirs, ours))
    theirs_schedule, ours_schedule = scheduler_of(their_optimizer), scheduler_of(our_optimizer)
    rates: list[float] = []

    def after_epoch(loss: float) -> None:
        if every == "epoch":
            rates.append(their_optimizer.param_groups[0]["lr"])
            theirs_schedule.step(*([loss] if name == "plateau" else []))

    step = theirs_schedule.step if every == "step" else lambda: None
    torch.manual_seed(2)
    by_hand(
        theirs,
        nn.MSELoss(),
        their_optimizer,
        loader_of(X, y),
        12,
        after_step=step,
        after_epoch=after_epoch,
    )
    torch.manual_seed(2)
    found = fit(
        ours, nn.MSELoss(), our_optimizer, X, y, 12, 10,
        scheduler=ours_schedule, scheduler_every=every, engine=engine,
    )  # fmt: skip
    assert apart(theirs, ours) < 1e-9
    assert ours_schedule.last_epoch == theirs_schedule.last_epoch
    assert our_optimizer.param_groups[0]["lr"] == pytest.approx(
        their_optimizer.param_groups[0]["lr"]
    )
    if rates:
        assert found.history.learning_rate == pytest.approx(rates)
        assert len(set(rates)) > 1


class Skip(Net):
    def forward(self, x: Tensor) -> Tensor:
        z = self.ReLU(self.fc1(x))
        return self.fc3(self.fc2(z) + z[:, :5])


class Tied(Net):
    def __init__(self) -> None:
        super().__init__()
        self.fc2 = nn.Linear(6, 6)
        self.fc3 = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc2(torch.relu(self.fc1(x)))))))


class Own(Dataset[Any]):
    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        X, y = moons()
        return X[i], y[i]


def frozen() -> Net:
    module = made()
    module.fc1.weight.requires_grad_(False)
    return module


def hooked() -> Net:
    module = made()
    module.fc1.register_forward_hook(lambda *_: None)
    return module


def groups(module: Any) -> Optimizer:
    return optim.SGD([{"params": module.fc1.parameters(), "lr": 0.3}, {"params": [*module.fc2.parameters(), *module.fc3.parameters()]}], lr=0.1)  # fmt: skip


def plain(module: nn.Module) -> Optimizer:
    return optim.SGD(module.parameters(), lr=0.1)


Parts = dict[str, Any]
NOT_NATIVE: dict[str, tuple[Parts, str]] = {
    "skip": ({"module": Skip}, "is no chain"),
    "convolution": (
        {"module": lambda: nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(2, 1))},
        "Unflatten",
    ),
    "batch norm": ({"module": lambda: nn.Sequential(nn.Linear(2, 5), nn.BatchNorm1d(5), nn.Linear(5, 1))}, "1 (BatchNorm1d) has no twin"),
    "recurrent": ({"module": lambda: nn.Sequential(nn.Linear(2, 4), First(nn.LSTM(4, 3)), nn.Linear(3, 1))}, "LSTM"),
    "tied": ({"module": Tied}, "fc2.weight is used twice"),
    "frozen": ({"module": frozen}, "fc1.weight is frozen"),
    "hooks": ({"module": hooked}, "calls no hooks"),
    "no bias": ({"module": lambda: nn.Sequential(nn.Linear(2, 4, bias=False), nn.Tanh(), nn.Linear(4, 1))}, "there is no 0.bias"),
    "dropout of the data": ({"module": lambda: nn.Sequential(nn.Dropout(0.1), made())}, "0 (Dropout): it has Dropout after"),
    "groups": ({"optimizer": groups}, "group 1 of the optimizer has another lr"),
    "a part": ({"optimizer": lambda m: optim.SGD([*m.fc1.parameters()], lr=0.1)}, "fc2.weight is not in the optimizer"),
    "maximize": ({"optimizer": lambda m: optim.Adam(m.parameters(), maximize=True)}, "Adam with maximize=True"),
    "adamax": ({"optimizer": lambda m: optim.Adamax(m.parameters())}, "no optimizer Adamax"),
    "a sum": ({"loss_fn": nn.MSELoss(reduction="sum")}, "reduction 'sum'"),
    "positive weight": ({"loss_fn": nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0]))}, "pos_weight=None only"),
    "wide huber": ({"loss_fn": nn.HuberLoss(delta=2.0)}, "HuberLoss with delta=1.0 only"),
    "own loss": ({"loss_fn": lambda u, y: ((u - y) ** 4).mean()}, "no loss <lambda>"),
    "sigmoid twice": ({"module": lambda: nn.Sequential(made(), nn.Sigmoid()), "loss_fn": nn.BCEWithLogitsLoss()}, "ends in logistic"),
    "own dataset": ({"X": lambda: Own()}, "data are a Own and no TensorDataset"),
    "any iterable": ({"X": lambda: [moons(), moons()]}, "list is no DataLoader"),
    "iterable dataset": ({"X": lambda: DataLoader(Seven(), batch_size=3)}, "Seven and no TensorDataset"),
    "own collation": ({"X": lambda: loader_of(*moons(), shuffle=False, collate_fn=lambda rows: (torch.stack([r[0] for r in rows]), torch.stack([r[1] for r in rows])))}, "own collate_fn"),
}  # fmt: skip


class First(nn.Module):
    """The outputs of a recurrent layer without its state."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


@pytest.mark.parametrize("name", NOT_NATIVE)
def test_what_pytorch_trains_instead_and_why(name: str) -> None:
    parts, why = NOT_NATIVE[name]
    torch.manual_seed(0)
    ours = parts.get("module", made)()
    theirs = copy.deepcopy(ours)
    loss_fn = parts.get("loss_fn", nn.MSELoss())
    optimizer_of = parts.get("optimizer", plain)
    data = parts["X"]() if "X" in parts else loader_of(*moons())
    dataset = isinstance(data, Dataset)
    torch.manual_seed(1)
    by_hand(
        theirs,
        loss_fn,
        optimizer_of(theirs),
        DataLoader(data, 10, shuffle=True) if dataset else data,
        3,
    )
    torch.manual_seed(1)
    with pytest.warns(PyTorchInstead, match="trained in PyTorch, not natively: ") as said:
        found = fit(
            ours, loss_fn, optimizer_of(ours), data, epochs=3, batch_size=10 if dataset else None
        )
    assert why in str(said[0].message)
    assert (found.engine, found.epochs) == ("torch", 3)
    assert why in found.engine_reason
    assert apart(theirs, ours) == 0
    with pytest.raises(EngineError, match="the native engine cannot train this: "):
        fit(
            ours,
            loss_fn,
            optimizer_of(ours),
            data,
            epochs=3,
            batch_size=10 if dataset else None,
            engine="native",
        )


def unchanged(module: nn.Module) -> Callable[[], bool]:
    before = [p.detach().clone() for p in module.parameters() if not p.is_meta]
    return lambda: all(torch.equal(p, q) for p, q in zip(before, module.parameters(), strict=False))


def spoilt() -> Tensor:
    X, _ = moons()
    X[4, 1] = math.nan
    return X


def spoilt_batches() -> list[Any]:
    X, y = moons()
    return [(X, y), (spoilt(), y)]


BAD: dict[str, tuple[Parts, type[Exception], str]] = {
    "not a module": ({"module": lambda: 3}, InvalidValue, "a module of PyTorch is trained, got int"),
    "no parameters": ({"module": nn.ReLU, "optimizer": lambda m: plain(made())}, InvalidValue, "no parameters to train"),
    "two devices": ({"module": lambda: nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1, device="meta"))}, InvalidValue, "parameters are on cpu and meta"),
    "a loss for each row": ({"loss_fn": nn.MSELoss(reduction="none")}, InvalidValue, "reduction='none' gives a number for each row"),
    "not a loss": ({"loss_fn": "mse"}, InvalidValue, "a loss takes outputs and targets, got 'mse'"),
    "not an optimizer": ({"optimizer": lambda m: "adam"}, InvalidValue, "an optimizer of torch.optim makes the steps, got str"),
    "another's parameters": ({"optimizer": lambda m: plain(made())}, InvalidValue, "holds none of the module's parameters"),
    "empty loader": ({"X": lambda: []}, InvalidValue, "the loader has no batches in epoch 1"),
    "read once": ({"X": lambda: iter([moons()])}, InvalidValue, "no batches in epoch 2; an iterator"),
    "dropped": ({"X": lambda: loader_of(*moons(), batch_size=100, drop_last=True)}, InvalidValue, "the loader has no batches"),
    "no rows": ({"X": lambda: TensorDataset(torch.zeros(0, 2), torch.zeros(0, 1))}, ShapeError, "no rows"),
    "nan": ({"X": spoilt, "y": lambda: moons()[1]}, DataError, r"X\[4, 1\] is nan: not a finite number"),
    "nan later": ({"X": spoilt_batches}, DataError, r"batch 2 of the loader: X\[4, 1\] is nan"),
    "no targets": ({"X": lambda: moons()[0]}, InvalidValue, "rows need targets"),
    "too few targets": ({"X": lambda: moons()[0], "y": lambda: moons()[1][:5]}, ShapeError, "not row for row"),
    "(n,) targets": ({"X": lambda: moons()[0], "y": lambda: moons()[1][:, 0]}, ShapeError, "compared, each with each"),
    "float64 rows": ({"X": lambda: moons()[0].double(), "y": lambda: moons()[1]}, InvalidValue, r"X is float64 and the parameters are float32: X.to\(torch.float32\)"),
    "too many columns": ({"X": lambda: torch.zeros(9, 3), "y": lambda: torch.zeros(9, 1)}, ShapeError, "mat1 and mat2 shapes"),
    "labels -1": ({"X": lambda: moons()[0], "y": lambda: 2 * moons()[1] - 1, "loss_fn": nn.BCEWithLogitsLoss()}, InvalidValue, r"targets are in \[0, 1\]; y\[\d+\] is \[-1.0\]"),
    "class 5": ({"X": lambda: moons()[0], "y": lambda: moons()[1][:, 0].long() * 5, "module": lambda: made(outputs=3), "loss_fn": nn.CrossEntropyLoss()}, ShapeError, "Target 5 is out of bounds"),
    "batches of three": ({"X": lambda: [(1, 2, 3)]}, InvalidValue, "batch 1 of the loader is no pair"),
    "a number": ({"X": lambda: 3}, InvalidValue, "rows are a tensor, a dataset or a loader, got int"),
    "batch size": ({"X": lambda: loader_of(*moons()), "batch_size": 5}, InvalidValue, "a loader decides about batch_size itself"),
    "no epochs": ({"epochs": 0}, InvalidValue, "epochs is a whole number, 1 or more, got 0"),
    "scheduler of another": ({"scheduler": lambda o: lr_scheduler.StepLR(plain(made()), 3)}, InvalidValue, "stands on another optimizer"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::chainrule.torch.PyTorchInstead")
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence_and_changes_nothing(name: str) -> None:
    parts, kind, text = BAD[name]
    module = parts.get("module", made)()
    optimizer = parts.get("optimizer", plain)(module if isinstance(module, nn.Module) else made())
    same = unchanged(module) if isinstance(module, nn.Module) else lambda: True
    X = parts["X"]() if "X" in parts else loader_of(*moons())
    y = parts["y"]() if "y" in parts else None
    scheduler = parts["scheduler"](optimizer) if "scheduler" in parts else None
    with pytest.raises(kind, match=text):
        fit(
            module, parts.get("loss_fn", nn.MSELoss()), optimizer, X, y,
            parts.get("epochs", 3), parts.get("batch_size"), scheduler=scheduler,
        )  # fmt: skip
    assert same()


def test_a_class_out_of_range_beyond_the_first_rows() -> None:
    X, y = moons()
    classes = y[:, 0].long()
    classes[40] = 7
    module = made(outputs=3)
    same = unchanged(module)
    with pytest.raises(InvalidValue, match=r"class numbers from 0 to 2; y\[40\] is 7"):
        fit(module, nn.CrossEntropyLoss(), plain(module), X, classes)
    assert same()


def test_validation_and_stopping_keep_the_best() -> None:
    X, y = moons()
    noise = torch.rand(ROWS, 1)
    for engine in ("native", "torch"):
        module = made()
        optimizer = optim.Adam(module.parameters(), 0.05)
        found = fit(
            module,
            nn.MSELoss(),
            optimizer,
            X,
            noise,
            300,
            10,
            validation=(X, y),
            stopping=3,
            engine=engine,
        )
        assert (found.status, found.engine) == ("stopped early", engine)
        assert found.kept_epoch == found.best_epoch == found.epochs - 3
        assert found.steps == found.epochs * 6
        kept = float(nn.functional.mse_loss(module(X), y).detach())
        assert kept == pytest.approx(min(found.history.validation_loss), rel=1e-5)
        assert int(optimizer.state[module.fc1.weight]["step"]) == found.kept_epoch * 6
        assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_divergence_keeps_the_last_finite_parameters(engine: str) -> None:
    X, y = moons()
    module = made()
    optimizer = optim.SGD(module.parameters(), 1e12)
    with pytest.raises(
        DivergenceError, match=r"finite at step \d+ of epoch \d+; .* \(it was 1e\+12\)"
    ):
        fit(module, nn.MSELoss(), optimizer, X, y, 50, 10, engine=engine)
    assert all(p.isfinite().all() for p in module.parameters())


def test_dropout_is_read_from_the_module_and_modes_are_kept() -> None:
    X, y = moons()
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 40), nn.ReLU(), nn.Dropout(0.5), nn.Linear(40, 1))
    module.eval()
    losses = []
    for share in (0.0, 0.5):
        copied = copy.deepcopy(module)
        copied[2].p = share
        found = fit(
            copied, nn.MSELoss(), optim.SGD(copied.parameters(), 0.0), X, y, 2000, engine="native"
        )
        losses.append(np.array(found.history.loss))
        assert not any(part.training for part in copied.modules())
    assert np.ptp(losses[0]) < 1e-6
    z = module[1](module[0](X)).detach()
    spread = float(
        ((z**2) @ (module[3].weight[0] ** 2)).mean().detach()
    )  # of the output, as p/(1 − p) = 1
    assert losses[1].mean() - losses[0].mean() == pytest.approx(spread, rel=0.03)


def test_rows_are_flattened_where_the_module_does() -> None:
    X, y = moons(torch.float64)
    images = X.reshape(ROWS, 1, 2)
    theirs, ours = (nn.Sequential(nn.Flatten(), made(torch.float64)) for _ in range(2))
    by_hand(theirs, nn.MSELoss(), plain(theirs), loader_of(images, y, shuffle=False), 5)
    fit(
        ours,
        nn.MSELoss(),
        plain(ours),
        images,
        y,
        5,
        10,
        shuffle=False,
        engine="native",
        validation=(images, y),
    )
    assert apart(theirs, ours) < 1e-9


def test_another_loss_than_pytorchs_is_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.torch.reading import Link

    layer = Link.layer.fget
    assert layer is not None

    def wrong(link: Link) -> Any:
        made = layer(link)
        made.W[...] *= 1.01
        return made

    monkeypatch.setattr(Link, "layer", property(wrong))
    module = made()
    X, y = moons()
    with pytest.raises(EngineError, match="its loss of the first rows is"):
        fit(module, nn.MSELoss(), plain(module), X, y, engine="native")
