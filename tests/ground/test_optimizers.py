"""Every rule and option against torch.optim over 300 steps; the lecture's momentum by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.errors import InvalidValue, UnknownName
from chainrule.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Backtracking,
    Groups,
    Lion,
    Momentum,
    NAdam,
    Optimizer,
    RMSprop,
    Rule,
    as_dict,
    called,
    from_dict,
    make,
)

STEPS = 300
Twin = Callable[[list[torch.Tensor]], torch.optim.Optimizer]

CASES: list[tuple[Rule, Twin]] = [
    (SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    (SGD(0.1, weight_decay=0.1), lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.1)),
    (SGD(0.02, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9)),
    (
        SGD(0.02, momentum=0.9, dampening=0.3, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.3, weight_decay=0.01),
    ),
    (
        SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    (Adagrad(0.1), lambda p: torch.optim.Adagrad(p, lr=0.1)),
    (
        Adagrad(0.1, 0.05, 0.3, 1e-6, 0.02),
        lambda p: torch.optim.Adagrad(
            p, lr=0.1, lr_decay=0.05, initial_accumulator_value=0.3, eps=1e-6, weight_decay=0.02
        ),
    ),
    (RMSprop(), lambda p: torch.optim.RMSprop(p)),
    (RMSprop(centered=True), lambda p: torch.optim.RMSprop(p, centered=True)),
    (RMSprop(momentum=0.8), lambda p: torch.optim.RMSprop(p, momentum=0.8)),
    (
        RMSprop(0.02, 0.9, 1e-5, 0.5, True, 0.03),
        lambda p: torch.optim.RMSprop(
            p, lr=0.02, alpha=0.9, eps=1e-5, momentum=0.5, centered=True, weight_decay=0.03
        ),
    ),
    (Adam(), lambda p: torch.optim.Adam(p)),
    (
        Adam(0.02, 0.8, 0.99, 1e-6, 0.05),
        lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.05),
    ),
    (AdamW(), lambda p: torch.optim.AdamW(p)),
    (
        AdamW(0.02, 0.8, 0.99, 1e-6, 0.2),
        lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.2),
    ),
]
CASES += [
    (Adagrad(0.1, epsilon=0), lambda p: torch.optim.Adagrad(p, lr=0.1, eps=0)),
    (Adadelta(), lambda p: torch.optim.Adadelta(p)),
    (
        Adadelta(0.7, 0.95, 1e-4, 0.02),
        lambda p: torch.optim.Adadelta(p, lr=0.7, rho=0.95, eps=1e-4, weight_decay=0.02),
    ),
    (Adam(0.02, amsgrad=True), lambda p: torch.optim.Adam(p, lr=0.02, amsgrad=True)),
    (
        AdamW(0.02, 0.8, 0.99, 1e-6, 0.2, amsgrad=True),
        lambda p: torch.optim.AdamW(
            p, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.2, amsgrad=True
        ),
    ),
    (NAdam(), lambda p: torch.optim.NAdam(p)),
    (
        NAdam(0.02, 0.8, 0.99, 1e-6, 0.05, 0.01),
        lambda p: torch.optim.NAdam(
            p, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.05, momentum_decay=0.01
        ),
    ),
    (
        NAdam(0.02, weight_decay=0.2, decoupled=True),
        lambda p: torch.optim.NAdam(p, lr=0.02, weight_decay=0.2, decoupled_weight_decay=True),
    ),
]
IDS = [repr(rule) for rule, _ in CASES]


def noise(dtype: str) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 0.5, (STEPS, 4, 3)).astype(dtype)


def start(dtype: str) -> np.ndarray:
    return np.random.default_rng(8).normal(0, 2, (4, 3)).astype(dtype)


def ours(rule: Rule, dtype: str, rates: list[float]) -> list[np.ndarray]:
    """θ after each step on the noisy slope tanh(θ) of Σ log cosh θ."""
    theta, path = start(dtype), []
    moments = rule.start(theta)
    for t, (shock, rate) in enumerate(zip(noise(dtype), rates, strict=True), 1):
        rule.update(theta, np.tanh(theta) + shock, moments, t, rate)
        path.append(theta.copy())
    return path


@pytest.fixture(autouse=True)
def _torchs_own_numbers_in_float64() -> Iterator[None]:
    """NAdam keeps a product of momenta in PyTorch's default type, float32 unless it is told."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def theirs(twin: Twin, dtype: str, rates: list[float]) -> list[np.ndarray]:
    theta, path = torch.tensor(start(dtype), requires_grad=True), []
    optimizer = twin([theta])
    for shock, rate in zip(noise(dtype), rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        theta.grad = torch.tanh(theta.detach()) + torch.tensor(shock)
        optimizer.step()
        path.append(theta.detach().numpy().copy())
    return path


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize(("rule", "twin"), CASES, ids=IDS)
def test_300_steps_are_pytorchs(
    rule: Rule, twin: Twin, dtype: str, tolerance: float, scheduled: bool
) -> None:
    factors = np.linspace(1, 0.1, STEPS) if scheduled else np.ones(STEPS)
    rates = (rule.learning_rate * factors).tolist()
    path, expected = ours(rule, dtype, rates), theirs(twin, dtype, rates)
    assert all(theta.dtype == dtype for theta in path)
    np.testing.assert_allclose(path, expected, rtol=tolerance, atol=tolerance)
    assert abs(path[-1] - path[0]).max() > 0.1


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("sgd", "SGD"),
        ("adagrad", "Adagrad"),
        ("rmsprop", "RMSprop"),
        ("adadelta", "Adadelta"),
        ("adam", "Adam"),
        ("adamw", "AdamW"),
        ("nadam", "NAdam"),
    ],
)
def test_defaults_are_pytorchs(name: str, twin: str) -> None:
    theirs = getattr(torch.optim, twin)([torch.zeros(1)]).defaults
    theirs["beta1"], theirs["beta2"] = theirs.get("betas", (None, None))
    names = {
        "learning_rate": "lr",
        "epsilon": "eps",
        "learning_rate_decay": "lr_decay",
        "initial_accumulator": "initial_accumulator_value",
        "decoupled": "decoupled_weight_decay",
    }
    own = as_dict(make(name))
    assert own.pop("name") == name
    if name == "sgd":
        assert own.pop("learning_rate") == 0.01  # PyTorch: 0.001
    for kerass in (
        "of_steps",
        "epsilon_hat",
    ):  # Keras's and scikit-learn's ways, which PyTorch lacks
        assert own.pop(kerass, False) is False
    assert own == {option: theirs[names.get(option, option)] for option in own}


