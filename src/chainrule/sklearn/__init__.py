"""scikit-learn: its multilayer perceptrons, trained many times faster."""

from chainrule.sklearn.patching import patch, unpatch
from chainrule.sklearn.perceptron import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "patch", "unpatch"]
