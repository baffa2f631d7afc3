"""Scikit-learn's multilayer perceptrons with another inner loop.

What surrounds the loop is scikit-learn's: validation, initial weights, the draw of the batches, the
scores on the validation rows, when to stop.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn import __version__ as sklearn_version
from sklearn import neural_network
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from chainrule.arrays import Array
from chainrule.errors import DivergenceError
from chainrule.sklearn.inner_loop import InnerLoop, Perceptron

THEIRS = {
    name: getattr(BaseMultilayerPerceptron, name)
    for name in ("_fit_stochastic", "_fit_lbfgs", "_loss_grad_lbfgs")
}
_VERSION = "_sklearn_version"  # in the state of scikit-learn's own classes
_WEIGHTED = "sample_weight" in inspect.signature(THEIRS["_fit_stochastic"]).parameters  # ≥ 1.7


class FastFit:
    """The methods that take the place of scikit-learn's.

    Attributes:
        engine_: "native" with its instruction set; or "scikit-learn" and why.
    """

    def _fit_stochastic(self: Perceptron, X: Any, y: npt.NDArray[Any], *rest: Any) -> None:
        """Stochastic gradient descent or Adam: the arguments are scikit-learn's."""
        if issparse(X):
            self.engine_ = "scikit-learn: the rows are sparse"
            THEIRS["_fit_stochastic"](self, X, y, *rest)
            return
        weights, incremental = rest[0] if _WEIGHTED else None, rest[-1]
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = _fresh_optimizer(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        train, validation = (X, y, weights), (None, None, None)
        if self.early_stopping:
            train, validation = _split(self, X, y, weights)
        loop = InnerLoop(self, *train, _batch_size(self, len(train[0])))
        self.engine_ = loop.name
        try:
            _epochs(self, loop, validation, 1 if incremental else self.max_iter, incremental)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        loop.store()
        if self.early_stopping:
            self.coefs_, self.intercepts_ = self._best_coefs, self._best_intercepts

    def _fit_lbfgs(self: Perceptron, X: Any, y: npt.NDArray[Any], *rest: Any) -> None:
        """SciPy's L-BFGS, which asks `_loss_grad_lbfgs` for losses and gradients."""
        if issparse(X):
            self.engine_ = "scikit-learn: the rows are sparse"
            THEIRS["_fit_lbfgs"](self, X, y, *rest)
            return
        self._inner_loop = InnerLoop(self, X, y, rest[0] if _WEIGHTED else None, len(X))
        self.engine_ = self._inner_loop.name
        try:
            THEIRS["_fit_lbfgs"](self, X, y, *rest)
        finally:
            del self._inner_loop

    def _loss_grad_lbfgs(
        self: Perceptron, theta: npt.NDArray[np.float64], *rest: Any
    ) -> tuple[float, Array]:
        if not hasattr(self, "_inner_loop"):
            return cast("tuple[float, Array]", THEIRS["_loss_grad_lbfgs"](self, theta, *rest))
        return cast("tuple[float, Array]", self._inner_loop.loss_and_gradient(theta))

    def __getstate__(self) -> dict[str, Any]:
        """What scikit-learn's own class would pickle: either takes the state of the other."""
        return {**cast("dict[str, Any]", super().__getstate__()), _VERSION: sklearn_version}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: state[name] for name in state if name != _VERSION})  # type: ignore[misc]


class MLPClassifier(FastFit, neural_network.MLPClassifier):  # type: ignore[misc]
    """scikit-learn's `MLPClassifier`, its inner loop compiled; all else is documented there."""


class MLPRegressor(FastFit, neural_network.MLPRegressor):  # type: ignore[misc]
    """scikit-learn's `MLPRegressor`, its inner loop compiled; all else is documented there."""


def _fresh_optimizer(mlp: Perceptron) -> SGDOptimizer | AdamOptimizer:
    params = mlp.coefs_ + mlp.intercepts_
    if mlp.solver == "adam":
        return AdamOptimizer(params, mlp.learning_rate_init, mlp.beta_1, mlp.beta_2, mlp.epsilon)
    return SGDOptimizer(
        params,
        mlp.learning_rate_init,
        mlp.learning_rate,
        mlp.momentum,
        mlp.nesterovs_momentum,
        mlp.power_t,
    )


def _split(
    mlp: Perceptron, X: Array, y: npt.NDArray[Any], weights: Array | None
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """(X, y, weights) to train on, and to validate on; drawn as scikit-learn draws them."""
    arrays = [X, y] if weights is None else [X, y, weights]
    parts = train_test_split(
        *arrays,
        random_state=mlp._random_state,
        test_size=mlp.validation_fraction,
        stratify=y if is_classifier(mlp) and mlp.n_outputs_ == 1 else None,
    )
    train, validation = [*parts[::2], None][:3], [*parts[1::2], None][:3]
    if len(validation[0]) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your"
            " dataset."
        )
    if is_classifier(mlp):
        validation[1] = mlp._label_binarizer.inverse_transform(validation[1])
    return tuple(train), tuple(validation)


def _batch_size(mlp: Perceptron, rows: int) -> int:
    if mlp.batch_size == "auto":
        return min(200, rows)
    if mlp.batch_size > rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    return min(int(mlp.batch_size), rows)


def _epochs(
    mlp: Perceptron, loop: InnerLoop, validation: tuple[Any, ...], most: int, incremental: bool
) -> None:
    """Epochs until one of scikit-learn's reasons to stop."""
    rows = np.arange(len(loop.X))
    mlp.n_iter_ = 0
    while mlp.n_iter_ < most:
        if mlp.shuffle:
            rows = rows[_shuffled(len(rows), mlp._random_state)]
        try:
            mlp.loss_ = loop.epoch(rows, mlp._optimizer.learning_rate)
        except DivergenceError:
            if not mlp.early_stopping:
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may contain large"
                    " values and need to be preprocessed."
                ) from None
            warnings.warn(
                f"the loss is not finite in epoch {mlp.n_iter_ + 1}: training stops, and the best"
                " epoch before it is kept",
                ConvergenceWarning,
                stacklevel=3,
            )
            return
        mlp.n_iter_ += 1
        mlp.t_ += len(rows)
        mlp.loss_curve_.append(mlp.loss_)
        if mlp.verbose:
            print(f"Iteration {mlp.n_iter_}, loss = {mlp.loss_:.8f}")
        if mlp.early_stopping:
            loop.store_parameters()
        mlp._update_no_improvement_count(mlp.early_stopping, *validation[: 3 if _WEIGHTED else 2])
        mlp._optimizer.iteration_ends(mlp.t_)
        if mlp._no_improvement_count > mlp.n_iter_no_change and _stops(mlp):
            return
    if not incremental:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({most}) reached and the optimization hasn't"
            " converged yet.",
            ConvergenceWarning,
            stacklevel=3,
        )


def _shuffled(n: int, random_state: np.random.RandomState) -> npt.NDArray[np.int64]:
    """The draw of `sklearn.utils.shuffle`, which for a thousand rows costs three times as much."""
    order = np.arange(n)
    random_state.shuffle(order)
    return order


def _stops(mlp: Perceptron) -> bool:
    """Whether to stop after epochs without a gain, or to go on with a smaller learning rate."""
    watched = "Validation score" if mlp.early_stopping else "Training loss"
    text = (
        f"{watched} did not improve more than tol={mlp.tol:f} for {mlp.n_iter_no_change} consecutive"
        " epochs."
    )
    if mlp._optimizer.trigger_stopping(text, mlp.verbose):
        return True
    mlp._no_improvement_count = 0
    return False
