"""A plugin for pytest: scikit-learn's own perceptrons, patched."""

from __future__ import annotations

from chainrule.sklearn import patch

patch()
