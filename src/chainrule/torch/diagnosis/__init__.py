"""What is wrong with a module, its loss, its optimizer and its data, before an afternoon is lost."""

from __future__ import annotations

from chainrule.torch.diagnosis.examination import check
from chainrule.torch.diagnosis.finding import Finding, Findings

__all__ = ["Finding", "Findings", "check"]
