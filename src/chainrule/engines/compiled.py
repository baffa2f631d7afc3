"""The compiled engine's modules, one for each instruction set, and the choice between them."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

from chainrule.errors import EngineError, unknown

PORTABLE = "portable"
SETTING = "CHAINRULE_ISA"  # the environment variable that overrides the choice


def module_for(isa: str) -> Any:
    """The module compiled for an instruction set: avx512, avx2 or portable."""
    return import_module(f"chainrule.engines._engine_{isa}")


@cache
def supported() -> tuple[str, ...]:
    """The instruction sets that this machine can run, best first."""
    return tuple(module_for(PORTABLE).supported())


@cache
def module() -> Any:
    """The module for the best instruction set, or for the one that CHAINRULE_ISA names.

    Raises:
        UnknownName: CHAINRULE_ISA names no instruction set.
        EngineError: it names one that this machine does not have.
    """
    asked = os.environ.get(SETTING, "")
    if not asked:
        return module_for(supported()[0])
    if asked not in ("avx512", "avx2", PORTABLE):
        raise unknown(f"instruction set (set by {SETTING})", asked, ["avx512", "avx2", PORTABLE])
    if asked not in supported():
        raise EngineError(f"{SETTING} asks for {asked}; this machine has {', '.join(supported())}")
    return module_for(asked)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
