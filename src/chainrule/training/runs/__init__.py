"""A run's memory: a file of JSON lines for each training, written along it and read back at any time."""

from __future__ import annotations

from chainrule.training.runs.log import LogStopped, NetworkLog, RunLog
from chainrule.training.runs.reading import Run, find, read, runs_in

__all__ = ["LogStopped", "NetworkLog", "Run", "RunLog", "find", "read", "runs_in"]
