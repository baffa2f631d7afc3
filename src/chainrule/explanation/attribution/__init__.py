"""What a prediction for one row rests on: input gradients and integrated gradients, by column."""

from chainrule.explanation.attribution.columns import (
    attribute,
    attribute_subject,
    attribute_table,
)
from chainrule.explanation.attribution.result import Attribution

__all__ = ["Attribution", "attribute", "attribute_subject", "attribute_table"]
