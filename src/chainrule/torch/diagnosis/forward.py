"""A forward pass that does not run: which layer raises, and what stands before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.setup import Setup, label, path, shape
from chainrule.torch.diagnosis.watching import Pass, Ran


def failed(setup: Setup, seen: Pass) -> Iterator[Finding]:
    """What the module raised, with the layer."""
    names, got = seen.at
    name = names[-1] if names else ""
    part = setup.module.get_submodule(name)
    if (
        isinstance(part, nn.Linear)
        and isinstance(got, Tensor)
        and got.shape[-1] != part.in_features
    ):
        yield _unchained(name, part, got, seen.ran)
        return
    said = " ".join(str(seen.error).split())
    got_text = f" It was given {shape(got)}." if got is not None else ""
    before = f" The layer before it: {_named(seen.ran[-1])}." if seen.ran else ""
    yield finding(
        "forward-raises", f"{type(seen.error).__name__}: {said[:240]}.{got_text}{before}",
        label(name, part), _mending(part, got, name),
    )  # fmt: skip


def _unchained(name: str, part: nn.Linear, got: Tensor, ran: list[Ran]) -> Finding:
    before = f"{_named(ran[-1])} stands before it" if ran else "X comes in there"
    where = label(name, part)
    what = f"It takes {part.in_features} numbers and gets {got.shape[-1]}, in shape {shape(got)}; {before}."
    target = path(name) if name else "module"
    if got.ndim > 2 and got[0].numel() == part.in_features:
        fix = f"{target} = nn.Sequential(nn.Flatten(), {target})"
    else:
        fix = f"{target} = nn.Linear({got.shape[-1]}, {part.out_features})"
    return finding("sizes-do-not-chain", what, where, fix)


def _named(ran: Ran) -> str:
    return label(ran.name, ran.module)


def _mending(part: nn.Module, got: Any, name: str) -> str:
    """The line that makes the layer take what it gets, where there is one."""
    if not isinstance(got, Tensor) or got.ndim < 2:
        return f"read the traceback of: {path('')}(X)"
    if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.num_features != got.shape[1]:
        return f"{path(name)} = nn.{type(part).__name__}({got.shape[1]})"
    if isinstance(part, nn.Conv2d | nn.Conv1d) and part.in_channels != got.shape[1]:
        return (
            f"{path(name)} = nn.{type(part).__name__}({got.shape[1]}, {part.out_channels}, "
            f"{part.kernel_size})"
        )
    return f"read the traceback of: {path('')}(X)"


def loss_failed(seen: Pass) -> Iterator[Finding]:
    """A loss that raises, or gives no single number, where no other finding says why."""
    if seen.error is not None:
        said = " ".join(str(seen.error).split())
        outputs = shape(seen.outputs)
        yield finding(
            "loss-raises", f"{type(seen.error).__name__}: {said[:240]}. The outputs are {outputs}.",
            "loss_fn", "read the traceback of: loss_fn(module(X), y)",
        )  # fmt: skip


def loss_shape(seen: Pass) -> Iterator[Finding]:
    """A loss of a number for each row, or none at all."""
    loss = seen.loss
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return
    fix = "loss = loss_fn(module(X), y).mean()"
    if seen.link is not None and isinstance(loss, Tensor):
        fix = f'loss_fn = nn.{seen.link.loss}()  # without reduction="none"'
    yield finding("loss-not-scalar", f"It returns {shape(loss)}.", "loss_fn", fix)


def not_finite(seen: Pass) -> Iterator[Finding]:
    """A loss that is NaN or infinite for rows that are finite."""
    if bool(torch.isfinite(seen.loss)):
        return
    first = next(
        (
            r
            for r in seen.ran
            if isinstance(r.outputs, Tensor) and not bool(torch.isfinite(r.outputs).all())
        ),
        None,
    )
    where = label(first.name, first.module) if first else "loss_fn"
    what = f"The loss is {float(seen.loss)} before the first step."
    what += " The first numbers that are not finite come from here." if first else ""
    fix = f"{path(first.name)}.reset_parameters()" if first else "print(module(X)); print(y)"
    yield finding("forward-not-finite", what, where, fix)
