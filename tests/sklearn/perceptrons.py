"""A plugin for pytest: scikit-learn's own tests import our perceptrons in place of theirs."""

from __future__ import annotations

from sklearn import neural_network

from chainrule.sklearn import MLPClassifier, MLPRegressor

neural_network.MLPClassifier, neural_network.MLPRegressor = MLPClassifier, MLPRegressor
