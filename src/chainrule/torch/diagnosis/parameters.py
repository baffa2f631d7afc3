"""Parameters that nothing changes: not in the optimizer, or out of the gradient's reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.setup import Setup, path
from chainrule.torch.diagnosis.watching import Pass, run


def membership(setup: Setup) -> Iterator[Finding]:
    """Parameters that the module or the optimizer does not know, or knows twice."""
    module, optimizer = setup.module, setup.optimizer
    yield from unregistered(module)
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        yield finding(
            "nothing-to-train", "No parameter has requires_grad.", "module.parameters()",
            "module.requires_grad_(True)",
        )  # fmt: skip
    devices = {str(p.device) for p in module.parameters()}
    if len(devices) > 1:
        yield finding(
            "two-devices", f"Parameters are on {_joined(sorted(devices))}.", "module",
            f"module.to({str(next(module.parameters()).device)!r})",
        )  # fmt: skip
    if optimizer is not None:
        loss_fn = setup.loss_fn
        beside = set(map(id, loss_fn.parameters())) if isinstance(loss_fn, nn.Module) else set()
        yield from _in_optimizer(module, trained, optimizer, beside)


def _in_optimizer(
    module: nn.Module,
    trained: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    beside: set[int],
) -> Iterator[Finding]:
    """Args as `membership` has them; `beside` are the loss's own parameters."""
    held = [p for group in optimizer.param_groups for p in group["params"]]
    names = {id(p): name for name, p in module.named_parameters()}
    kind = type(optimizer).__name__
    absent = {name: p for name, p in trained.items() if all(p is not q for q in held)}
    foreign = [p for p in held if id(p) not in names and id(p) not in beside]
    if foreign and absent:
        yield _other(foreign, absent, kind)
    elif foreign and len(foreign) == len(held):
        yield _other(foreign, trained, kind)
    elif absent:
        yield finding(
            "not-in-optimizer", f"It has requires_grad, and {kind} does not have it." if len(absent) == 1
            else f"{len(absent)} parameters have requires_grad, and {kind} does not have them.",
            _names(absent), _adding(absent),
        )  # fmt: skip
    twice = [names[i] for i, count in Counter(map(id, held)).items() if count > 1 and i in names]
    if twice:
        yield finding(
            "twice-in-optimizer", f"{kind} was given {'it' if len(twice) == 1 else 'them'} more than once.",
            _names(twice), f"optimizer = torch.optim.{kind}(module.parameters(), …)",
        )  # fmt: skip
    yield from _moved_state(optimizer, names, kind)
    if any(group.get("maximize") for group in optimizer.param_groups):
        yield finding("maximizes", f"{kind} has maximize=True.", "optimizer", "maximize=False")


def _other(foreign: list[Tensor], absent: dict[str, nn.Parameter], kind: str) -> Finding:
    """Parameters of an earlier module, or of this one before it was moved."""
    alike = sorted(map(tuple, (p.shape for p in foreign))) == sorted(
        map(tuple, (p.shape for p in absent.values()))
    )
    here = next(iter(absent.values()))
    there = foreign[0]
    again = f"optimizer = torch.optim.{kind}(module.parameters(), …)  # after module.to(…)"
    if alike and (here.device, here.dtype) != (there.device, there.dtype):
        seen = (
            f"on {there.device}, the module's are on {here.device}" if here.device != there.device
            else f"{there.dtype}, the module's are {here.dtype}"
        )  # fmt: skip
        return finding(
            "optimizer-before-move", f"{kind}'s parameters are {seen}.", "optimizer", again
        )
    what = f"{len(foreign)} of {kind}'s parameters are not the module's"
    what += ", though their shapes are: they belong to an earlier module." if alike else "."
    return finding(
        "optimizer-of-other-parameters", what, "optimizer", again.removesuffix("  # after module.to(…)")
    )  # fmt: skip


def _moved_state(
    optimizer: torch.optim.Optimizer, names: dict[int, str], kind: str
) -> Iterator[Finding]:
    """Moments on another device than their parameters."""
    for p, state in optimizer.state.items():
        for key, value in state.items() if isinstance(state, dict) else ():
            if isinstance(value, Tensor) and value.ndim and value.device != p.device:
                yield finding(
                    "optimizer-before-move",
                    f"{key} is on {value.device}, the parameter is on {p.device}.",
                    f"optimizer.state of {names.get(id(p), 'a parameter')}",
                    f"optimizer = torch.optim.{kind}(module.parameters(), …)  # after module.to(…)",
                )  # fmt: skip
                return


