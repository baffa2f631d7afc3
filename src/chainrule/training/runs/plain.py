"""What there is to say of a run, in JSON's terms."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.optimizers import Optimizer, as_dict

if TYPE_CHECKING:
    from chainrule.plan import Plan
    from chainrule.training.schedules import Schedule
    from chainrule.training.stopping import Stopping

_LETTERS = 200  # of what is neither number, text nor made of them


def plain(value: Any) -> Any:
    """The same as numbers, texts, lists and dicts; None for what is no finite number."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case os.PathLike():
            return os.fspath(value)
        case Optimizer():
            return plain(as_dict(value))
    return repr(value)[:_LETTERS]


def number(value: float) -> str:
    """A number as JSON writes it; null where it is not finite."""
    return repr(float(value)) if math.isfinite(value) else "null"


def line(facts: Mapping[str, Any]) -> str:
    """An object of JSON in one line."""
    return json.dumps(plain(facts), allow_nan=False)


def settings(plan: Plan, stopping: Stopping, schedule: Schedule, epochs: int) -> dict[str, Any]:
    """How a network is trained.

    Args:
        plan: what is trained.
        stopping: when it ends before that.
        schedule: of the learning rate.
        epochs: at most.
    """
    return {
        "task": task_of(plan),
        "plan": plan.described(),
        "epochs": epochs,
        "schedule": repr(schedule),
        "stopping": asdict(stopping),
    }


def task_of(plan: Plan) -> str:
    """What a network is for, by what it gives or is judged by: probabilities or numbers."""
    shares = plan.activations[-1] in ("logistic", "softmax")
    return "classification" if shares or "cross_entropy" in plan.loss_name else "regression"
