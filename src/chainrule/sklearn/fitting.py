"""From a table to an estimator and its model: what `chainrule fit` does with a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue
from chainrule.sklearn.classifier import Classifier
from chainrule.sklearn.estimator import Kept
from chainrule.sklearn.regressor import Regressor
from chainrule.storage import Model
from chainrule.tables import Supervised, Table, TargetEncoder, split_target
from chainrule.tables.scaling import as_numbers
from chainrule.training.fitting import (
    Fit,
    classification_scores,
    constant_scores,
    quantile_scores,
    regression_scores,
)
from chainrule.training.rows import split

_SEEDS = 2**32  # of scikit-learn's random_state
_Part: TypeAlias = tuple[Table, npt.NDArray[Any]]


@dataclass(kw_only=True)
class EstimatorFit(Fit):
    """What `fit_estimator` found, with what it was found by.

    Attributes:
        estimator: the fitted one.
        features: the rows that it was fitted on.
        target: theirs, (n,).
    """

    estimator: Classifier | Regressor
    features: Table
    target: npt.NDArray[Any]


def fit_estimator(
    table: Table,
    target: str | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    task: str | None = None,
    validation: float = 0.0,
    seed: int = 0,
    checkpoint: Kept | None = None,
    resume: bool = False,
) -> EstimatorFit:
    """Fit a `Classifier` or a `Regressor` to a table.

    Args:
        table: with the target among its columns.
        target: its name; the last column's without it.
        settings: parameters of the estimator.
        task: "classification" or "regression"; inferred from the target without it.
        validation: share of the rows set aside to stop and to score on; with 0 the networks' folds
            do both.
        seed: of the estimator, and of the rows set aside.
        checkpoint: a file to keep the networks in while they are trained.
        resume: go on from it, if it is there.

    Raises:
        ChainruleError: the table, the target or a setting cannot be used; the text says why.
    """
    if not 0 <= seed < _SEEDS:
        raise InvalidValue(f"seed is a whole number from 0 to {_SEEDS - 1}, got {seed}")
    given = split_target(table, target)
    encoded = TargetEncoder.fit(given.target, task, given.name, given.features.row_number)
    learn, check = _parts(given.features, _answers(encoded, given), validation, seed)
    started = perf_counter()
    estimator = _estimator(encoded, {**(settings or {}), "random_state": seed})
    estimator.fit(*learn, validation=check, checkpoint=checkpoint, resume=resume)
    fit = EstimatorFit(
        model=estimator.to_model(given.name), results=estimator.results_, rows=len(given.target),
        dropped=given.dropped, seconds=perf_counter() - started, estimator=estimator, features=learn[0], target=learn[1],
        out_of_fold=check is None,
    )  # fmt: skip
    if check is None:
        _score(fit, _out_of_fold(estimator), learn[1])
    else:
        _score(fit, _said(fit.model, check[0]), check[1])
    return fit


def score_on(fit: EstimatorFit, table: Table) -> None:
    """Put the scores on other rows in the place of those that a fit has.

    Args:
        fit: what was fitted.
        table: with the target among its columns.

    Raises:
        ChainruleError: a target cannot be used; the text says which.
    """
    encoded = fit.model.target
    assert encoded is not None
    given = split_target(table, encoded.name)
    fit.out_of_fold = False
    _score(fit, _said(fit.model, given.features), _answers(encoded, given))


def _estimator(encoded: TargetEncoder, settings: Mapping[str, Any]) -> Classifier | Regressor:
    if encoded.task == "regression":
        return Regressor(**settings)
    if "loss" in settings:
        raise InvalidValue(
            f"the loss {settings['loss']!r} is of numbers, and the target {encoded.name!r} has classes;"
            " with the task regression its values count as numbers"
        )
    return Classifier(**settings)


def _out_of_fold(estimator: Classifier | Regressor) -> npt.NDArray[Any]:
    quantiles = estimator.oof_quantiles_ if isinstance(estimator, Regressor) else None
    return estimator.oof_prediction_ if quantiles is None else quantiles


def _said(model: Model, features: Table) -> npt.NDArray[Any]:
    """Probabilities, numbers or quantiles."""
    if model.task == "classification":
        return model.predict_probability(features)
    return model.predict_quantiles(features) if model.levels else model.predict(features)


def _answers(encoded: TargetEncoder, given: Supervised) -> npt.NDArray[Any]:
    """The targets as an estimator takes them: numbers, or labels as Python spells them."""
    row = given.features.row_number
    codes = encoded.encode(given.target, row)  # refuses what cannot be learned
    if encoded.task == "regression":
        return as_numbers(given.target, given.name, row)
    return encoded.decode(codes)


def _parts(
    features: Table, y: npt.NDArray[Any], validation: float, seed: int
) -> tuple[_Part, _Part | None]:
    """The rows to learn from, and those set aside."""
    if validation == 0:
        return (features, y), None
    learn, check = split(len(y), validation, seed)
    return (features.take(learn), y[learn]), (features.take(check), y[check])


def _score(fit: EstimatorFit, said: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
    """Note what probabilities, quantiles (n, …) or numbers (n,) are worth, as far as they are known."""
    known = np.isfinite(said.reshape(len(said), -1)).all(axis=1)
    fit.validated = int(known.sum())
    if not known.any():
        return
    target = fit.model.target
    assert target is not None
    levels = fit.model.levels
    if levels:
        constant = np.tile(np.quantile(fit.target, levels), (len(y), 1))
        fit.scores = quantile_scores(y[known], said[known], levels)
        fit.baseline = quantile_scores(y[known], constant[known], levels)
        return
    if target.task == "regression":
        fit.scores = regression_scores(y[known], said[known])
        fit.baseline = constant_scores(y[known], fit.target)
        return
    codes = target.encode(y[known])
    fit.scores = classification_scores(codes, said[known])
    fit.baseline = constant_scores(codes, target.encode(fit.target), said.shape[1])
