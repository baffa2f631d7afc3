"""A step function trains the user's own module: what it changes is put back afterwards."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.torch.diagnosis.reach import Reach, filled


@contextmanager
def restored(
    module: nn.Module, optimizer: torch.optim.Optimizer | None, reach: Reach
) -> Iterator[None]:
    """Put back whatever the functions in reach change: numbers, gradients, moments, modes, lists."""
    holders = [module, *([] if optimizer is None else [optimizer]), *reach.holders]
    unique = list({id(each): each for each in holders}.values())
    undo = [_saved(each) for each in unique]
    undo += [_saved_list(each) for each in reach.lists] + [
        _saved_dict(each) for each in reach.dicts
    ]
    undo += [_saved_cell(each) for each in reach.cells]
    undo += [_saved_name(space, name) for space, name in reach.names]
    undo += [_saved_generator(each) for each in reach.generators]
    undo += [_saved_array(each) for each in reach.arrays]
    owned = {id(t) for each in unique if isinstance(each, nn.Module) for t in _tensors(each)}
    undo += [_saved_tensor(each) for each in reach.tensors if id(each) not in owned]
    try:
        yield
    finally:
        for each in undo:
            each()


def _saved(holder: Any) -> Callable[[], None]:
    if isinstance(holder, nn.Module):
        return _saved_module(holder)
    if isinstance(holder, torch.optim.Optimizer):
        return _saved_optimizer(holder)
    state = copy.deepcopy(holder.state_dict())
    return lambda: holder.load_state_dict(state)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _saved_module(module: nn.Module) -> Callable[[], None]:
    values = [_saved_tensor(each) for each in _tensors(module)]
    attributes = [(vars(part), dict(vars(part))) for part in module.modules()]
    parts = [(part, dict(part._parameters), dict(part._buffers)) for part in module.modules()]

    def back() -> None:
        for live, before in attributes:
            live.clear()
            live.update(before)
        for part, parameters, buffers in parts:
            part._parameters.clear()
            part._parameters.update(parameters)
            part._buffers.clear()
            part._buffers.update(buffers)
        for value in values:
            value()

    return back


def _saved_tensor(tensor: Tensor) -> Callable[[], None]:
    """A tensor's numbers, its gradient, and whether it wants one."""
    numbers, wanted = tensor.detach().clone(), tensor.requires_grad
    gradient = tensor.grad if tensor.is_leaf else None
    gradients = None if gradient is None else gradient.detach().clone()
    leaf = tensor.is_leaf

    def back() -> None:
        with torch.no_grad():
            if leaf and not tensor.is_leaf:
                tensor.detach_()
            if leaf:
                tensor.requires_grad_(wanted)
            if _differ(tensor, numbers):
                tensor.detach().copy_(numbers)
            if leaf:
                if gradient is not None and gradients is not None and _differ(gradient, gradients):
                    gradient.detach_().copy_(gradients)
                tensor.grad = gradient

    return back


def _differ(a: Tensor, b: Tensor) -> bool:
    return not a.is_meta and not torch.equal(a.detach(), b)


def _saved_optimizer(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Moments and settings; the user's own state objects stay in place."""
    states = {p: dict(state) for p, state in optimizer.state.items()}
    values = {
        p: {k: v.clone() if isinstance(v, Tensor) else copy.deepcopy(v) for k, v in state.items()}
        for p, state in states.items()
    }
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    settings = [
        {k: v.clone() if isinstance(v, Tensor) else v for k, v in g.items()} for g in groups
    ]
    own = {p: state for p, state in optimizer.state.items()}

    def back() -> None:
        optimizer.state.clear()
        for p, state in own.items():
            state.clear()
            for key, value in states[p].items():
                before = values[p][key]
                state[key] = value.copy_(before) if isinstance(value, Tensor) else before
            optimizer.state[p] = state
        for group, live, before in zip(optimizer.param_groups, groups, settings, strict=False):
            for key, value in before.items():
                held = live[key]
                group[key] = held.copy_(value) if isinstance(held, Tensor) else value

    return back


def _saved_generator(generator: Any) -> Callable[[], None]:
    if isinstance(generator, torch.Generator):
        state = generator.get_state()
        return lambda: _set(generator, state)
    if isinstance(generator, random.Random):
        drawn = generator.getstate()
        return lambda: generator.setstate(drawn)
    bits = generator.bit_generator
    before = copy.deepcopy(bits.state)
    return lambda: setattr(bits, "state", before)


def _set(generator: torch.Generator, state: Tensor) -> None:
    generator.set_state(state)


def _saved_array(values: np.ndarray[Any, Any]) -> Callable[[], None]:
    before = values.copy()

    def back() -> None:
        if values.flags.writeable:
            values[...] = before

    return back


def _saved_list(values: list[Any]) -> Callable[[], None]:
    before = list(values)

    def back() -> None:
        values[:] = before

    return back


def _saved_dict(values: dict[Any, Any]) -> Callable[[], None]:
    before = dict(values)

    def back() -> None:
        values.clear()
        values.update(before)

    return back


def _saved_cell(cell: CellType) -> Callable[[], None]:
    if not filled(cell):
        return lambda: None
    before = cell.cell_contents

    def back() -> None:
        cell.cell_contents = before

    return back


def _saved_name(space: dict[str, Any], name: str) -> Callable[[], None]:
    if name not in space:
        return lambda: space.pop(name, None)
    before = space[name]

    def back() -> None:
        space[name] = before

    return back
