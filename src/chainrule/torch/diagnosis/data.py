"""Mistakes in the numbers themselves: their types, their sizes, where they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from chainrule.errors import InvalidValue
from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.rows import Rows
from chainrule.torch.diagnosis.setup import Setup
from chainrule.torch.diagnosis.watching import Pass
from chainrule.views.words import number

LARGEST, SMALLEST = 20.0, 1e-3  # root mean square of a column that trains as it is
SAMPLE = 20_000  # rows that are looked at for scales


def not_finite(rows: Rows) -> Iterator[Finding]:
    """Numbers in X or y that are NaN or infinite."""
    names = ["X"] if len(rows.inputs) == 1 else [f"X[{i}]" for i in range(len(rows.inputs))]
    given = [*zip(names, rows.inputs, strict=True), ("y", rows.targets)]
    for name, values in given:
        if isinstance(values, Tensor) and values.is_floating_point():
            yield from _bad_cells(name, values, rows.columns if name == "X" else ())


def _bad_cells(name: str, values: Tensor, columns: tuple[str, ...]) -> Iterator[Finding]:
    bad = ~torch.isfinite(values)
    if not bool(bad.any()):
        return
    place = [int(i) for i in bad.nonzero()[0]]
    column = f" ({columns[place[1]]})" if columns and len(place) == 2 else ""
    where = f"{name}, row {place[0]}" + (f", column {place[1]}{column}" if len(place) == 2 else "")
    count = int(bad.sum())
    value = float(values[tuple(place)])
    more = f", and {count - 1:,} more are not finite" if count > 1 else ""
    keep = "" if values.ndim == 1 else ".flatten(1).all(1)"
    yield finding(
        "not-finite", f"{value} stands there{more}.", where,
        f"keep = torch.isfinite({name}){keep}; X, y = X[keep], y[keep]",
    )  # fmt: skip


def finite_rows(rows: Rows) -> Rows:
    """Those in which all numbers are finite."""
    given = [*rows.inputs, *([] if rows.targets is None else [rows.targets])]
    good = torch.ones(len(rows), dtype=torch.bool)
    for values in given:
        if values.is_floating_point():
            good &= torch.isfinite(values).reshape(len(values), -1).all(1).cpu()
    if not bool(good.any()):
        raise InvalidValue("no row of X and y is without a number that is not finite")
    return rows if bool(good.all()) else rows.at(good.nonzero()[:, 0])


def device(setup: Setup) -> Iterator[Finding]:
    """Rows on another device than the parameters; they are moved."""
    for name, values in (("X", setup.inputs[0]), ("y", setup.targets)):
        if isinstance(values, Tensor) and values.device != setup.device:
            yield finding(
                "data-on-other-device",
                f"{name} is on {values.device}, the parameters are on {setup.device}.", name,
                f"{name} = {name}.to({str(setup.device)!r})",
            )  # fmt: skip
    setup.inputs = tuple(x.to(setup.device) for x in setup.inputs)
    if setup.targets is not None:
        setup.targets = setup.targets.to(setup.device)


def types(setup: Setup, seen: Pass) -> Iterator[Finding]:
    """X of another type than the parameters, where the module does not convert it itself.

    Args:
        setup: its inputs are converted if that is what the forward pass raised about.
        seen: the forward pass with the rows as they are.
    """
    said = str(seen.error).lower()
    if not seen.forward_failed or not any(
        word in said for word in ("dtype", "scalar type", "byte")
    ):
        return
    for i, x in enumerate(setup.inputs):
        if x.dtype == setup.dtype:
            continue
        name = "X" if len(setup.inputs) == 1 else f"X[{i}]"
        yield _typed(name, x, setup.dtype)
    setup.inputs = tuple(x.to(setup.dtype) for x in setup.inputs)


def _typed(name: str, values: Tensor, wanted: torch.dtype) -> Finding:
    has, needs = _name(values.dtype), _name(wanted)
    code = "float64-data" if (has, needs) == ("float64", "float32") else "data-dtype"
    fix = f"{name} = torch.as_tensor({name}, dtype=torch.{needs})"
    return finding(code, f"{name} is {has}, the parameters are {needs}.", name, fix)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def target_type(setup: Setup, seen: Pass) -> Iterator[Finding]:
    """y in float64 where the outputs are float32; it is converted."""
    link, y = seen.link, setup.targets
    if link is None or y is None or link.loss in ("CrossEntropyLoss", "NLLLoss"):
        return
    if link.targets.dtype == torch.float64 and link.outputs.dtype == torch.float32:
        yield _typed("y", link.targets, link.outputs.dtype)
        setup.targets = y.float()


def scales(setup: Setup, seen: Pass, rows: Rows) -> Iterator[Finding]:
    """Columns that arrive at the first layer far from 1.

    A module that scales its inputs itself, by batch norm or in forward, is given what it expects.
    """
    x = next((ran.inputs for ran in seen.ran if _computes(ran.module)), setup.inputs[0])
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim < 2:
        return
    given = x is setup.inputs[0] or (
        x.shape == setup.inputs[0].shape and bool((x == setup.inputs[0]).all())
    )
    values = rows.inputs[0][:: max(1, len(rows) // SAMPLE)] if given else x
    flat = values.detach().double()
    flat = flat if flat.ndim == 2 else flat.reshape(-1, 1)
    size = flat.square().mean(0).sqrt()
    if float(size.max()) <= LARGEST and float(size.max()) >= SMALLEST:
        return
    if float(size.max()) == 0:
        return
    yield _unscaled(flat, size, x.ndim > 2, rows.columns if given else ())


def _computes(part: Any) -> bool:
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Bilinear)
    return isinstance(part, (*kinds, torch.nn.RNNBase))


def _unscaled(flat: Tensor, size: Tensor, image: bool, columns: tuple[str, ...]) -> Finding:
    j = int(size.argmax())
    mean, spread = float(flat[:, j].mean()), float(flat[:, j].std(correction=0))
    numbers = f"mean {number(mean)} and standard deviation {number(spread)}"
    name = f" ({columns[j]})" if columns else ""
    what = f"The numbers have {numbers}." if image else f"Column {j}{name} has {numbers}."
    far = int((size > LARGEST).sum())
    what += (
        f" {far} of {len(size)} columns are beyond {LARGEST:g}." if not image and far > 1 else ""
    )
    fix = "X = X / X.max()" if image else "X = (X - X.mean(0)) / X.std(0).clamp_min(1e-8)"
    return finding("inputs-not-scaled", what, "X", fix)