def test_velocities_of_steps_by_hand() -> None:
    """μ = ½, as Keras: v ← ½v − αg, θ ← θ + v, and with Nesterov θ + ½v − αg; α falls from 1 to ½."""
    for nesterov, thetas in ((False, [-2.0, -4.0]), (True, [-3.0, -5.0])):
        rule = SGD(momentum=0.5, nesterov=nesterov, of_steps=True)
        theta, moments = np.zeros(1), rule.start(np.zeros(1))
        for t, rate in ((1, 1.0), (2, 0.5)):
            rule.update(theta, np.array([2.0]), moments, t, rate)
            assert theta.tolist() == [thetas[t - 1]]


def test_epsilon_hat_by_hand() -> None:
    """β₁ = 0, β₂ = ¾, g = 2: m = 2, v = 1, √(1 − β₂) = ½, so α·½·2/(1 + ε̂) = ½ for α = ε̂ = 1."""
    rule = Adam(1.0, beta1=0, beta2=0.75, epsilon=1.0, epsilon_hat=True)
    theta, moments = np.zeros(1), rule.start(np.zeros(1))
    rule.update(theta, np.array([2.0]), moments, 1, 1.0)
    assert theta.tolist() == [-0.5]


def test_lion_by_hand() -> None:
    """β₁ = ½, β₂ = ¾: the sign is of ½m + ½g, and m follows more slowly. A zero does not move."""
    rule = Lion(0.1, beta1=0.5, beta2=0.75, weight_decay=0.5)
    theta, moments = np.array([1.0, 1.0, 0.0]), rule.start(np.zeros(3))
    rule.update(theta, np.array([4.0, -2.0, 0.0]), moments, 1, 0.1)
    assert theta.tolist() == pytest.approx([1 - 0.1 * 1.5, 1 - 0.1 * -0.5, 0])
    assert moments["first"].tolist() == [1.0, -0.5, 0.0]
    rule.update(theta, np.array([-0.5, 0.25, 0.0]), moments, 2, 0.1)  # c = ¼, −⅛, 0
    assert theta.tolist() == pytest.approx([0.85 - 0.1 * (1 + 0.425), 1.05 - 0.1 * (-1 + 0.525), 0])
    assert moments["first"].tolist() == [0.625, -0.3125, 0.0]


