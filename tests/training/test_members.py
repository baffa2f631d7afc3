"""Folds, members and calibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss as their_log_loss

from chainrule.network import Network
from chainrule.training.calibration import averaged, calibrate, calibration_error, log_loss
from chainrule.training.members import NEVER_OUT, Member, Turn, folds_of, out_of_fold, turns_of
from chainrule.training.mixture import shares_of_numbers, shares_of_probabilities


def test_folds_are_dealt_evenly_and_by_class() -> None:
    assert folds_of(7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]
    classes = np.array([0, 0, 0, 1, 1, 2, 1, 1])
    folds = folds_of(8, 2, classes)
    assert folds.tolist() == [0, 1, 0, 1, 0, NEVER_OUT, 1, 0]
    assert (folds_of(4, 1) == NEVER_OUT).all()


def test_each_fold_is_left_out_by_one_of_each_kind_where_members_suffice() -> None:
    turns = turns_of(12, 3)
    assert sorted((t.fold, t.kind) for t in turns) == [(f, k) for f in range(4) for k in range(3)]
    assert all(t.place == t.kind for t in turns)
    few = turns_of(5, 3)  # a fold for each, and the linear kind left aside
    assert [(t.fold, t.kind, t.place) for t in few] == [(i, i % 2, 0) for i in range(5)]
    assert len({t.fold for t in turns_of(9, 3)}) == 3 and len({t.fold for t in turns_of(6, 3)}) == 6


def test_shares_are_those_that_would_have_predicted_best() -> None:
    """Of the truth one says 0.9 and 0.1, the other the reverse, at weights 3 and 1; a third is useless."""
    p = np.array([[0.9, 0.1], [0.1, 0.9], [0.05, 0.05]])
    s = shares_of_probabilities(p, np.array([3.0, 1.0]), np.zeros(3))
    grid = np.linspace(0, 1, 10_001)
    loss = 3 * np.log(0.9 * grid + 0.1 * (1 - grid)) + np.log(0.1 * grid + 0.9 * (1 - grid))
    assert s == pytest.approx([grid[loss.argmax()], 1 - grid[loss.argmax()], 0], abs=1e-3)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3, 500))
    assert shares_of_numbers(z, 0.7 * z[0] + 0.3 * z[2], np.ones(500)) == pytest.approx([0.7, 0, 0.3], abs=1e-4)  # fmt: skip


def test_a_prior_speaks_where_rows_do_not() -> None:
    alike, c = np.full((3, 20), 0.7), np.array([1.0, 1.0, 3.0])
    assert shares_of_probabilities(alike, np.ones(20), c) == pytest.approx(c / 5, abs=1e-4)
    p = np.array([[0.9, 0.1], [0.1, 0.9]])  # at weights 3 and 1, with 2 rows for the second
    s = shares_of_probabilities(p, np.array([3.0, 1.0]), np.array([0.0, 2.0]))
    grid = np.linspace(0, 0.999, 10_000)
    gain = 3 * np.log(0.1 + 0.8 * grid) + np.log(0.9 - 0.8 * grid) + 2 * np.log(1 - grid)
    assert s[0] == pytest.approx(grid[gain.argmax()], abs=1e-3)


def test_out_of_fold_is_by_the_members_that_left_the_row_out() -> None:
    networks = [Network.of_sizes([2, 1], seed=s, dtype="float64") for s in range(6)]
    X, folds = np.eye(4, 2), np.array([0, 1, 2, NEVER_OUT])
    turns = [Turn(i % 3, i // 3, i // 3) for i in range(6)]
    found = out_of_fold(networks, X, folds, turns)
    assert found.shape == (2, 4, 1) and np.isnan(found[:, 3]).all()
    for i in range(3):
        for again in range(2):
            expected = networks[3 * again + i](X[i : i + 1])
            assert found[again, i] == pytest.approx(expected[0])


def test_a_member_that_sees_some_columns_is_widened_to_all() -> None:
    network = Network.of_sizes([2, 3, 1], seed=1, dtype="float64")
    member = Member(network, np.array([3, 1]), {})
    X = np.random.default_rng(0).normal(size=(5, 4))
    assert member.widened(4)(X) == pytest.approx(network(X[:, [3, 1]]))
    assert member.seen((X, 0))[0].shape == (5, 2)


def test_calibration_finds_the_temperature_and_few_rows_draw_it_towards_1() -> None:
    rng = np.random.default_rng(0)
    u = rng.normal(size=(20_000, 3))
    p = np.exp(u) / np.exp(u).sum(axis=1, keepdims=True)
    classes = (p.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    w = np.ones(20_000)
    found = calibrate(2.5 * u[None], classes, w)
    assert found.temperature == pytest.approx(2.5, rel=0.03)
    assert found.log_loss[1] == pytest.approx(their_log_loss(classes, averaged(u[None])), rel=1e-3)
    assert found.error[1] < 0.015 < 0.15 < found.error[0]
    few = calibrate(2.5 * u[None, :10], classes[:10], w[:10])
    assert 1 < few.temperature < 1.3
    certain = minimize_scalar(lambda log_t: log_loss(averaged(2.5 * u[None], np.exp(log_t)), classes, w))  # fmt: skip
    assert found.temperature == pytest.approx(np.exp(certain.x), rel=0.02)  # a little nearer to 1


def test_two_classes_by_one_logit_are_those_by_two() -> None:
    u = np.random.default_rng(1).normal(size=(2, 50, 1)) * 30
    two = np.concatenate([np.zeros_like(u), u], axis=2)
    assert averaged(u, 0.7) == pytest.approx(averaged(two, 0.7), abs=1e-12)


def test_calibration_error_by_hand() -> None:
    """Confidence 0.8, of which one of two is right, by weight three of four: |0.75 − 0.8|."""
    p = np.array([[0.8, 0.2], [0.8, 0.2]])
    assert calibration_error(p, np.array([0, 1]), np.array([3.0, 1.0])) == pytest.approx(0.05)
    assert log_loss(p, np.array([0, 1]), np.array([3.0, 1.0])) == pytest.approx(
        -(3 * np.log(0.8) + np.log(0.2)) / 4
    )
