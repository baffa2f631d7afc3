"""Pictures of one network: its weights, what it says, how its units and layers see the data."""

from chainrule.explanation.drawing.activation import draw_activation
from chainrule.explanation.drawing.picture import (
    WHAT,
    diagram_of_model,
    diagram_of_subject,
    draw,
    draw_subject,
)

__all__ = [
    "WHAT",
    "diagram_of_model",
    "diagram_of_subject",
    "draw",
    "draw_activation",
    "draw_subject",
]
