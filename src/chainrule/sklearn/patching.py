"""Scikit-learn's own perceptrons made fast, wherever in the process they are."""

from __future__ import annotations

from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron

from chainrule.sklearn.perceptron import THEIRS, FastFit


def patch() -> None:
    """Let `sklearn.neural_network`'s MLPClassifier and MLPRegressor train in the compiled engine.

    Every instance in this process does from its next `fit` on, also of classes imported before.
    They stay scikit-learn's: their pickles need no chainrule. `unpatch` takes it back.
    """
    for name in THEIRS:
        setattr(BaseMultilayerPerceptron, name, getattr(FastFit, name))


def unpatch() -> None:
    """Let them train as scikit-learn has it."""
    for name, method in THEIRS.items():
        setattr(BaseMultilayerPerceptron, name, method)
