"""The one training loop: rows, schedules, early stopping, history, progress; engines supply the epoch."""

from __future__ import annotations

from chainrule.training.history import History
from chainrule.training.loop import Event, TrainingInterrupted
from chainrule.training.schedules import Constant, Cosine, OneCycle, Schedule, StepDecay, Warmup
from chainrule.training.stopping import Stopping
from chainrule.training.trainer import Result, TrainingDiverged, train

__all__ = [
    "Constant",
    "Cosine",
    "Event",
    "History",
    "OneCycle",
    "Result",
    "Schedule",
    "StepDecay",
    "Stopping",
    "TrainingDiverged",
    "TrainingInterrupted",
    "Warmup",
    "train",
]
