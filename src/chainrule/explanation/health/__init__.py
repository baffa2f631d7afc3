"""The health of a network: units that do no work, gradients that do not arrive."""

from chainrule.explanation.health.examination import (
    Health,
    LayerHealth,
    examine,
    examine_subject,
)
from chainrule.explanation.health.findings import Finding
from chainrule.explanation.health.monitor import Look, Monitor

__all__ = ["Finding", "Health", "LayerHealth", "Look", "Monitor", "examine", "examine_subject"]
