"""Where trials go: densities that are densities, values in their bounds, and better than chance."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest

from chainrule.sweeping.parzen import Parzen, _Axis, _Density, distributions
from chainrule.sweeping.space import Choice, Range, Space

MIXED = {
    "activation": ["relu", "silu", "tanh"],
    "learning_rate": {"from": 1e-4, "to": 1.0, "log": True},
    "dropout": {"from": 0.0, "to": 0.5},
    "batch_size": {"from": 3, "to": 9},
}


def asked(space, seed, trials, value):
    """The values that a sampler drew, and the lowest result."""
    sampler = Parzen(space, seed) if seed >= 0 else optuna.samplers.RandomSampler(seed=-seed)
    study = optuna.create_study(sampler=sampler)
    for _ in range(trials):
        trial = study.ask(distributions(space))
        study.tell(trial, value(trial.params))
    return [trial.params for trial in study.trials], study.best_value


def bowl(params):
    """Lowest, 0, at 0.01, 0.2, 6 and silu."""
    off = {"relu": 0.5, "silu": 0.0, "tanh": 1.0}[params["activation"]]
    rate, share = math.log10(params["learning_rate"]) + 2, 4 * (params["dropout"] - 0.2)
    return rate**2 + share**2 + off + 0.1 * (params["batch_size"] - 6) ** 2


def test_a_density_over_two_ranges_has_the_mean_1():
    axes = [_Axis(Range(0, 1, log=False, whole=False))] * 2
    density = _Density(np.array([[0.02, 0.5], [0.9, 0.95], [0.4, 0.0]]), axes)
    middles = (np.arange(400) + 0.5) / 400
    x = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    assert np.exp(density.log(x)).mean() == pytest.approx(1, abs=1e-4)


def test_a_density_over_choices_has_the_mean_1_and_favours_those_that_were_seen():
    axis = _Axis(Choice(("a", "b", "c", "d")))
    seen = np.array([[axis.place("b")], [axis.place("b")], [axis.place("d")]])
    p = np.exp(_Density(seen, [axis]).log(np.array([[axis.place(c)] for c in "abcd"]))) / 4
    # (¼ + Σ of 4/7 at a kernel's own and 1/7 elsewhere) / 4, by hand
    assert p == pytest.approx(np.array([19, 43, 19, 31]) / 112)
    assert p.sum() == pytest.approx(1)


def test_what_is_drawn_from_a_density_follows_it():
    axes = [_Axis(Range(0, 1, log=False, whole=False)), _Axis(Choice(("a", "b")))]
    density = _Density(np.array([[0.1, axes[1].place("a")]] * 30), axes)
    x = density.sample(np.random.default_rng(0), 4000)
    sigma = 0.2 * 30 ** (-1 / 6)
    assert (x[:, 0] < 0.1 + 3 * sigma).mean() > 0.95
    assert (x[:, 1] == axes[1].place("a")).mean() == pytest.approx(
        1 / 31 * 0.5 + 30 / 31 * 31 / 32, abs=0.02
    )


def test_every_value_lies_in_its_bounds_and_every_whole_number_comes():
    drawn, _ = asked(Space.of(MIXED), 0, 120, bowl)
    assert {each["batch_size"] for each in drawn} == set(range(3, 10))
    assert {each["activation"] for each in drawn} == {"relu", "silu", "tanh"}
    assert all(1e-4 <= each["learning_rate"] <= 1 and 0 <= each["dropout"] <= 0.5 for each in drawn)


def test_it_finds_what_chance_does_not():
    space = Space.of(MIXED)
    found = [asked(space, seed, 80, bowl)[1] for seed in range(5)]
    by_chance = [asked(space, -seed, 80, bowl)[1] for seed in range(1, 6)]
    assert np.median(found) < 0.5 * np.median(by_chance)
    assert max(found) < max(by_chance)
