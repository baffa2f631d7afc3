"""Where PyTorch computes, with what precision, and chance as it is drawn there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from chainrule.errors import EngineError, unknown
from chainrule.plan import Plan


def device_named(name: str) -> torch.device:
    """A device of PyTorch; "auto" is CUDA, else Apple's GPU, else the CPU.

    Raises:
        UnknownName: PyTorch has none of that name.
        EngineError: it is not there.
    """
    if name == "auto":
        return torch.device(
            "cuda"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise unknown("device", name, ["auto", "cpu", "cuda", "cuda:0", "mps"]) from error
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    there = {
        "cpu": True,
        "cuda": (device.index or 0) < count,
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type):
        raise EngineError(f"PyTorch finds no device {name!r} on this machine")
    return device


PRECISIONS = {
    "float32": "products in the parameters' own type",
    "tf32": "float32 whose products keep 10 bits behind the point; NVIDIA GPUs from Ampere on",
    "bfloat16": "products of numbers rounded to 7 bits behind the point, sums in float32",
}


def check_precision(precision: str, device: torch.device, plan: Plan) -> None:
    """Refuse what the device, or the plan's type of numbers, does not have.

    Raises:
        UnknownName: no precision is called so.
        EngineError: it is not there.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision != "float32" and plan.dtype != "float32":
        raise EngineError(f"{precision} shortens float32, and the network is {plan.dtype}")
    if precision == "tf32" and device.type != "cuda":
        raise EngineError(f"tf32 is a mode of NVIDIA's GPUs, and the device is {device}")
    if device.type == "mps" and plan.dtype == "float64":
        raise EngineError("Apple's GPUs have no float64")


@contextmanager
def computing(precision: str, device: torch.device) -> Iterator[None]:
    """A while in which products are computed with a precision."""
    if precision == "bfloat16":
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield
    elif precision == "tf32":
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
    else:
        yield


def keep_mask(rows: int, units: int, p: float, key: int, device: torch.device) -> Tensor:
    """`chance.keep_mask`, in 64-bit integers on the device."""
    low, high = key & _ALL_32, key >> 32
    c = torch.arange(rows * units, dtype=torch.int64, device=device)
    bits = _mix32(_mix32((c + low) & _ALL_32) ^ high)
    return (bits >= int(p * 2**32)).reshape(rows, units)


def _mix32(x: Tensor) -> Tensor:
    """`chance.mix32` of 32-bit words held in 64 bits; a product's overflow does not reach them."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _ALL_32
    x = ((x ^ (x >> 15)) * 0x846CA68B) & _ALL_32
    return x ^ (x >> 16)


_ALL_32 = 0xFFFFFFFF


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """PyTorch's number of threads for a while; it is one for the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
