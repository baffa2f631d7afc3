"""Where training starts: units that do no work, a loss that is too high, steps that are too long."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.setup import Setup, path
from chainrule.torch.diagnosis.watching import Bend, Link, Pass, run
from chainrule.views.words import number

STEPS = 30
FLAT = {"tanh": (-0.99, 0.99), "sigmoid": (0.01, 0.99)}  # beyond these the slope is below 0.02


def units(seen: Pass, link: Link | None) -> Iterator[Finding]:
    """Layers most of whose units are 0 for all rows, or flat for nearly all."""
    for bend in seen.bends:
        last = link is not None and bend.outputs.data_ptr() == link.outputs.data_ptr()
        if bend.outputs.ndim < 2 or last:
            continue  # what a trained network says may be sure
        z = _by_unit(bend)
        if bend.kind == "relu":
            yield from _idle(bend, (z == 0).all(0), "dead-units", "0 for all rows")
        elif bend.kind in FLAT:
            low, high = FLAT[bend.kind]
            flat = ((z < low) | (z > high)).double().mean(0) > 0.9
            said = f"beyond {low:g} and {high:g} for more than 9 rows in 10"
            yield from _idle(bend, flat, "saturated-units", said)


def _by_unit(bend: Bend) -> Tensor:
    """A column for each unit; the units of a convolution are its channels."""
    z = bend.outputs.detach()
    convolved = bend.after is not None and isinstance(bend.after.module, nn.modules.conv._ConvNd)
    if z.ndim > 3 or (convolved and z.ndim > 2):
        z = z.movedim(1, -1)
    return z.reshape(-1, z.shape[-1])


def _idle(bend: Bend, idle: Tensor, code: str, said: str) -> Iterator[Finding]:
    """A finding if all units are idle, or more than chance explains.

    In deep networks with PyTorch's initialization a unit is always on or always off with even
    chances, so half of a layer may be off by chance; four standard deviations above it are not.
    """
    n, count = len(idle), int(idle.sum())
    if count < n and count < n / 2 + 2 * math.sqrt(n):
        return
    name = bend.after.name if bend.after else ""
    where = f"{bend.kind} after {path(name)}" if name else bend.kind
    weights = f"{path(name)}.reset_parameters()" if name else "scale X"
    yield finding(code, f"{count} of {n} units are {said}.", where, weights)


def initial_loss(link: Link, seen: Pass) -> Iterator[Finding]:
    """A loss far above that of a network which gives every class the same chance."""
    loss, even, words = _fair(link)
    if loss is None or not math.isfinite(loss) or loss <= 2 * even + 0.5:
        return
    last = path(seen.ran[-1].name) if seen.ran else "module"
    yield finding(
        "initial-loss", f"The loss is {number(loss)}; {words} is {number(even)}.", last,
        f"{last}.reset_parameters()  # and scale X",
    )  # fmt: skip


def _fair(link: Link) -> tuple[float | None, float, str]:
    """The mean loss without weights, that of even chances, and its formula."""
    u, y = link.outputs.detach(), link.targets
    try:
        if link.loss == "CrossEntropyLoss":
            loss = F.cross_entropy(u, y, ignore_index=link.ignore)
        elif link.loss == "NLLLoss":
            loss = F.nll_loss(u, y, ignore_index=link.ignore)
        elif link.loss == "BCEWithLogitsLoss":
            return float(F.binary_cross_entropy_with_logits(u, y)), math.log(2), "log(2)"
        elif link.loss == "BCELoss":
            return float(F.binary_cross_entropy(u, y)), math.log(2), "log(2)"
        else:
            return None, 0.0, ""
    except (RuntimeError, ValueError, IndexError):  # labels that other findings are about
        return None, 0.0, ""
    classes = u.shape[1] if u.ndim > 1 else u.shape[0]
    return float(loss), math.log(max(classes, 2)), f"log({classes})"


def targets_scale(link: Link) -> Iterator[Finding]:
    """Numbers to learn that are far larger than what the network begins with."""
    if not link.loss.startswith(("MSE", "L1", "Huber", "Smooth")):
        return
    y, u = link.targets.double(), link.outputs.detach().double()
    size, begun = float(y.square().mean().sqrt()), float(u.square().mean().sqrt())
    if size > 30 and size > 30 * begun:
        yield finding(
            "targets-not-scaled",
            f"y has mean {number(float(y.mean()))} and standard deviation "
            f"{number(float(y.std(correction=0)))}; the outputs are near {number(begun)}.", "y",
            "y = (y - y.mean()) / y.std()",
        )  # fmt: skip


def learning_rate(setup: Setup, link: Link | None) -> Iterator[Finding]:
    """Steps with the optimizer on the same rows with the same dropout: does the loss rise?

    It has to rise clearly, and no longer with smaller rates, so that neither noise nor another
    mistake is taken for the rate's.
    """
    if setup.optimizer is None:
        return
    scale = _scale(link)
    curve = descent(setup, 1.0)
    if not _rises(curve, scale):
        return
    smaller = {power: descent(setup, 10.0**-power) for power in range(1, 7)}
    falling = {k: _tail(each) for k, each in smaller.items() if not _rises(each, scale)}
    if falling:
        yield _too_large(setup, curve, min(falling, key=falling.__getitem__))


def _too_large(setup: Setup, curve: list[float], power: int) -> Finding:
    assert setup.optimizer is not None
    rates = sorted({float(group["lr"]) for group in setup.optimizer.param_groups})
    said = ", ".join(f"{rate:g}" for rate in rates)
    steps = len(curve) - 1
    what = f"With learning rate {said} the loss went from {number(curve[0])} to "
    what += f"{number(curve[-1])} in {steps} steps on the same rows." if math.isfinite(curve[-1]) else (
        f"{curve[-1]} in {steps} steps on the same rows."
    )  # fmt: skip
    kind = type(setup.optimizer).__name__
    fix = f"optimizer = torch.optim.{kind}(module.parameters(), lr={rates[-1] * 10.0**-power:.3g})"
    return finding("learning-rate-too-large", what, f"optimizer, lr={said}", fix)


def _scale(link: Link | None) -> float:
    """A loss that a network without knowledge has, below which rises are small."""
    if link is None:
        return 0.0
    if link.loss in ("MSELoss", "HuberLoss", "SmoothL1Loss"):
        return float(link.targets.double().var(correction=0))
    if link.loss == "L1Loss":
        return float(link.targets.double().std(correction=0))
    return 1.0


def _rises(curve: list[float], scale: float) -> bool:
    if not all(map(math.isfinite, curve)):
        return True
    mean = _tail(curve)
    return mean > 1.2 * abs(curve[0]) + 0.1 * scale and mean > curve[0]


def _tail(curve: list[float]) -> float:
    """The mean of the last third."""
    tail = curve[-max(1, len(curve) // 3) :]
    return sum(tail) / len(tail)


def descent(setup: Setup, factor: float) -> list[float]:
    """The losses of some steps on a copy, with the learning rates times a factor."""
    module, loss_fn, optimizer = setup.fresh()
    assert optimizer is not None
    module.train()
    with torch.no_grad():
        for group in optimizer.param_groups:
            _slow(group, factor)
    losses: list[float] = []

    def closure() -> Tensor:
        module.zero_grad(set_to_none=True)
        optimizer.zero_grad(set_to_none=True)
        seen = run(module, loss_fn, setup.inputs, setup.targets)
        if seen.error is not None:
            raise seen.error
        loss: Tensor = seen.loss
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(5 if isinstance(optimizer, torch.optim.LBFGS) else STEPS):
            losses.append(_stepped(optimizer, closure))
            if not math.isfinite(losses[-1]):
                break
        losses.append(float(closure().detach()))
    return losses


def _stepped(optimizer: torch.optim.Optimizer, closure: Callable[[], Tensor]) -> float:
    """One step; the loss before it."""
    loss: Any = optimizer.step(closure)  # type: ignore[arg-type]
    return float(loss)


def _slow(group: dict[str, object], factor: float) -> None:
    rate = group["lr"]
    group["lr"] = rate * factor if isinstance(rate, float | int | Tensor) else rate
