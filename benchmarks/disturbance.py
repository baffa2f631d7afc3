"""Who else used the processors during a turn.

Two threads that wait for each other at every product lose far more than their share when another
process wants a core: PyTorch's step on the lecture's network was seen at 5 to 15 ms instead of
0.45, round after round, so that no median helps, while one-threaded peers hardly noticed. Such
ratios say nothing. So the time that others took is measured too, and a table that was disturbed
says so and judges no goal.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

STAT = Path("/proc/stat")
MOST = 0.05
"""The share of all processors' time from which on a contender's turns count as disturbed."""


def busy_seconds() -> float | None:
    """Processor seconds used on this machine since it started; None where Linux is not there.

    The sum of user, nice, system, irq, softirq and steal (what the host gave to others).
    """
    if not STAT.exists():
        return None
    ticks = [int(word) for word in STAT.read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = ticks
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def share_of_others(turns: Sequence[tuple[float, float]]) -> float | None:
    """The share over all turns, each (processor seconds of others, wall seconds)."""
    wall = sum(seconds for _, seconds in turns)
    others = sum(seconds for seconds, _ in turns)
    return max(others, 0.0) / (wall * (os.cpu_count() or 1)) if wall else None
