"""Sweeps: many trainings in search of good settings, on one machine or many.

The room is not called `sweep`, for the function is: a module of that name would take its place in `chainrule` as soon
as it is imported.
"""

from __future__ import annotations

from chainrule.sweeping.result import Sweep, Tried
from chainrule.sweeping.space import Space
from chainrule.sweeping.sweeper import sweep

__all__ = ["Space", "Sweep", "Tried", "sweep"]
