"""One epoch of the same training, three ways, and the choice between them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, cast

from chainrule.engines.engine import Engine, Scaling, State, check_state
from chainrule.errors import EngineError, MissingExtra, unknown
from chainrule.losses import Own
from chainrule.plan import Plan

__all__ = [
    "ENGINES",
    "Engine",
    "Scaling",
    "State",
    "check_state",
    "choose",
    "choose_on",
    "is_started",
]

# In the order of preference. An engine's module is imported when it is its turn.
ENGINES: dict[str, tuple[str, str]] = {
    "native": ("chainrule.engines.native_engine", "NativeEngine"),
    "torch": ("chainrule.engines.torch_engine", "TorchEngine"),
    "numpy": ("chainrule.engines.numpy_engine", "NumpyEngine"),
}


_STARTED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what torchrun sets


def is_started() -> bool:
    """Whether torchrun, or something like it, started this process as one of several."""
    return all(name in os.environ for name in _STARTED)


def choose(plan: Plan, engine: str = "auto") -> tuple[type[Engine], str]:
    """The engine to train a plan with, and why it is that one.

    Args:
        plan: what to train.
        engine: "native", "torch", "numpy", or "auto" for the first of these that is there and
            trains the plan.

    Raises:
        UnknownName: no engine is called so.
        MissingExtra: "torch" was asked for and is not installed.
        EngineError: the engine asked for is not there, or cannot train the plan.
    """
    if engine != "auto":
        return _asked(plan, engine), "asked for"
    against: list[str] = []
    for name in ENGINES:
        chosen, reason = _available(plan, name)
        if chosen is not None:
            return chosen, "; ".join([*against, "the fastest here"])
        against.append(f"not {name}: {reason}")
    raise EngineError("; ".join(against))


def choose_on(
    plan: Plan, engine: str, device: str, precision: str, distributed: bool = False
) -> tuple[Callable[..., Engine], str]:
    """The same where something may be asked for that the torch engine has alone.

    Args:
        plan: as in `choose`.
        engine: as in `choose`.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto": for the torch engine the GPU if there is
            one, for the others the CPU.
        precision: of the products in a step: "float32", "tf32" or "bfloat16".
        distributed: whether several processes share each batch.

    Raises:
        UnknownName, MissingExtra, EngineError: as in `choose`.
    """
    special = _special(device, precision, distributed)
    if not special and engine != "torch":
        return choose(plan, engine)
    if engine not in ("auto", "torch"):
        raise EngineError(f"the {engine} engine does not have {special}; engine='torch' does")
    chosen = cast(Callable[..., Engine], _asked(plan, "torch"))
    if distributed:
        chosen = import_module("chainrule.engines.torch_distributed").DistributedEngine
    reason = "asked for" if engine == "torch" else f"{special} was asked for"
    return partial(chosen, device=device, precision=precision), reason


def _special(device: str, precision: str, distributed: bool) -> str:
    """What the torch engine has alone, of what is asked for."""
    if distributed:
        return "distributed training"
    if device not in ("auto", "cpu"):
        return f"the device {device}"
    return "" if precision == "float32" else f"precision {precision}"


def _asked(plan: Plan, name: str) -> type[Engine]:
    if name not in ENGINES:
        raise unknown("engine", name, ["auto", *ENGINES])
    chosen, reason = _available(plan, name)
    if chosen is not None:
        return chosen
    if name == "torch" and reason == _NO_TORCH:
        raise MissingExtra("torch")
    raise EngineError(f"the {name} engine cannot train this: {reason}")


_NO_TORCH = "PyTorch is not installed"


def _available(plan: Plan, name: str) -> tuple[type[Engine] | None, str]:
    """The engine if it is there and trains the plan, else why not."""
    if isinstance(plan.loss, Own) and name != "numpy":
        return None, "its loss is a function of NumPy arrays"
    module, attribute = ENGINES[name]
    try:
        found = cast(Any, getattr(import_module(module), attribute))
        refusal = found.refusal(plan)  # imports the compiled code, if it is there
    except ImportError as absent:
        return None, _NO_TORCH if absent.name == "torch" else f"it cannot be imported ({absent})"
    return (None, refusal) if refusal else (found, "")
