"""The loss of quantiles: by hand, by scikit-learn, by PyTorch's autograd and by differences; its names and targets."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from chainrule import losses
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.gradients import backprop, central_differences, explicit_gradients
from chainrule.network import Network
from chainrule.plan import Plan

NAME = "quantile:0.05,0.5,0.95"
LEVELS = (0.05, 0.5, 0.95)


def draw(dtype: str = "float64", rows: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Outputs, and targets of which one is met."""
    rng = np.random.default_rng(2)
    a = rng.normal(0, 2, (rows, 3)).astype(dtype)
    y = rng.normal(0, 2, rows).astype(dtype)
    y[0] = a[0, 1]
    return a, np.repeat(y[:, None], 3, axis=1)


def test_known_values() -> None:
    loss = losses.get("quantile:0.1,0.75")
    a, t = np.array([[2.0, 2.0], [5.0, 5.0], [3.0, 7.0]]), np.array([[4.0, 4], [1, 1], [3, 3]])
    # 0.1·2 and 0.75·2; 0.9·4 and 0.25·4; 0 and 0.25·4
    assert loss.rows(a, t) == pytest.approx([0.85, 2.3, 0.5], rel=1e-15)
    assert loss.value(a, t) == pytest.approx(3.65 / 3, rel=1e-15)
    slopes = np.array([[-0.1, -0.75], [0.9, 0.25], [0.4, 0.25]]) / 6
    np.testing.assert_allclose(loss.gradient(a, t), slopes, rtol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_scikit_learns(weighted: bool) -> None:
    a, t = draw()
    w = np.random.default_rng(3).uniform(0, 2, len(a)) if weighted else None
    each = [
        mean_pinball_loss(t[:, j], a[:, j], sample_weight=w, alpha=tau)
        for j, tau in enumerate(LEVELS)
    ]
    assert losses.get(NAME).value(a, t, w) == pytest.approx(np.mean(each), rel=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-15), ("float32", 1e-7)])
def test_the_gradient_is_that_of_autograd_also_where_a_target_is_met(
    dtype: Any, tolerance: float, weighted: bool
) -> None:
    a, t = draw(dtype)
    w = np.random.default_rng(3).uniform(0, 2, len(a)).astype(dtype) if weighted else None
    z, y = torch.tensor(a, requires_grad=True), torch.tensor(t)
    tau = torch.tensor(LEVELS, dtype=z.dtype)
    ell = torch.maximum(tau * (y - z), (tau - 1) * (y - z)).mean(dim=1)
    weights = torch.ones(len(a), dtype=z.dtype) if w is None else torch.tensor(w)
    L = (weights * ell).sum() / weights.sum()
    (gradient,) = torch.autograd.grad(L, z)
    loss = losses.get(NAME)
    assert loss.gradient(a, t, w).dtype == loss.rows(a, t).dtype == dtype
    assert loss.value(a, t, w) == pytest.approx(float(L.detach()), rel=1e-6 if w is None else 1e-5)
    np.testing.assert_allclose(loss.gradient(a, t, w), gradient.numpy(), atol=tolerance)
    np.testing.assert_allclose(loss.output_gradient(a, t, w), gradient.numpy(), atol=tolerance)
    assert loss.gradient(a, t)[0, 1] == 0  # ½ − τ at the median


def test_twice_the_median_is_the_absolute_error() -> None:
    a, t = draw()
    half, whole = losses.get("quantile:0.5"), losses.LOSSES["absolute_error"]
    assert 2 * half.value(a[:, :1], t[:, :1]) == pytest.approx(whole.value(a[:, :1], t[:, :1]))
    np.testing.assert_allclose(
        2 * half.gradient(a[:, :1], t[:, :1]), whole.gradient(a[:, :1], t[:, :1])
    )