def test_nadams_momenta_by_hand() -> None:
    mu, mu_next, product = NAdam(beta1=0.9, momentum_decay=1.0).momenta(2)
    first, second, third = (0.9 * (1 - 0.5 * 0.96**t) for t in (1, 2, 3))
    assert (mu, mu_next) == pytest.approx((second, third), rel=1e-15)
    assert product == pytest.approx(first * second, rel=1e-15)
    assert NAdam().momenta(10_000)[2] == 0.0


def test_the_lectures_adagrad_leaves_an_entry_without_gradients() -> None:
    """Where the sum of squares is 0, the lecture's G has no inverse; the entry stays."""
    rule, theta = make("lecture-adagrad"), np.array([1.0, 1.0])
    assert isinstance(rule, Rule)
    rule.update(theta, np.array([0.0, -1e-3]), rule.start(theta), 1, 0.25)
    assert theta.tolist() == [1.0, 1.25]


def test_a_search_takes_the_first_step_that_meets_the_condition() -> None:
    """f(θ) = θ² at 1: g = 2, f(1 − 2η) ≤ 1 − 4cη holds where η ≤ 1 − c."""
    search = Backtracking(decrease=0.3)
    tried: list[float] = []

    def loss_at(eta: float) -> float:
        tried.append(eta)
        return (1 - 2 * eta) ** 2

    assert search.search(2.0, 1.0, 4.0, loss_at) == 0.5
    assert tried == [2.0, 1.0, 0.5]


def test_a_search_that_finds_nothing_makes_no_step() -> None:
    trials: list[float] = []
    found = Backtracking().search(1.0, 0.0, 1.0, lambda eta: trials.append(eta) or float("nan"))
    assert found == 0.0 and len(trials) == 50


def test_where_a_search_begins() -> None:
    textbook, sls = OPTIMIZERS["backtracking"], OPTIMIZERS["sls"]
    assert isinstance(textbook, Backtracking) and isinstance(sls, Backtracking)
    assert textbook.first_trial(0.25, 1.0, 1.0) == 1.0
    assert sls.first_trial(0.0, 0.1, 1.0) == 1.0
    assert sls.first_trial(0.25, 0.5, 1.0) == pytest.approx(0.25 * 2**0.5)
    assert sls.first_trial(0.9, 1.0, 1.0) == 1.0


