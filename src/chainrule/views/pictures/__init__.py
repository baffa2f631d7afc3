"""Pictures: which optimizer, with which learning rate?

Each function makes a `matplotlib.figure.Figure`, or draws on axes that it is given. pyplot, which
keeps figures and settings for the whole process, is never touched: the functions may be called
from any thread, with or without a screen. matplotlib is loaded by the first of them.
"""

from __future__ import annotations

from chainrule.views.pictures.comparison import comparison
from chainrule.views.pictures.losses import loss_curves
from chainrule.views.pictures.rates import range_test, rate_search
from chainrule.views.pictures.regions import regions
from chainrule.views.pictures.runs import runs
from chainrule.views.pictures.saving import save
from chainrule.views.pictures.tries import sweep
from chainrule.views.pictures.ways import trajectories

__all__ = [
    "comparison",
    "loss_curves",
    "range_test",
    "rate_search",
    "regions",
    "runs",
    "save",
    "sweep",
    "trajectories",
]
