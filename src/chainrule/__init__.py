"""chainrule: feed-forward neural networks, every equation readable, every gradient checkable.

    import chainrule

    network = chainrule.Network.of_sizes([2, 20, 40, 20, 1], output="logistic")
    result = chainrule.train(network, X, y)

Names are imported when they are first used, so that `import chainrule` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.version import __version__

if TYPE_CHECKING:
    from chainrule.activations import ACTIVATIONS, Activation
    from chainrule.comparison import Comparison, compare, descents, range_test
    from chainrule.engines.native_engine import predictor
    from chainrule.errors import ChainruleError, DivergenceError
    from chainrule.explanation import Explanation
    from chainrule.explanation.attribution import Attribution, attribute
    from chainrule.explanation.health import Health, Monitor, examine
    from chainrule.explanation.verification import Verification, verify_gradients
    from chainrule.losses import LOSSES
    from chainrule.network import Layer, Network, Trace
    from chainrule.optimizers import (
        LBFGS,
        OPTIMIZERS,
        SGD,
        Adadelta,
        Adagrad,
        Adam,
        AdamW,
        Backtracking,
        Groups,
        Lion,
        Momentum,
        NAdam,
        RMSprop,
    )
    from chainrule.plan import Plan
    from chainrule.sklearn import Classifier, Regressor
    from chainrule.storage import Model, load, save
    from chainrule.sweeping import Sweep, sweep
    from chainrule.training.checkpoints import Checkpoint
    from chainrule.training.history import History
    from chainrule.training.runs import RunLog
    from chainrule.training.runs.trackers import MLflow, TensorBoard
    from chainrule.training.schedules import Constant, Cosine, CosLog, OneCycle, StepDecay, Warmup
    from chainrule.training.stopping import Stopping
    from chainrule.training.trainer import Result, train

_HOMES = {
    "activations": ("ACTIVATIONS", "Activation"),
    "comparison": ("Comparison", "compare", "descents", "range_test"),
    "engines.native_engine": ("predictor",),
    "errors": ("ChainruleError", "DivergenceError"),
    "explanation": ("Explanation",),
    "explanation.attribution": ("Attribution", "attribute"),
    "explanation.health": ("Health", "Monitor", "examine"),
    "explanation.verification": ("Verification", "verify_gradients"),
    "losses": ("LOSSES",),
    "network": ("Layer", "Network", "Trace"),
    "optimizers": (
        "LBFGS",
        "OPTIMIZERS",
        "SGD",
        "Adadelta",
        "Adagrad",
        "Adam",
        "AdamW",
        "Backtracking",
        "Groups",
        "Lion",
        "Momentum",
        "NAdam",
        "RMSprop",
    ),
    "plan": ("Plan",),
    "sklearn": ("Classifier", "Regressor"),
    "storage": ("Model", "load", "save"),
    "sweeping": ("Sweep", "sweep"),
    "training.checkpoints": ("Checkpoint",),
    "training.history": ("History",),
    "training.runs": ("RunLog",),
    "training.runs.trackers": ("MLflow", "TensorBoard"),
    "training.schedules": ("Constant", "CosLog", "Cosine", "OneCycle", "StepDecay", "Warmup"),
    "training.stopping": ("Stopping",),
    "training.trainer": ("Result", "train"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Attribution",
    "Backtracking",
    "ChainruleError",
    "Checkpoint",
    "Classifier",
    "Comparison",
    "Constant",
    "CosLog",
    "Cosine",
    "DivergenceError",
    "Explanation",
    "Groups",
    "Health",
    "History",
    "LBFGS",
    "LOSSES",
    "Layer",
    "Lion",
    "MLflow",
    "Model",
    "Momentum",
    "Monitor",
    "NAdam",
    "Network",
    "OPTIMIZERS",
    "OneCycle",
    "Plan",
    "RMSprop",
    "Regressor",
    "Result",
    "RunLog",
    "SGD",
    "StepDecay",
    "Stopping",
    "Sweep",
    "TensorBoard",
    "Trace",
    "Verification",
    "Warmup",
    "__version__",
    "attribute",
    "compare",
    "descents",
    "examine",
    "load",
    "predictor",
    "range_test",
    "save",
    "sweep",
    "train",
    "verify_gradients",
]


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
    value = getattr(import_module(f"chainrule.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
