"""One network, seen from inside: what it computes for a row, why, and whether that is right."""

from __future__ import annotations

from chainrule.explanation.explainer import Explanation, explain, explain_subject
from chainrule.explanation.subject import Subject

__all__ = ["Explanation", "Subject", "explain", "explain_subject"]
