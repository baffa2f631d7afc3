"""The user's own step and predict functions, watched for a few batches and then undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.graphs import Graphs
from chainrule.torch.diagnosis.reach import Reach
from chainrule.torch.diagnosis.restoring import restored
from chainrule.torch.diagnosis.rows import Rows
from chainrule.torch.diagnosis.setup import path

CALLS, MOST_CALLS, BATCH = 3, 16, 32
_MODAL = (
    nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm,
)  # fmt: skip


@dataclass
class Watch:
    """What the steps did.

    Attributes:
        backwards: gradients that arrived at any parameter.
        steps: calls of optimizer.step.
        leftover: whether gradients of an earlier step were there when new ones came.
        erased: steps that saw no gradient though one had come.
        evaluated: forward passes in eval mode, with gradients.
        fresh: whether a step was taken since gradients last came.
        arrived: whether gradients came since the last step.
    """

    backwards: int = 0
    steps: int = 0
    leftover: bool = False
    erased: int = 0
    evaluated: int = 0
    fresh: bool = False
    arrived: bool = False


def findings(
    module: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    step: Callable[[Any, Any], Any] | None,
    predict: Callable[[Any], Any] | None,
    rows: Rows,
    earlier: list[Finding],
) -> Iterator[Finding]:
    """What the functions do wrong; the user's module is as before when this ends.

    Args:
        module: the user's own.
        optimizer: the user's own, or None: the one that the step holds is taken.
        step: trains on one batch.
        predict: answers for rows.
        rows: some that are finite.
        earlier: what was found so far; a step that raises for a reason among these is not reported.
    """
    reach = Reach(step, predict, module)
    held = [optimizer] if optimizer is not None else reach.of(torch.optim.Optimizer)
    with restored(module, optimizer, reach):
        modes = {part: part.training for part in module.modules()}
        if step is not None:
            yield from _stepped(module, held, step, rows, reach, earlier)
        if predict is not None:
            for part, mode in modes.items():
                part.training = mode
            yield from _predicted(module, step, predict, rows)


def _batch(rows: Rows, i: int) -> Rows:
    """Another one for each call, of at most 32 rows."""
    count = len(rows)
    size = min(BATCH, count)
    return rows.at((torch.arange(size) + i * size) % count)


def _arguments(rows: Rows) -> Any:
    return rows.inputs[0] if len(rows.inputs) == 1 else rows.inputs


def _stepped(
    module: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    step: Callable[[Any, Any], Any],
    rows: Rows,
    reach: Reach,
    earlier: list[Finding],
) -> Iterator[Finding]:
    watch = Watch()
    graphs = Graphs(reach)
    module.train()  # as a loop would before its epochs; a step that calls eval is seen to
    with ExitStack() as stack:
        _watch(stack, module, optimizers, watch)
        for i in range(MOST_CALLS):
            if i >= CALLS and (watch.steps or not watch.backwards):
                break
            batch = _batch(rows, i)
            try:
                graphs.saw(step(_arguments(batch), batch.targets))
            except Exception as error:  # the user's code
                if not any(each.code in _RAISE for each in earlier):
                    said = " ".join(str(error).split())[:240]
                    yield finding("step-raises", f"{type(error).__name__}: {said}", "step",
                                  "read the traceback of: step(X[:32], y[:32])")  # fmt: skip
                return
    yield from _judged(watch, module, optimizers)
    yield from graphs.findings()


_RAISE = {
    "sizes-do-not-chain", "forward-raises", "float64-data", "data-dtype", "data-on-other-device",
    "loss-raises", "loss-not-scalar", "labels-not-a-column", "two-outputs-one-column", "shapes-differ",
    "labels-out-of-range", "one-hot-labels", "float-labels", "labels-not-int64", "labels-not-float",
    "labels-a-column", "bce-on-logits", "no-graph", "two-devices", "optimizer-before-move",
}  # fmt: skip


def _judged(
    watch: Watch, module: nn.Module, optimizers: list[torch.optim.Optimizer]
) -> Iterator[Finding]:
    if not any(p.requires_grad for p in module.parameters()):
        return
    if not watch.backwards:
        yield finding("no-backward", "No parameter of the module got a gradient.", "step",
                      "loss.backward()  # before optimizer.step()")  # fmt: skip
    elif optimizers and not watch.steps:
        yield finding("no-step", f"{MOST_CALLS} calls, and no optimizer.step().", "step",
                      "optimizer.step()  # after loss.backward()")  # fmt: skip
    if watch.leftover:
        yield finding(
            "no-zero-grad", "When the second batch's gradients came, the first one's were still there.",
            "step", "optimizer.zero_grad()  # before loss.backward()",
        )  # fmt: skip
    if watch.steps and watch.erased == watch.steps:
        yield finding(
            "gradients-erased", "Gradients came, and were gone when optimizer.step() was called.",
            "step", "optimizer.zero_grad(); loss.backward(); optimizer.step()  # in this order",
        )  # fmt: skip
    if watch.evaluated:
        yield finding(
            "eval-in-step", "The forward pass ran in eval mode, and the module has "
            f"{_modal(module)}.", "step", "module.train()  # before the forward pass",
        )  # fmt: skip


def _modal(module: nn.Module) -> str:
    """The parts that behave otherwise when training, by name."""
    found = [
        f"{path(n)} ({type(p).__name__})"
        for n, p in module.named_modules()
        if isinstance(p, _MODAL)
    ]
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _watch(
    stack: ExitStack, module: nn.Module, optimizers: list[torch.optim.Optimizer], watch: Watch
) -> None:
    """Hooks on the module, its parameters and the optimizers, as long as the stack is open."""
    trained = [p for p in module.parameters() if p.requires_grad]
    for p in trained:
        hooks = p._backward_hooks
        stack.callback(setattr, p, "_backward_hooks", hooks)
        stack.callback(p.register_hook(_arrival(p, watch)).remove)  # type: ignore[no-untyped-call]
    for optimizer in optimizers:
        stack.callback(optimizer.register_step_pre_hook(_before(trained, watch)).remove)
        stack.callback(optimizer.register_step_post_hook(_behind(watch)).remove)
    stack.callback(module.register_forward_pre_hook(_entry(watch)).remove)


def _arrival(p: Tensor, watch: Watch) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        watch.backwards += 1
        if watch.fresh and p.grad is not None and bool(p.grad.any()):
            watch.leftover = True
        if bool(gradient.any()):
            watch.arrived = True

    return hook


def _before(trained: list[nn.Parameter], watch: Watch) -> Callable[..., None]:
    def hook(optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch.steps += 1
        closure = len(args) > 1 or any(value is not None for value in kwargs.values())
        gone = not any(p.grad is not None and bool(p.grad.any()) for p in trained)
        watch.erased += bool(watch.arrived and gone and not closure)
        watch.arrived = False

    return hook


def _behind(watch: Watch) -> Callable[..., None]:
    def hook(optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        watch.fresh = True

    return hook


def _entry(watch: Watch) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
        parts = [part for part in module.modules() if isinstance(part, _MODAL)]
        evaluating = not module.training and not any(part.training for part in parts)
        watch.evaluated += bool(parts and evaluating and torch.is_grad_enabled())

    return hook


def _predicted(
    module: nn.Module,
    step: Callable[[Any, Any], Any] | None,
    predict: Callable[[Any], Any],
    rows: Rows,
) -> Iterator[Finding]:
    """Whether dropout or batch norm runs in training mode, as the user left it or after a step."""
    batch = _batch(rows, 0)
    trained: list[str] = []

    def entered(part: nn.Module, args: tuple[Any, ...]) -> None:
        if part.training:
            trained.append(names[part])

    names: dict[nn.Module, str] = {p: n for n, p in module.named_modules() if isinstance(p, _MODAL)}
    try:
        if step is not None:
            step(_arguments(batch), batch.targets)
    except Exception:  # reported above
        return
    handles = [part.register_forward_pre_hook(entered) for part in names]
    try:
        predict(_arguments(batch))
    except Exception as error:  # the user's code
        said = " ".join(str(error).split())[:240]
        yield finding("step-raises", f"{type(error).__name__}: {said}", "predict",
                      "read the traceback of: predict(X[:32])")  # fmt: skip
    finally:
        for handle in handles:
            handle.remove()
    if trained:
        parts = [
            f"{path(n)} ({type(module.get_submodule(n)).__name__})" for n in dict.fromkeys(trained)
        ]
        yield finding(
            "training-mode-in-predict", f"In training mode when predicting: {', '.join(parts[:4])}.",
            "predict", "module.eval()  # in predict, before the forward pass",
        )  # fmt: skip
