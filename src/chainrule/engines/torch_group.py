"""The processes that train together, as torchrun starts them."""

from __future__ import annotations

import atexit
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
        dist.init_process_group("nccl" if gpu else "gloo")
        atexit.register(dist.destroy_process_group)
    return Group(dist.get_rank(), dist.get_world_size(), own)
