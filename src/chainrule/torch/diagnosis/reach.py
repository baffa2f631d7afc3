"""What a user's function can reach, and so can change: its closure, its globals, its object."""

from __future__ import annotations

import builtins
import inspect
import random
from collections.abc import Callable
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

DEEPEST = 3  # functions that call functions, objects that hold objects
_MODULE = set(vars(nn.Module()))  # what every module has


class Reach:
    """What a function can change: through its closure, the globals that it names, and its object.

    Attributes:
        lists: plain lists, each once.
        dicts: plain dictionaries, attributes of objects among them.
        cells: variables of closures.
        names: global variables, as (namespace, name).
        tensors: tensors that are in none of the others' modules.
        arrays: of NumPy.
        generators: of random numbers, other than the global ones.
        holders: objects with state_dict and load_state_dict: modules, optimizers, schedulers.
        labels: under which name each list or dictionary was found, by id.
    """

    def __init__(self, *functions: Callable[..., Any] | None) -> None:
        self.lists: list[list[Any]] = []
        self.dicts: list[dict[Any, Any]] = []
        self.cells: list[CellType] = []
        self.names: list[tuple[dict[str, Any], str]] = []
        self.tensors: list[Tensor] = []
        self.holders: list[Any] = []
        self.generators: list[Any] = []
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.labels: dict[int, str] = {}
        self._seen: dict[int, Any] = {}  # kept alive, so that no id is used twice
        for function in functions:
            if function is not None:
                self._visit(function, getattr(function, "__name__", "step"), 0)

    def of(self, kind: type[Any]) -> list[Any]:
        """The holders of a kind."""
        return [each for each in self.holders if isinstance(each, kind)]

    def _visit(self, value: Any, label: str, depth: int) -> None:
        if id(value) in self._seen or depth > DEEPEST or isinstance(value, ModuleType | type):
            return
        self._seen[id(value)] = value
        self.labels[id(value)] = label
        match value:
            case FunctionType():
                self._function(value, depth)
            case MethodType():
                self._visit(value.__self__, "self", depth)
                self._visit(value.__func__, label, depth)
            case nn.Module():
                self.holders.append(value)
                for part in value.modules():
                    self._attributes(part, depth)
            case torch.optim.Optimizer():
                self.holders.append(value)
            case Tensor():
                self.tensors.append(value)
            case torch.Generator() | np.random.Generator() | random.Random():
                self.generators.append(value)
            case np.ndarray():
                self.arrays.append(value)
            case list():
                self.lists.append(value)
                for each in value[:100]:
                    self._visit(each, label, depth + 1)
            case dict():
                self.dicts.append(value)
                for key, each in list(value.items())[:100]:
                    self._visit(each, f"{label}[{key!r}]", depth + 1)
            case _:
                self._object(value, label, depth)

    def _function(self, function: FunctionType, depth: int) -> None:
        if _of_a_library(function.__module__):
            return
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            if all(cell is not each for each in self.cells):
                self.cells.append(cell)
                self.labels[id(cell)] = name
            if filled(cell):
                self._visit(cell.cell_contents, name, depth + 1)
        for name in _global_names(function):
            self.names.append((function.__globals__, name))
            if name in function.__globals__:
                self._visit(function.__globals__[name], name, depth + 1)
        for default in function.__defaults__ or ():
            self._visit(default, "a default argument", depth + 1)

    def _attributes(self, part: nn.Module, depth: int) -> None:
        """Lists and counters that a module keeps beside its parameters."""
        for name, value in vars(part).items():
            if name not in _MODULE and isinstance(value, list | dict):
                self._visit(value, name, depth + 1)

    def _object(self, value: Any, label: str, depth: int) -> None:
        if hasattr(value, "state_dict") and hasattr(value, "load_state_dict"):
            self.holders.append(value)
        elif hasattr(value, "__dict__") and not _of_a_library(type(value).__module__):
            self.dicts.append(vars(value))
            self.labels[id(vars(value))] = label
            self._seen[id(vars(value))] = vars(value)
            for name, each in list(vars(value).items()):
                self._visit(each, f"{label}.{name}", depth + 1)
            call = vars(type(value)).get("__call__")
            if isinstance(call, FunctionType):
                self._function(call, depth)


def _of_a_library(module: str | None) -> bool:
    return (module or "").split(".")[0] in ("torch", "numpy", "builtins", "sklearn", "pandas")


def filled(cell: CellType) -> bool:
    """Whether a variable of a closure has a value."""
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that has no value yet
        return False


def _global_names(function: FunctionType) -> set[str]:
    """The globals that a function, or a function written within it, reads or writes."""
    codes, names = [function.__code__], set()
    while codes:
        code = codes.pop()
        names |= set(code.co_names)
        codes += [each for each in code.co_consts if inspect.iscode(each)]
    return {name for name in names if name in function.__globals__ or not hasattr(builtins, name)}
