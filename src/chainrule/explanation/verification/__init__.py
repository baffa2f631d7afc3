"""The proof of a gradient: the same numbers in independent ways."""

from chainrule.explanation.verification.ways import (
    Verification,
    Way,
    verify_gradients,
    verify_subject,
)

__all__ = ["Verification", "Way", "verify_gradients", "verify_subject"]
