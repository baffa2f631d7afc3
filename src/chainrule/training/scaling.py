"""What a step costs when several processes share its batch, and whether that pays.

With n rows in a batch, P numbers in the parameters, and p processes:

    t(p) = a + uP + 6nP / (p·r)  +  [p > 1] · (c + 2(p − 1)·s + 2(p − 1)/p · 4P / w)

a is what a step costs whatever its size, u the update of a parameter, r the arithmetic of a process
(6P is that of a row: 2P forward, 4P back), and the bracket is the exchange of the gradient around a
ring: c to start it, s for each of 2(p − 1) messages, and its bytes over the speed w of the slowest
link. The exchange is taken not to overlap with the arithmetic, and each process to have a core, or a
GPU, of its own.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from chainrule.plan import Plan

if TYPE_CHECKING:
    from chainrule.engines.torch_group import Group


@dataclass(frozen=True)
class Machine:
    """The constants of the model.

    Attributes:
        overhead: a, seconds.
        update: u, seconds.
        arithmetic: r, operations a second and process.
        start: c, seconds.
        message: s, seconds.
        link: w, bytes a second.
    """

    overhead: float
    update: float
    arithmetic: float
    start: float
    message: float
    link: float


# Measured by `python -m benchmarks.scaling` (docs/scaling.md): processes of a thread each, gloo.
CPU = Machine(overhead=2.8e-4, update=1e-9, arithmetic=9.5e10, start=8e-4, message=5e-5, link=7e8)

# Taken from the data sheets of 2022's GPUs and links, and not measured: a step of some 30 kernels,
# a fused update at 3 TB/s, half of tf32's peak, nccl over a network of 400 Gbit/s.
GPU = Machine(overhead=1.5e-4, update=8e-12, arithmetic=1e14, start=3e-5, message=5e-6, link=4e10)


class SlowerTogether(UserWarning):
    """Several processes were asked for where one is expected to be quicker."""


def parameters(plan: Plan) -> int:
    """P, how many numbers a network's parameters have."""
    return sum(d * e + e for d, e in pairwise(plan.layer_sizes))


def step_seconds(plan: Plan, processes: int, machine: Machine = CPU) -> float:
    """t(p), the model's time for a step."""
    P, p = parameters(plan), processes
    arithmetic = 6 * plan.batch_size * P / (p * machine.arithmetic)
    alone = machine.overhead + machine.update * P + arithmetic
    if p == 1:
        return alone
    messages, carried = 2 * (p - 1), 2 * (p - 1) / p * 4 * P
    return alone + machine.start + messages * machine.message + carried / machine.link


def speedup(plan: Plan, processes: int, machine: Machine = CPU) -> float:
    """t(1)/t(p): how many times quicker than one process."""
    return step_seconds(plan, 1, machine) / step_seconds(plan, processes, machine)


def against(plan: Plan, processes: int, machine: Machine = CPU) -> str:
    """What to say to whoever asks for several processes; nothing where they pay."""
    gain = speedup(plan, processes, machine)
    if gain >= 1:
        return ""
    return (
        f"{processes} processes are expected to take {1 / gain:.1f} times as long as one: a step of"
        f" {plan.batch_size:,} rows computes for {_in_words(step_seconds(plan, 1, machine))}, and"
        f" exchanging {parameters(plan):,} gradients costs more than sharing that saves; larger"
        " batches or networks pay (docs/scaling.md)"
    )


def warn(plan: Plan, group: Group) -> None:
    """The same as a warning, from the first process alone.

    Args:
        plan: what is trained.
        group: the processes that train it, and where.
    """
    machine = GPU if group.device.type == "cuda" else CPU
    if group.rank == 0 and (why := against(plan, group.world, machine)):
        warnings.warn(why, SlowerTogether, stacklevel=3)


def _in_words(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