def test_backprop_and_the_lectures_product_agree_with_differences() -> None:
    rng = np.random.default_rng(1)
    network = Network.of_sizes([4, 6, 3], "tanh", seed=2, dtype="float64", initializer="torch")
    X, y = rng.normal(size=(7, 4)), rng.normal(size=7)
    t, w = losses.targets(y, NAME, 3, "float64"), rng.uniform(0.5, 2, 7)
    value, found = backprop(network, X, t, NAME, w)
    assert value == losses.get(NAME).value(network(X), t, w)
    for ours, measured in zip(found, central_differences(network, X, t, NAME, w), strict=True):
        for one, other in zip(ours, measured, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
    _, alone = explicit_gradients(network, X[0], y[0], NAME)
    _, together = backprop(network, X[:1], t[:1], NAME)
    for ours, measured in zip(alone, together, strict=True):
        for one, other in zip(ours, measured, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-15)


def test_the_number_that_costs_least_is_the_quantile() -> None:
    y = np.random.default_rng(5).exponential(size=999)
    loss, candidates = losses.get(NAME), np.sort(y)
    costs = [loss.entry(np.full((999, 3), c), np.repeat(y[:, None], 3, 1)).sum(0) for c in candidates]  # fmt: skip
    least = candidates[np.argmin(costs, axis=0)]
    np.testing.assert_allclose(least, np.quantile(y, LEVELS, method="inverted_cdf"))


def test_every_output_gets_the_rows_one_number() -> None:
    for y in ([1.5, 2.5], [[1.5], [2.5]]):
        t = losses.targets(y, NAME, 3, "float32")
        assert t.tolist() == [[1.5] * 3, [2.5] * 3] and t.dtype == "float32"
        assert t.flags.c_contiguous and t.flags.writeable
    again = losses.targets(t, NAME, 3, "float32")
    assert (again == t).all()
    with pytest.raises(InvalidValue, match="are those of one number; row 1 has 3"):
        losses.targets([[1, 1, 1], [2, 2, 3]], NAME, 3, "float32")
    assert losses.targets([1, 2], "quantile:0.5", 1, "float64").tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("y", "outputs", "words"),
    [
        (np.zeros((4, 2)), 3, r"shape \(4, 2\); quantile:0.05,0.5,0.95 over 3 outputs takes \(n,\) or \(n, 1\)"),
        (np.zeros((4, 3)), 2, r"shape \(4, 3\); .* takes \(n,\) or \(n, 1\)"),
        (np.zeros((4, 1, 1)), 3, r"shape \(4, 1, 1\)"),
        (np.zeros(4), 2, "0.95 takes 3 outputs, one for each level, not 2"),
        (np.zeros(4), 1, "takes 3 outputs, one for each level, not 1"),
    ],
)  # fmt: skip
def test_nothing_else_is_repeated(y: Any, outputs: int, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        losses.targets(y, NAME, outputs, "float64")


def test_targets_of_one_column_are_refused_by_the_loss_itself() -> None:
    a, t = draw()
    with pytest.raises(ShapeError, match=r"9 rows of 3 outputs, targets of shape \(9, 1\)"):
        losses.get(NAME).value(a, t[:, :1])
    with pytest.raises(ShapeError, match="takes 3 outputs, one for each level, not 2"):
        losses.get(NAME).value(a[:, :2], t[:, :2])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quantile", "carries its levels, as 'quantile:0.05,0.5,0.95'"),
        ("quantile:", "a level of a quantile is a number between 0 and 1, got ''"),
        ("quantile:0.1,x", "a number between 0 and 1, got 'x'"),
        ("quantile:0,0.5", "a number between 0 and 1, got '0'"),
        ("quantile:0.5,1", "a number between 0 and 1, got '1'"),
        ("quantile:nan", "a number between 0 and 1, got 'nan'"),
        ("quantile:0.9,0.1", r"ascending, one or more, got \[0.9, 0.1\]"),
        ("quantile:0.5,0.5", r"ascending, one or more, got \[0.5, 0.5\]"),
    ],
)
def test_levels_that_are_none_are_refused(name: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        losses.get(name)
    with pytest.raises(InvalidValue, match=words):
        Plan.of(Network.of_sizes([2, 3]), name)


def test_an_unknown_name_is_answered_with_all() -> None:
    with pytest.raises(UnknownName, match="poisson, quantile:0.05,0.5,0.95"):
        losses.get("pinball")
    with pytest.raises(InvalidValue, match=r"one or more, got \[\]"):
        losses.quantile([])


def test_a_plan_carries_the_levels_in_one_spelling() -> None:
    plan = Plan.of(Network.of_sizes([2, 3]), "quantile: .05, 5e-1,0.950")
    assert plan.loss == NAME == losses.quantile(LEVELS).name
    assert Plan.from_json(plan.to_json()) == plan
    loss = losses.get(plan.loss)
    assert loss is losses.get(NAME) is losses.get(loss)
    assert isinstance(loss, losses.Quantile) and loss.levels == LEVELS and loss.link is None
    assert repr(loss) == f"<loss {NAME}>"
    a, t = draw()
    for copied in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert copied.value(a, t) == loss.value(a, t)


def test_a_plan_takes_an_output_for_each_level() -> None:
    with pytest.raises(
        InvalidValue, match="quantile:0.1,0.9 takes an output for each level, not 3"
    ):
        Plan.of(Network.of_sizes([2, 3]), "quantile:0.1,0.9")


def test_the_loss_is_explained_in_letters() -> None:
    text = str(Network.of_sizes([2, 4, 2]).explain([[1.0, 2]], [0.5], loss="quantile:0.1,0.9"))
    assert "max(τ(y − z_1), (τ − 1)(y − z_1))" in text
