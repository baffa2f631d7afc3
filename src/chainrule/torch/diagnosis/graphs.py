"""Graphs of batches that are over and still held: in lists, in sums, in what a step returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from chainrule.torch.diagnosis.finding import Finding, finding
from chainrule.torch.diagnosis.reach import Reach


class Graphs:
    """Tensors with a graph that are still held when a step has ended, more with each call."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.lengths = {id(each): len(each) for each in reach.lists}
        self.returned = 0
        self.sums: dict[str, Any] = {}
        self.growing: set[str] = set()

    def saw(self, returned: Any) -> None:
        """Look after each call."""
        self.returned += _with_graph(returned)
        for label, value in self._variables():
            if isinstance(value, Tensor) and value.grad_fn is not None:
                before = self.sums.get(label)
                if before is not None and _rests_on(value.grad_fn, before):
                    self.growing.add(label)
                self.sums[label] = value.grad_fn

    def _variables(self) -> Iterator[tuple[str, Any]]:
        for cell, name in _cells(self.reach):
            yield name, cell
        for space, name in self.reach.names:
            yield name, space.get(name)
        for values in self.reach.dicts:
            label = self.reach.labels.get(id(values), "a dictionary")
            for key, value in list(values.items()):
                yield f"{label}.{key}", value

    def findings(self) -> Iterator[Finding]:
        """Lists that grew by tensors with graphs, sums of losses, and losses that are returned."""
        for values in self.reach.lists:
            new = values[self.lengths[id(values)] :]
            if len(new) > 1 and all(_with_graph(each) for each in new):
                name = self.reach.labels.get(id(values), "a list")
                yield finding(
                    "keeps-graph", f"{len(new)} calls added {len(new)} tensors with their graphs.",
                    f"the list {name}", f"{name}.append(loss.item())",
                )  # fmt: skip
        for name in sorted(self.growing):
            yield finding(
                "keeps-graph", "Each call's graph hangs on the one before.", f"the sum {name}",
                f"{name} += loss.item()",
            )  # fmt: skip
        if self.returned:
            yield finding(
                "keeps-graph", "It returns a tensor with its graph; whoever collects these keeps all "
                "graphs.", "what step returns", "return loss.item()",
            )  # fmt: skip


def _cells(reach: Reach) -> Iterator[tuple[Any, str]]:
    for cell in reach.cells:
        try:
            value = cell.cell_contents
        except ValueError:  # no value yet
            continue
        yield value, reach.labels.get(id(cell), "of the closure")


def _with_graph(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_with_graph, value))
    if isinstance(value, dict):
        return any(map(_with_graph, value.values()))
    return isinstance(value, Tensor) and value.grad_fn is not None


def _rests_on(node: Any, earlier: Any, most: int = 20_000) -> bool:
    """Whether an earlier node of a graph can be reached from a later one."""
    stack: list[Any] = [node]
    seen: set[Any] = set()
    while stack and len(seen) < most:
        each = stack.pop()
        if each is None or each in seen:
            continue
        if each is earlier and each is not node:
            return True
        seen.add(each)
        stack += [parent for parent, _ in each.next_functions]
    return False
