"""Optimizers side by side: on a network and a table, or on a function of two variables."""

from __future__ import annotations

from chainrule.comparison.comparer import compare
from chainrule.comparison.ranges import RangeTest, range_test
from chainrule.comparison.result import Comparison, Contender
from chainrule.comparison.ways import Descents, descents

__all__ = [
    "Comparison",
    "Contender",
    "Descents",
    "RangeTest",
    "compare",
    "descents",
    "range_test",
]