def unregistered(module: nn.Module) -> Iterator[Finding]:
    """Modules in plain lists, and tensors with a gradient that are no Parameter."""
    known = {id(part) for part in module.modules()}
    parameters = {id(p) for p in module.parameters()}
    for name, part in module.named_modules():
        if type(part).__module__.startswith("torch.nn."):
            continue
        for key, value in vars(part).items():
            if key.startswith("_") and key in nn.Module().__dict__:
                continue
            place = f"{path(name)}.{key}"
            if any(
                isinstance(e, nn.Module) and id(e) not in known and _has(e) for e in _inside(value)
            ):
                kind = "ModuleDict" if isinstance(value, dict) else "ModuleList"
                yield finding(
                    "unregistered", f"A plain {type(value).__name__} holds layers.", place,
                    f"{place.replace('module', 'self', 1)} = nn.{kind}({place.replace('module', 'self', 1)})",
                )  # fmt: skip
            elif any(isinstance(e, Tensor) and e.requires_grad and e.is_leaf and id(e) not in parameters
                     for e in _inside(value)):  # fmt: skip
                mine = place.replace("module", "self", 1)
                fix = f"{mine} = nn.Parameter({mine})"
                if isinstance(value, list | tuple | dict):
                    kind = "ParameterDict" if isinstance(value, dict) else "ParameterList"
                    fix = f"{mine} = nn.{kind}({mine})"
                yield finding(
                    "unregistered", "A tensor with requires_grad is no Parameter.", place, fix
                )


def _has(part: nn.Module) -> bool:
    return next(part.parameters(), None) is not None


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple):
        return value
    return value.values() if isinstance(value, dict) else (value,)


def gradients(setup: Setup, seen: Pass) -> Iterator[Finding]:
    """Parameters that get no gradient, or 0 whatever the weights are.

    Args:
        setup: the set-up.
        seen: a pass whose loss is one number.
    """
    if not seen.loss.requires_grad:
        if any(p.requires_grad for p in setup.module.parameters()):
            yield finding(
                "no-graph", "The loss has no grad_fn: the outputs were detached, rounded to classes, "
                "or made without gradients.", "what forward returns",
                "return u  # no detach(), no_grad(), numpy() or argmax() in forward",
            )  # fmt: skip
        return
    module, loss_fn, _ = setup.fresh()
    error = _backward(setup, module, loss_fn)
    if error is not None:
        said = " ".join(str(error).split())[:300]
        yield finding(
            "backward-raises", f"{type(error).__name__}: {said}", "loss.backward()",
            "torch.autograd.set_detect_anomaly(True)  # then backward names the line",
        )  # fmt: skip
        return
    absent = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    if absent:
        yield finding(
            "no-gradient", "It has no gradient after backward: forward does not use it, or detaches "
            "what it gives." if len(absent) == 1 else f"{len(absent)} parameters have no gradient after "
            "backward: forward does not use them, or detaches what they give.", _names(absent),
            f"use it in forward, or: {path(absent[0])}.requires_grad_(False)",
        )  # fmt: skip
    flat = _always_zero(setup, set(absent))
    if flat:
        yield finding(
            "zero-gradient", "The gradient is exactly 0 for weights of all kinds: something after it "
            "is flat, as round, sign or a comparison.", _names(flat),
            "return u  # in forward: nothing flat between the layer and the loss",
        )  # fmt: skip


def _always_zero(setup: Setup, but: set[str]) -> list[str]:
    """The names of the matrices whose gradient is 0 for the weights given and for three draws."""
    flat: set[str] | None = None
    generator = torch.Generator().manual_seed(0)
    for draw in range(4):
        module, loss_fn, _ = setup.fresh()
        if draw:
            with torch.no_grad():
                for p in module.parameters():
                    if p.is_floating_point():
                        fan = max(1, p[0].numel()) if p.ndim > 1 else 1
                        p.copy_((torch.randn(p.shape, generator=generator) / fan**0.5).to(p))
        if _backward(setup, module, loss_fn) is not None:
            return []
        zero = {
            n for n, p in module.named_parameters()
            if p.grad is not None and p.ndim > 1 and not bool(p.grad.any())
        }  # fmt: skip
        flat = zero if flat is None else flat & zero
    order = [n for n, _ in setup.module.named_parameters()]
    return [n for n in order if n in (flat or set()) - but]


def _backward(setup: Setup, module: nn.Module, loss_fn: Any) -> Exception | None:
    """Gradients of the module's parameters; what was raised, if it was."""
    module.train()
    module.zero_grad(set_to_none=True)
    seen = run(module, loss_fn, setup.inputs, setup.targets)
    try:
        seen.loss.backward()
    except Exception as error:  # the user's forward decides what backward does
        return error
    return None


def _names(names: Iterable[str]) -> str:
    every = list(names)
    return _joined(every[:4]) + (f" and {len(every) - 4} more" if len(every) > 4 else "")


def _adding(absent: dict[str, nn.Parameter]) -> str:
    listed = ", ".join(path(name) for name in list(absent)[:4])
    listed += ", …" if len(absent) > 4 else ""
    return f'optimizer.add_param_group({{"params": [{listed}]}})'


def _joined(names: list[str]) -> str:
    return ", ".join(names)