def test_who_takes_all_rows() -> None:
    assert {name for name, rule in OPTIMIZERS.items() if rule.takes_all_rows} == {
        "backtracking",
        "lbfgs",
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_called_by_its_name_whatever_its_rate(name: str) -> None:
    rated = make(name) if name == "lbfgs" else make(name, 0.5)
    assert called(rated) == name
    assert called(SGD(momentum=0.8)) == "sgd"


def test_the_lectures_momentum_is_a_convex_combination() -> None:
    """Two gradients by hand: ΔW_1 = ηg, ΔW_2 = (1 − η)ηg + ηg′."""
    rule, W = Momentum(learning_rate=0.5, eta=0.25), np.array([1.0])
    moments = rule.start(W)
    rule.update(W, np.array([4.0]), moments, 1, 0.5)
    assert moments["velocity"] == 1.0 and W == 0.5
    rule.update(W, np.array([-8.0]), moments, 2, 0.5)
    assert moments["velocity"] == 0.75 - 2.0 and W == 0.5 + 0.625


def test_the_lectures_momentum_is_the_damped_heavy_ball_but_for_its_start() -> None:
    """After a first gradient of 0, where v ← g and ΔW ← ηg are the same, so are the paths."""
    ball, lecture = SGD(0.1, momentum=0.7, dampening=0.7), Momentum(0.1, eta=0.3)
    W, V = np.array([3.0]), np.array([3.0])
    of_W, of_V = ball.start(W), lecture.start(V)
    for t, g in enumerate([0.0, 2.0, -1.0, 0.5], 1):
        ball.update(W, np.array([g]), of_W, t, 0.1)
        lecture.update(V, np.array([g]), of_V, t, 0.1)
    assert W[0] == pytest.approx(V[0], rel=1e-15) and W[0] != 3.0


def test_adagrad_takes_the_step_off() -> None:
    """The lecture's line adds it; from θ = 1 with slope 2θ the first step is −α."""
    theta = np.array([1.0])
    rule = Adagrad(0.25)
    rule.update(theta, np.array([2.0]), rule.start(theta), 1, 0.25)
    assert theta[0] == pytest.approx(0.75, rel=1e-9)


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (SGD(), ()),
        (SGD(momentum=0.5), ("velocity",)),
        (Momentum(), ("velocity",)),
        (Adagrad(), ("squares",)),
        (RMSprop(), ("squares",)),
        (RMSprop(centered=True), ("squares", "mean")),
        (RMSprop(momentum=0.1), ("squares", "velocity")),
        (RMSprop(momentum=0.1, centered=True), ("squares", "mean", "velocity")),
        (Adam(), ("first", "second")),
        (AdamW(), ("first", "second")),
        (Adam(amsgrad=True), ("first", "second", "largest")),
        (NAdam(), ("first", "second")),
        (Adadelta(), ("squares", "steps")),
        (Lion(), ("first",)),
        (Backtracking(), ()),
        (LBFGS(), ()),
    ],
)
def test_slots(rule: Optimizer, slots: tuple[str, ...]) -> None:
    assert rule.slots == slots
    moments = rule.start(np.ones((2, 3), "float32"))
    assert tuple(moments) == slots
    assert all(m.shape == (2, 3) and m.dtype == "float32" and not m.any() for m in moments.values())


def test_adagrad_starts_from_its_accumulator() -> None:
    assert Adagrad(initial_accumulator=0.25).start(np.zeros(2))["squares"].tolist() == [0.25, 0.25]


def test_the_gradient_is_left_as_it_is() -> None:
    for rule, _ in CASES:
        theta, g = np.ones(3), np.array([0.1, 0.2, 0.3])
        rule.update(theta, g, rule.start(theta), 1, 0.1)
        assert g.tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("make_it", "words"),
    [
        (lambda: SGD(-0.1), "learning_rate is a finite number, 0 or more, got -0.1"),
        (lambda: SGD(float("nan")), "learning_rate is a finite number, 0 or more, got nan"),
        (lambda: Adam(float("inf")), "learning_rate is a finite number, 0 or more, got inf"),
        (lambda: Adam(beta1=1.0), "beta1 is below 1, got 1.0"),
        (lambda: AdamW(beta2=-0.5), "beta2 is a finite number, 0 or more, got -0.5"),
        (lambda: Momentum(eta=1.5), "eta is at most 1, got 1.5"),
        (lambda: RMSprop(alpha=2), "alpha is at most 1, got 2"),
        (lambda: make("rmsprop", centered=1), "centered is true or false, got 1"),
        (lambda: SGD(momentum=True), "momentum is a finite number, 0 or more, got True"),
        (lambda: SGD(nesterov=True), "nesterov takes a momentum above 0 and no dampening"),
        (lambda: SGD(momentum=0.9, dampening=0.1, nesterov=True), "nesterov takes a momentum"),
        (lambda: Backtracking(0.0), "learning_rate is above 0, got 0.0"),
        (lambda: Backtracking(growth=0.5), "growth is 1 or more, got 0.5"),
        (lambda: Backtracking(shrink=1), "shrink is below 1, got 1"),
        (lambda: LBFGS(memory=0), "memory is a whole number, 1 or more, got 0"),
        (lambda: LBFGS(memory=2.5), "memory is a whole number, 1 or more, got 2.5"),  # type: ignore[arg-type]
        (lambda: make("adam", beta1="0.1"), "beta1 is a finite number, 0 or more, got '0.1'"),
    ],
)
def test_settings_without_a_meaning_are_refused(
    make_it: Callable[[], Optimizer], words: str
) -> None:
    with pytest.raises(InvalidValue, match=words):
        make_it()


