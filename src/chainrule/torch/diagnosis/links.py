"""The link between outputs and loss: an activation before a loss that applies its own.

An activation in forward is found by what it does, wherever it is hidden: the last layer is given
weights of such a size that its outputs reach ±50, in both signs, and then all parameters are drawn
anew. Outputs that stay between 0 and 1 through all of this do so by construction and not by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.setup import Setup, path
from chainrule.torch.diagnosis.watching import Link, Pass
from chainrule.views.words import number

REACH = 50.0  # of the last layer's outputs: a sigmoid of it is 0 or 1 in any precision


@dataclass(frozen=True)
class Range:
    """What the outputs do whatever the weights are.

    Attributes:
        kind: sigmoid (between 0 and 1), softmax (and sum to 1), log_softmax (logarithms of these),
            tanh (between −1 and 1), relu (never below 0), or empty.
        lowest: the least output that is possible.
        largest: the largest.
        single: whether there is one output.
    """

    kind: str
    lowest: float
    largest: float
    single: bool


def findings(setup: Setup, seen: Pass, link: Link) -> Iterator[Finding]:
    """An activation before the loss that should not be there, or one that is missing.

    Args:
        setup: the set-up.
        seen: a pass of it.
        link: what the loss was called with there.
    """
    held = output_range(setup, seen)
    if held is None:
        return
    where, undo = _place(seen, link)
    code = _code(link, held)
    if code:
        yield finding(code, _said(code, held, link), where, _fix(code, undo))
    elif link.loss.startswith(("MSE", "L1", "Huber", "Smooth")) and held.kind:
        yield from _reach(held, link.targets, where, undo)


def _code(link: Link, held: Range) -> str:
    kind = held.kind
    if link.loss == "BCELoss":
        if kind == "softmax" and held.single:
            return "softmax-of-one-output"
        return "" if kind in ("sigmoid", "softmax") else "bce-on-logits"
    if link.loss == "NLLLoss":
        named = {"log_softmax": "", "softmax": "nll-on-probabilities"}
        return named.get(kind, "nll-on-logits")
    if link.loss == "CrossEntropyLoss":
        if held.single:
            return "softmax-of-one-output"
        named = {"softmax": "softmax-twice", "log_softmax": "log-softmax-twice",
                 "sigmoid": "sigmoid-before-cross-entropy"}  # fmt: skip
        return named.get(kind, "activation-before-loss" if kind else "")
    if link.loss == "BCEWithLogitsLoss":
        if held.single and kind == "softmax":
            return "softmax-of-one-output"
        named = {"sigmoid": "sigmoid-twice", "softmax": "softmax-before-sigmoid"}
        return named.get(kind, "activation-before-loss" if kind else "")
    return ""


_DOES = {
    "sigmoid": "stay between 0 and 1", "softmax": "stay between 0 and 1 and sum to 1 in each row",
    "log_softmax": "are logarithms of numbers that sum to 1 in each row",
    "tanh": "stay between −1 and 1", "relu": "never fall below 0", "": "take any value",
}  # fmt: skip


def _said(code: str, held: Range, link: Link) -> str:
    if code == "softmax-of-one-output":
        return f"There is one output, of shape {tuple(link.outputs.shape)}, for {link.loss}."
    return f"Whatever the weights are, the outputs {_DOES[held.kind]}; the loss is {link.loss}."


def _fix(code: str, undo: str) -> str:
    return {
        "bce-on-logits": "loss_fn = nn.BCEWithLogitsLoss()",
        "nll-on-logits": "loss_fn = nn.CrossEntropyLoss()",
        "nll-on-probabilities": f"{undo}\nloss_fn = nn.CrossEntropyLoss()",
        "softmax-of-one-output": "loss_fn = nn.BCEWithLogitsLoss()  # on the logit, y of shape (n, 1)",
    }.get(code, undo)


def _place(seen: Pass, link: Link) -> tuple[str, str]:
    """Where the last activation is, and the line that takes it out."""
    bend = seen.bends[-1] if seen.bends else None
    last = seen.ran[-1] if seen.ran else None
    layer = f"{path(last.name).replace('module', 'self', 1)}(…)" if last and last.name else "u"
    plain = f"return {layer}  # in forward: the numbers before the activation"
    if bend is None or not _same(bend.outputs, link.outputs):
        return "what forward returns", plain
    after = f" after {path(bend.after.name)}" if bend.after and bend.after.name else ""
    if (
        bend.inside
        and sum(each.inside == bend.inside for each in seen.bends) == 1
        and not any(ran.name == bend.inside for ran in seen.ran)
    ):
        return f"{path(bend.inside)}, {bend.kind}{after}", f"{path(bend.inside)} = nn.Identity()"
    return f"{bend.kind}{after}, in forward", plain


def _same(a: Tensor, b: Tensor) -> bool:
    return a is b or (a.numel() == b.numel() and a.data_ptr() == b.data_ptr())


def _reach(held: Range, y: Tensor, where: str, undo: str) -> Iterator[Finding]:
    low, high = float(y.min()), float(y.max())
    slack = 0.01 * (high - low)
    if low >= held.lowest - slack and high <= held.largest + slack:
        return
    what = f"The outputs {_DOES[held.kind]}; y goes from {number(low)} to {number(high)}."
    yield finding("targets-out-of-reach", what, where, undo)


def output_range(setup: Setup, seen: Pass) -> Range | None:
    """What the outputs do under weights of all kinds; None if the loss cannot be watched."""
    given = [link.outputs.detach() for link in _perturbed(setup, seen)]
    given = [values for values in given if not bool(torch.isnan(values).any())]
    if not given:
        return None
    flat = torch.cat([values.flatten() for values in given])
    low, high = float(flat.min()), float(flat.max())
    single = given[0].ndim > 1 and given[0].shape[1] == 1
    kind = _kind(given, low, high)
    bounds = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0),
              "relu": (0.0, float("inf")), "log_softmax": (-float("inf"), 0.0)}  # fmt: skip
    return Range(kind, *bounds.get(kind, (-float("inf"), float("inf"))), single)


def _kind(given: list[Tensor], low: float, high: float) -> str:
    near = 1e-4
    if low >= 0 and high <= 1 + near and high > 0.9:
        sums = all(u.ndim > 1 and bool(((u.sum(1) - 1).abs() < near).all()) for u in given)
        return "softmax" if sums else "sigmoid"
    if high <= near and all(
        u.ndim > 1 and u.shape[1] > 1 and bool((u.logsumexp(1).abs() < 1e-3).all()) for u in given
    ):
        return "log_softmax"
    if low >= -1 - near and high <= 1 + near and low < -0.9 and high > 0.9:
        return "tanh"
    return "relu" if low >= 0 and high > 1 + near else ""


def _perturbed(setup: Setup, seen: Pass) -> Iterator[Link]:
    """What the loss is called with under other weights."""
    last = seen.ran[-1].name if seen.ran else None
    generator = torch.Generator().manual_seed(0)
    for draw in range(6):
        module = setup.copy()
        if draw < 4 and last is not None:
            _stretch(setup, module, module.get_submodule(last), generator, -1 if draw % 2 else 1)
        else:
            _redraw(list(module.parameters()), generator)
        found = setup.run(module, training=False).link
        if found is not None:
            yield found


def _stretch(
    setup: Setup, module: nn.Module, part: nn.Module, generator: torch.Generator, sign: int
) -> None:
    """Give a part random weights of such a size that its outputs reach ±50."""
    own = list(part.parameters(recurse=False))
    _redraw(own, generator)
    ran = [r for r in setup.run(module, training=False).ran if r.module is part]
    outputs = ran[-1].outputs if ran else None
    size = float(outputs.detach().abs().max()) if isinstance(outputs, Tensor) else 0.0
    factor = sign * REACH / size if 0 < size < float("inf") else sign * REACH
    with torch.no_grad():
        for parameter in own:
            parameter.mul_(factor)


def _redraw(parameters: list[nn.Parameter], generator: torch.Generator) -> None:
    with torch.no_grad():
        for parameter in parameters:
            if parameter.is_floating_point():
                drawn = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(drawn.to(parameter))
