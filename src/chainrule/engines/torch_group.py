"""The processes that train together, as torchrun starts them."""

from __future__ import annotations

import atexit
import gc
import os
from dataclasses import dataclass
from functools import cache

import torch
import torch.distributed as dist
from torch import Tensor

from chainrule.engines import is_started
from chainrule.errors import EngineError


@dataclass(frozen=True)
class Group:
    """The processes of one training.

    Attributes:
        rank: which one this is, from 0.
        world: how many there are.
        device: where this one computes.
    """

    rank: int
    world: int
    device: torch.device

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        dist.all_reduce(values)
        return values

    def each(self, value: int) -> list[int]:
        """The number that each process has, by rank."""
        values = torch.zeros(self.world, dtype=torch.int64, device=self.device)
        values[self.rank] = value
        return [int(each) for each in self.sum(values)]

    def told(self, data: bytes | None) -> bytes | None:
        """What the first process has, at all of them; None if it has nothing."""
        length = torch.tensor([-1 if data is None else len(data)], device=self.device)
        dist.broadcast(length, 0)
        if length < 0:
            return None
        carried = torch.zeros(int(length), dtype=torch.uint8, device=self.device)
        if data is not None and self.rank == 0:
            carried.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        dist.broadcast(carried, 0)
        return carried.cpu().numpy().tobytes()


@cache
def joined(device: str = "auto") -> Group:
    """The group of this process, which it leaves when it ends.

    Each process takes a GPU of its own where there are any, and speaks NCCL; on the CPU it is gloo.

    Args:
        device: "auto", "cpu" or "cuda".

    Raises:
        EngineError: nothing has started the processes.
    """
    if not is_started():
        raise EngineError(
            "distributed training is started by torchrun, once on each machine: "
            "torchrun --nproc-per-node 2 -m chainrule fit …"
        )
    gpu = torch.cuda.is_available() if device == "auto" else device.startswith("cuda")
    own = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu")
    if not dist.is_initialized():
        if gpu:
            torch.cuda.set_device(own)
        _initialize("nccl" if gpu else "gloo")
    return Group(dist.get_rank(), dist.get_world_size(), own)


def _initialize(backend: str) -> None:
    """Join the processes that torchrun started, this time.

    Those that it starts again after one has died find the same store, with the addresses of the
    dead; so each start has its own names there.
    """
    store, rank, world = next(iter(dist.rendezvous("env://")))  # type: ignore[attr-defined]
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    fresh = dist.PrefixStore(f"start-{start}", store)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=fresh, rank=rank, world_size=world)
    atexit.register(_leave)


def _leave() -> None:
    """Leave the group; what still holds it in a cycle goes first, or its threads outlive the interpreter."""
    gc.collect()
    dist.destroy_process_group()