def test_make() -> None:
    assert make("adam") == Adam()
    assert make("sgd", 0.5, momentum=0.9) == SGD(0.5, momentum=0.9)
    assert make(Adam(beta1=0.5), 0.1) == Adam(0.1, beta1=0.5)
    with pytest.raises(UnknownName, match=r"no optimizer is called 'adm'; did you mean 'adam'\?"):
        make("adm")
    with pytest.raises(
        UnknownName, match=r"no option of sgd is called 'momentun'; did you mean 'momentum'\?"
    ):
        make("sgd", momentun=0.9)
    with pytest.raises(UnknownName, match="no option of lbfgs is called 'learning_rate'"):
        make("lbfgs", 0.1)


@pytest.mark.parametrize(("rule", "_"), CASES, ids=IDS)
def test_a_rule_survives_as_plain_data(rule: Optimizer, _: Twin) -> None:
    assert from_dict(as_dict(rule)) == rule
    assert hash(from_dict(as_dict(rule))) == hash(rule)


def test_plain_data_that_are_no_rule_are_refused() -> None:
    with pytest.raises(UnknownName, match="no optimizer is called None"):
        from_dict({"learning_rate": 0.1})
    with pytest.raises(UnknownName, match="no option of momentum is called 'beta1'"):
        from_dict({"name": "momentum", "beta1": 0.1})


def test_groups_give_each_parameter_its_rate_and_its_decay() -> None:
    groups = Groups.ntk([16, 4, 1], biases=0.1, bias_decay=False, scales=6)
    assert groups.of_weights(2) == (0.25, 0.5)
    rule = AdamW(0.04, weight_decay=0.02)
    assert groups.rule_for(rule, 0.25) == AdamW(0.04, weight_decay=0.08)  # times 0.25: the same αλ
    assert groups.rule_for(rule, 0.1, bias=True) == AdamW(0.04, weight_decay=0.0)
    coupled = Adam(weight_decay=0.02)
    assert groups.rule_for(coupled, 0.25) is coupled
    assert groups.as_dict() == {
        "weights": [0.25, 0.5],
        "biases": 0.1,
        "bias_decay": False,
        "scales": 6,
    }


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"weights": 0.0}, "factors of the learning rate are above 0"),
        ({"weights": (1.0, float("inf"))}, "factors of the learning rate are above 0"),
        ({"biases": -1}, "factors of the learning rate are above 0"),
        ({"biases": 10**400}, "a factor of the learning rate is a number"),
        ({"biases": "fast"}, "a factor of the learning rate is a number, got 'fast'"),
        ({"scales": -1.0}, "scales is 0 or more, got -1.0"),
        ({"bias_decay": 1}, "bias_decay is true or false, got 1"),
    ],
)
def test_groups_out_of_range_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidValue) as error:
        Groups(**settings)
    assert text in str(error.value)
    with pytest.raises(InvalidValue, match="3 layers, 2 factors for their weights"):
        Groups(weights=(1.0, 2.0)).of_weights(3)
