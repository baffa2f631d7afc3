"""scikit-learn: estimators for tables, and its own multilayer perceptrons trained many times faster."""

from chainrule.sklearn.classifier import Classifier
from chainrule.sklearn.patching import patch, unpatch
from chainrule.sklearn.perceptron import MLPClassifier, MLPRegressor
from chainrule.sklearn.regressor import Regressor

__all__ = ["Classifier", "MLPClassifier", "MLPRegressor", "Regressor", "patch", "unpatch"]
