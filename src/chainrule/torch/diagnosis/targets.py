"""Labels that do not fit the outputs: shapes, ranges and types."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.setup import Setup, path, shape
from chainrule.torch.diagnosis.watching import Link, Pass
from chainrule.views.words import number

INDEXED = ("CrossEntropyLoss", "NLLLoss")
BINARY = ("BCEWithLogitsLoss", "BCELoss")


def findings(setup: Setup, seen: Pass, link: Link) -> Iterator[Finding]:
    """What is wrong with the labels; the set-up's are mended, so that the check can go on.

    Args:
        setup: its targets are those of its rows.
        seen: a pass of it, for the name of the last layer.
        link: what the loss was called with for these rows.
    """
    if link.loss in INDEXED:
        yield from _classes(setup, seen, link)
    else:
        yield from _numbers(setup, seen, link)


def _classes(setup: Setup, seen: Pass, link: Link) -> Iterator[Finding]:
    """For losses that take the index of a class."""
    y, u = link.targets, link.outputs
    classes = u.shape[1] if u.ndim > 1 else u.shape[0]
    if y.shape == u.shape and u.ndim > 1:
        if _one_hot(y):
            yield finding(
                "one-hot-labels", f"Each row of y, of shape {shape(y)}, has a single 1.", "y",
                "y = y.argmax(dim=1)",
            )  # fmt: skip
            setup.targets = y.argmax(dim=1)
        return  # else probabilities of the classes, which the loss takes as well
    if y.ndim == u.ndim and u.ndim == 2 and y.shape[1] == 1:
        yield finding("labels-a-column", f"y has shape {shape(y)}.", "y", "y = y.squeeze(1).long()")
        y = setup.targets = y.squeeze(1)
    whole = y.long()
    if y.is_floating_point():
        yield finding("float-labels", f"y is {_name(y)}, as {_some(y)}.", "y", "y = y.long()")
    elif y.dtype != torch.int64 and not (y.dtype == torch.uint8 and link.loss == "NLLLoss"):
        yield finding("labels-not-int64", f"y is {_name(y)}.", "y", "y = y.long()")
    setup.targets = whole
    yield from _indices(setup, seen, whole, classes, link.ignore)


def _indices(setup: Setup, seen: Pass, y: Tensor, classes: int, ignore: int) -> Iterator[Finding]:
    counted = y[y != ignore]
    if not len(counted):
        return
    low, high = int(counted.min()), int(counted.max())
    if low >= 0 and high < classes:
        return
    what = f"y goes from {low} to {high}; {classes} outputs are the classes 0 to {classes - 1}."
    if {low, high} == {-1, 1} and not bool((counted == 0).any()):
        fix = "y = (y + 1) // 2"
        setup.targets = torch.where(y == ignore, y, (y + 1) // 2)
    elif low > 0 and high - low < classes:
        fix = f"y = y - {low}"
        setup.targets = torch.where(y == ignore, y, y - low)
    elif low < 0:
        fix = "y = torch.unique(y, return_inverse=True)[1]"
    else:
        fix = _resized(seen, high + 1)
    yield finding("labels-out-of-range", what, "y", fix)


def _numbers(setup: Setup, seen: Pass, link: Link) -> Iterator[Finding]:
    """For losses that compare number by number."""
    y, u = link.targets, link.outputs
    if y.shape != u.shape:
        yield _shapes(setup, seen, link)
        y = setup.targets
    if link.loss in BINARY:
        yield from _probabilities(setup, y)


def _shapes(setup: Setup, seen: Pass, link: Link) -> Finding:
    y, u = link.targets, link.outputs
    what = f"The outputs have shape {shape(u)}, y has {shape(y)}."
    column = y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)
    if column and u.ndim == 2 and u.shape[1] == 1:
        setup.targets = y.unsqueeze(1)
        return finding("labels-not-a-column", what, "y", "y = y.unsqueeze(1)")
    if column and u.ndim == 1:
        setup.targets = y.squeeze(1)
        return finding("labels-not-a-column", what, "y", "y = y.squeeze(1)")
    if column and u.ndim == 2 and u.shape[1] == 2:
        fix = _resized(seen, 1) + "  # and y of shape (n, 1)"
        if link.loss in BINARY:
            fix += "\nor: loss_fn = nn.CrossEntropyLoss(); y = y.long().flatten()"
        return finding("two-outputs-one-column", what, _last(seen)[0], fix)
    if y.numel() == u.numel():
        return finding("shapes-differ", what, "y", f"y = y.reshape({shape(u)})")
    wanted = y.shape[-1] if y.ndim > 1 else 1
    return finding("shapes-differ", what, _last(seen)[0], _resized(seen, wanted))


def _last(seen: Pass) -> tuple[str, str]:
    """The last Linear layer as one writes it, and the number of its inputs."""
    linear = [ran for ran in seen.ran if isinstance(ran.module, nn.Linear)]
    if not linear:
        return "the last layer", "…"
    return path(linear[-1].name), str(linear[-1].module.in_features)


def _resized(seen: Pass, outputs: int) -> str:
    """The line that gives the last layer another number of outputs."""
    name, inputs = _last(seen)
    return f"{name} = nn.Linear({inputs}, {outputs})"


def _probabilities(setup: Setup, y: Tensor) -> Iterator[Finding]:
    """Labels of a binary loss: 0, 1 or between."""
    low, high = float(y.min()), float(y.max())
    if low < 0 or high > 1:
        values = set(y.flatten()[:10_000].tolist())
        if values == {-1, 1}:
            yield finding("labels-plus-minus", "y is coded −1 and +1.", "y", "y = (y + 1) / 2")
            setup.targets = (y + 1) / 2
            return
        what = f"y goes from {number(low)} to {number(high)}; the loss takes 0 to 1."
        count = len(values)
        fix = (
            "y = (y > y.min()).float()"
            if count == 2
            else f"loss_fn = nn.CrossEntropyLoss()  # {count} classes"
        )
        yield finding("labels-out-of-range", what, "y", fix)
        setup.targets = (y > y.min()).float()
    elif not y.is_floating_point():
        yield finding("labels-not-float", f"y is {_name(y)}.", "y", "y = y.float()")
        setup.targets = y.float()


def _one_hot(y: Tensor) -> bool:
    return bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def _some(y: Tensor) -> str:
    return ", ".join(f"{value:g}" for value in y.flatten()[:3].tolist())


def _name(y: Tensor) -> str:
    return str(y.dtype).removeprefix("torch.")
