"""`compare`: what the runs share, the rates, the numbers in the table, what diverges, the pictures' data."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule import SGD, Adam, Network, train
from chainrule.comparison import Comparison, compare, descents, range_test
from chainrule.comparison.search import among, search
from chainrule.comparison.trial import median
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.optimizers import Optimizer, make
from chainrule.tables import builtin
from chainrule.training.pool import Pool
from chainrule.training.problem import Problem

QUICK: dict[str, Any] = {"repeats": 2, "epochs": 6, "search_steps": 100}


@pytest.fixture(scope="module")
def five() -> Comparison:
    """Five optimizers on the moons, with searched rates."""
    return compare("moons", repeats=3, epochs=12, search_steps=300)


def clouds(classes: int = 2, columns: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, columns))
    return X, np.argmax(X[:, :classes], axis=1)


def test_a_trial_is_the_training_that_train_makes() -> None:
    """Same weights, same batches in the same order: `train`, called by hand, gives the same bits."""
    rules: list[Optimizer] = [SGD(0.5), Adam(0.01), make("lbfgs")]
    found = compare("moons", optimizers=rules, learning_rates="own", repeats=2, epochs=4, seed=7)
    table, fresh = builtin("moons", seed=7), builtin("moons", seed=8)
    problem = Problem.of(table, held_out=fresh)
    for rule in rules:
        for i, trial in enumerate(found[rule.name].trials):
            network = problem.network((20, 40, 20), "relu", 7 + i)
            batch = None if rule.name == "lbfgs" else 10
            result = train(
                network,
                problem.X,
                problem.y,
                optimizer=rule,
                epochs=4,
                batch_size=batch,
                seed=7 + i,
            )
            assert trial.losses.tolist() == result.history.loss
            assert trial.network.layers[1].W.tobytes() == network.layers[1].W.tobytes()
            assert trial.seed == 7 + i and trial.steps == result.steps


def test_repeats_differ_and_another_run_is_the_same(five: Comparison) -> None:
    again = compare("moons", repeats=3, epochs=12, search_steps=300, threads=1)
    for each in five.contenders:
        curves = {trial.losses.tobytes() for trial in each.trials}
        assert len(curves) == 3
        assert curves == {trial.losses.tobytes() for trial in again[each.name].trials}
        assert each.rate == again[each.name].rate


def test_numbers_of_the_table(five: Comparison) -> None:
    assert [each.name for each in five.contenders] == sorted(
        ["sgd", "momentum", "adagrad", "rmsprop", "adam"], key=lambda name: five[name].loss
    )
    for each in five.contenders:
        finals = [trial.losses[-1] for trial in each.trials]
        assert each.loss == np.median(finals)
        assert each.score == pytest.approx(np.median(each.scores)) and each.score > 0.9
        assert each.steps_per_epoch == 50 and each.batch_size == 10
        lowest = np.median([trial.losses.min() for trial in each.trials])
        assert lowest <= five.common_loss
        by_hand = [50 * (1 + int(np.argmax(t.losses <= five.common_loss))) for t in each.trials]
        reached = [bool((t.losses <= five.common_loss).any()) for t in each.trials]
        assert sum(reached) > len(reached) / 2
        expected = median([s if r else math.inf for s, r in zip(by_hand, reached, strict=True)])
        assert each.steps_to(five.common_loss) == expected
    headers, rows = five.table()
    assert headers[:3] == ["optimizer", "rate", "final loss"] and "accuracy" in headers
    assert rows[0][2] == f"{five.contenders[0].loss:.4g}"
    assert (
        rows[0][headers.index("spread")]
        == f"{min(five.contenders[0].finals):.3g} – {max(five.contenders[0].finals):.3g}"
    )
    assert str(five).splitlines()[0].split()[:2] == ["optimizer", "rate"]


def test_more_than_half_of_the_trials_reach_the_common_loss_of_two_as_well() -> None:
    found = compare("moons", optimizers=["sgd", "adam"], learning_rates=0.05, **QUICK)
    for each in found.contenders:
        assert math.isfinite(each.steps_to(found.common_loss))
        assert all(trial.losses.min() <= found.common_loss for trial in each.trials)


def test_the_searched_rate_is_the_best_of_those_tried(five: Comparison) -> None:
    for each in five.contenders:
        assert each.search is not None
        rates, losses = each.search.rates, each.search.losses
        assert each.rate == rates[int(np.argmin(losses))] == each.search.best
        assert len(rates) >= 19 and rates == sorted(rates)
        assert rates[0] <= 1e-5 and rates[-1] >= 10
        near = [rate for rate in rates if 1 / 3.2 < rate / each.search.best < 3.2]
        assert len(near) >= 4  # fine around the best


def test_a_search_looks_further_where_the_best_lies_at_an_end() -> None:
    """The loss is lowest at a rate of 10⁻⁷, two decades below the first grid."""
    asked: list[list[float]] = []

    def reach(jobs: Any) -> list[float]:
        asked.append([rate for _, rate in jobs])
        return [abs(math.log10(rate) + 7) if rate < 1 else math.inf for _, rate in jobs]

    found = search({"sgd": SGD()}, reach)["sgd"]
    assert found.best == 1e-7
    assert asked[0] == [
        1e-5,
        3.2e-5,
        1e-4,
        3.2e-4,
        1e-3,
        3.2e-3,
        0.01,
        0.032,
        0.1,
        0.32,
        1,
        3.2,
        10,
    ]
    assert asked[1] == [3.2e-6, 1e-6]
    assert asked[-1] == [4.2e-8, 5.6e-8, 7.5e-8, 1.3e-7, 1.8e-7, 2.4e-7]
    assert math.isinf(found.reached[10])
    with pytest.raises(InvalidValue, match="sgd diverges with every learning rate"):
        search({"sgd": SGD()}, lambda jobs: [math.inf] * len(jobs))


def test_rates_that_were_given() -> None:
    found = compare("moons", optimizers=["sgd", "adam"], learning_rates=[0.001, 0.3], **QUICK)
    assert found["sgd"].rate == 0.3 and found["adam"].rate == 0.001
    assert found["sgd"].search is not None and found["sgd"].search.rates == [0.001, 0.3]
    one = compare("moons", optimizers=["sgd", "sls"], learning_rates=0.2, **QUICK)
    assert one["sgd"].rate == 0.2 and one["sls"].rate is None
    assert one.summary[2].endswith("; 0 more to find the learning rates")
    assert one.searches == [] and one.as_dict()["optimizers"][0]["search"] is None
    own = compare("moons", optimizers=["sgd", "adam"], learning_rates="own", **QUICK)
    assert own["sgd"].rate == 0.01 and own["adam"].rate == 0.001
    lost = among({"sgd": SGD()}, [0.1, 0.2], lambda jobs: [math.inf, 1.0])
    assert lost["sgd"].best == 0.2


def test_a_run_that_diverges_is_a_row_that_says_at_which_step() -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=200), "y": rng.normal(size=200)}
    found = compare(
        data, optimizers=[SGD(1e4), Adam(0.01)], learning_rates="own", batch_size=20, **QUICK
    )  # fmt: skip
    lost = found["sgd"]
    assert len(lost.diverged) == 2 and all(1 <= step <= 60 for step in lost.diverged)
    assert math.isinf(lost.loss) and math.isnan(lost.score) and lost.finals == []
    assert found.contenders[-1] is lost
    headers, rows = found.table()
    assert rows[-1][2] == "diverged"
    first, last = sorted(lost.diverged)
    steps = f"step {first}" if first == last else f"steps {first}–{last}"
    assert rows[-1][headers.index("diverged")] == f"2 of 2, at {steps}"
    assert rows[0][headers.index("diverged")] == "0 of 2"
    assert "nan" not in str(found)
    assert math.isfinite(found.common_loss)
    plain = found.as_dict()["optimizers"][1]
    assert plain["final_loss"] is None and plain["diverged_at_step"] == lost.diverged
    json.dumps(found.as_dict(), allow_nan=False)


def test_where_all_diverge_there_is_a_table_all_the_same() -> None:
    found = compare("moons", optimizers=["sgd", "adam"], learning_rates=1e30, **QUICK)
    headers, rows = found.table()
    assert headers == ["optimizer", "rate", "final loss", "spread", "time", "diverged"]
    assert [row[2] for row in rows] == ["diverged", "diverged"]
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_mean_is_over_the_runs_that_did_not_diverge() -> None:
    assert median([1.0, math.inf, 3.0]) == 3.0
    assert median([1.0, 3.0]) == 2.0
    assert median([1.0, math.inf]) == math.inf
    assert math.isnan(median([]))


@pytest.mark.parametrize("sort", ["loss", "score", "steps", "time", "rate", "given"])
def test_orders(sort: str) -> None:
    found = compare("moons", optimizers=["sgd", "adam", "lion"], sort=sort, **QUICK)
    values = {
        "loss": lambda each: each.loss,
        "score": lambda each: -each.score,
        "steps": lambda each: each.steps_to(found.common_loss),
        "time": lambda each: each.seconds,
        "rate": lambda each: each.rate,
        "given": lambda each: ["sgd", "adam", "lion"].index(each.name),
    }[sort]
    keys = [values(each) for each in found.contenders]
    assert keys == sorted(keys)


def test_frames_arrays_and_regression() -> None:
    X, y = clouds(3)
    found = compare(X, y, optimizers=["sgd", "lbfgs"], learning_rates=0.1, **QUICK)
    assert found.metric == "accuracy" and len(found.regions) == 2
    assert found["lbfgs"].batch_size == 72 and found["sgd"].batch_size == 32
    assert "batch" in found.table()[0]
    assert found.lookout is not None
    assert found.lookout.plane.classes == ("0", "1", "2")
    assert found.lookout.plane.axes[0].startswith("component 1, ")
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": X[:, 0] * 2 + 1})
    numbers = compare(frame, "y", optimizers=["adam"], **QUICK)
    assert numbers.metric == "R²" and numbers["adam"].score > 0.3
    rows = numbers.frame()
    assert list(rows["seed"]) == [0, 1] and (rows["steps"] == 18).all()
    alone = compare(frame[["a", "y"]], optimizers=["adam"], learning_rates=0.01, **QUICK)
    assert alone.lookout is None and alone.regions == []


def test_the_plane_of_two_columns_is_in_their_own_units() -> None:
    X, _ = clouds(columns=2)
    frame = pd.DataFrame({"height": X[:, 0] * 10 + 170, "age": X[:, 1] + 40, "y": X[:, 0] > 0})
    found = compare(frame, optimizers=["adam"], repeats=1, epochs=40, learning_rates=0.02)
    assert found.lookout is not None
    plane = found.lookout.plane
    assert plane.axes == ("height", "age")
    assert 130 < plane.x[0] < 160 and 180 < plane.x[-1] < 210
    region = found.regions[0]
    assert region.values.shape == (len(plane.y), len(plane.x))
    left, right = region.values[:, plane.x < 160], region.values[:, plane.x > 180]
    assert left.mean() < 0.1 and right.mean() > 0.9  # the probability of the second class
    assert region.wrong.mean() < 0.1
    assert len(plane.points) == len(region.wrong) == len(plane.values)


def test_regions_of_principal_components_pass_through_the_mean() -> None:
    found = compare("wine", optimizers=["adam"], repeats=1, epochs=30, learning_rates=0.01)
    assert found.lookout is not None
    X = found.lookout.X
    grid = found.lookout.plane
    assert X.shape == (len(grid.x) * len(grid.y), 13)
    assert set(np.unique(found.regions[0].values)) == {0.0, 1.0, 2.0}
    center = np.argmin(np.abs(grid.x)), np.argmin(np.abs(grid.y))
    near_mean = X.reshape(len(grid.y), len(grid.x), 13)[center[1], center[0]]
    assert np.abs(near_mean).max() < 0.3  # standardised columns: their mean is 0


def test_a_search_on_many_rows_takes_some_of_them() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    y = (X[:, 0] > 0).astype(int)
    order = np.argsort(y)  # all of one class first
    found = compare(
        X[order], y[order], optimizers=["adam"], batch_size=10, repeats=1, epochs=1, search_steps=40
    )
    assert found["adam"].score > 0.9


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"optimizers": ["adm"]}, UnknownName, "did you mean 'adam'"),
        ({"optimizers": []}, InvalidValue, "no optimizer to compare"),
        ({"optimizers": ["adam", "adam"]}, InvalidValue, "adam 0.001 is given twice"),
        ({"learning_rates": [0.1, 0.0]}, InvalidValue, "above 0, got 0"),
        ({"learning_rates": -1}, InvalidValue, "above 0, got -1"),
        ({"learning_rates": [math.nan]}, InvalidValue, "above 0, got nan"),
        ({"learning_rates": "fast"}, InvalidValue, '"auto" or "own", got \'fast\''),
        ({"batch_size": 501}, InvalidValue, "batches of 501 rows, but there are 500 to train on"),
        ({"batch_size": 10, "optimizers": ["lbfgs"]}, InvalidValue, "lbfgs takes all 500 rows"),
        ({"batch_size": 10, "optimizers": ["backtracking"]}, InvalidValue, "takes all 500 rows"),
        ({"repeats": 0}, InvalidValue, "repeats is a whole number"),
        ({"epochs": 0}, InvalidValue, "epochs is a whole number"),
        ({"threads": 0}, InvalidValue, "threads is a whole number"),
        ({"sort": "luck"}, UnknownName, "no order is called 'luck'"),
        ({"target": "colour"}, UnknownName, "no column is called 'colour'"),
    ],
)
def test_what_cannot_be_compared(
    settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        compare("moons", **{**QUICK, "learning_rates": "own", **settings})


def test_targets_of_another_length() -> None:
    with pytest.raises(ShapeError, match=r"90 rows, targets of shape \(5,\)"):
        compare(clouds()[0], np.zeros(5))


def test_rates_in_the_name_tell_the_same_optimizers_apart() -> None:
    found = compare("moons", optimizers=[SGD(0.1), SGD(0.01)], learning_rates="own", **QUICK)
    assert {each.name for each in found.contenders} == {"sgd 0.1", "sgd 0.01"}
    with pytest.raises(UnknownName, match="sgd 0.1"):
        found["sgd"]


def test_the_range_test_sees_the_loss_fall_and_grow() -> None:
    found = range_test("moons", optimizers=["sgd", "adam"])
    for each in found.ranges:
        assert (
            len(each.rates) == 300 and each.rates[0] == 1e-7 and each.rates[-1] == pytest.approx(10)
        )
        steps = np.diff(np.log(each.rates))
        assert steps == pytest.approx(np.full(299, steps[0]))
        lowest = each.rates[int(np.nanargmin(each.losses))]
        assert each.suggested is not None
        assert 0.97 * lowest / 3 < each.suggested <= lowest / 3
    sgd, adam = found.ranges
    assert sgd.suggested is not None and adam.suggested is not None
    assert adam.suggested < sgd.suggested
    assert str(found).splitlines()[1].startswith("sgd")
    json.dumps(found.as_dict(), allow_nan=False)
    with pytest.raises(InvalidValue, match="lbfgs finds its own learning rate"):
        range_test("moons", optimizers=["lbfgs"])


def test_the_range_tests_losses_are_running_means_of_the_batches() -> None:
    """The first is the first batch's loss, judged by the network itself."""
    from chainrule import chance, losses

    found = range_test("moons", optimizers=["sgd"]).ranges[0]
    problem = Problem.of(builtin("moons"), held_out=builtin("moons", seed=1))
    network = problem.network((20, 40, 20), "relu", 0)
    order = chance.permutation(500, chance.key(0, chance.Stream.ORDER, 0))
    loss = losses.get("binary_cross_entropy")
    of_batches = [
        loss.value(network.logits(problem.X[order[i : i + 10]]), problem.y[order[i : i + 10], None])
        for i in (0, 10)
    ]
    assert found.losses[0] == pytest.approx(of_batches[0], rel=1e-5)
    mean = (0.95 * of_batches[0] + of_batches[1]) / 1.95
    assert found.losses[1] == pytest.approx(mean, rel=1e-5)  # the rates so far move nothing


def test_descents() -> None:
    found = descents("valley", optimizers=["sgd", "adam", "lbfgs"], steps=60)
    ends = [path.values[-1] for path in found.paths]
    assert ends == sorted(ends) and found.paths[0].name == "lbfgs"
    assert (
        found.searched["sgd"].best == found.paths[[p.name for p in found.paths].index("sgd")].rate
    )
    for path in found.paths:
        assert path.points.shape == (61, 2) and path.values.shape == (61,)
    wild = descents("valley", optimizers=["sgd", "adam"], learning_rates=5.0, steps=60)
    assert wild.paths[-1].name == "sgd"
    assert "diverged at step" in wild.table()[1][-1][2] and "nan" not in str(wild)
    json.dumps(wild.as_dict(), allow_nan=False)
    with pytest.raises(UnknownName, match="did you mean 'valley'"):
        descents("vally")


def test_an_error_in_a_job_ends_the_pool() -> None:
    with pytest.raises(ZeroDivisionError), Pool(2) as pool:
        pool.run("jobs", [lambda: 1 // 0, *[lambda: 1] * 50])
    assert pool.stop.is_set()


INTERRUPTED = """
import sys
from chainrule.cli.app import main
main(["compare", "digits", "--epochs", "2000", "--learning-rates", "0.01"])
"""


def test_ctrl_c_ends_the_command_soon() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        line = process.stderr.readline()  # of progress: the trainings are under way
        assert "trainings: " in line
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and out == "" and "interrupted" in err
    assert time.monotonic() - began < 30


def test_other_engines_compare_too() -> None:
    given: dict[str, Any] = {
        "optimizers": ["sgd", "adam"],
        "learning_rates": 0.05,
        "dtype": "float64",
    }
    native, numpy = (
        compare("moons", engine=engine, repeats=1, epochs=2, **given)
        for engine in ("native", "numpy")
    )
    for each in native.contenders:
        np.testing.assert_allclose(
            each.trials[0].losses, numpy[each.name].trials[0].losses, rtol=1e-9
        )


def test_the_lectures_notebook_ends_where_pytorch_does() -> None:
    """Its five optimizers: same data, weights and batches in a loop written with torch.optim."""
    import torch
    from sklearn.datasets import make_moons

    from chainrule import chance

    X, y = make_moons(500, noise=0.1, random_state=0)
    makes: dict[str, tuple[Optimizer, Any]] = {
        "sgd": (make("sgd", 0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
        "momentum": (make("heavy-ball", 0.1), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        "adagrad": (make("adagrad", 0.1), lambda p: torch.optim.Adagrad(p, lr=0.1)),
        "rmsprop": (make("rmsprop", 0.001), lambda p: torch.optim.RMSprop(p, lr=0.001)),
        "adam": (make("adam", 0.001), lambda p: torch.optim.Adam(p, lr=0.001)),
    }
    for rule, make_theirs in makes.values():
        network = Network.of_sizes([2, 20, 40, 20, 1], output="logistic", dtype="float64")
        parameters = [
            torch.tensor(a, requires_grad=True)
            for layer in network.layers
            for a in (layer.W, layer.b)
        ]
        result = train(network, X, y, optimizer=rule, batch_size=10, epochs=20)
        theirs = make_theirs(parameters)
        for epoch in range(20):
            order = chance.permutation(500, chance.key(0, chance.Stream.ORDER, epoch))
            total = 0.0
            for rows in order.reshape(50, 10):
                z = torch.tensor(X[rows])
                for i in range(0, 8, 2):
                    z = z @ parameters[i] + parameters[i + 1]
                    z = torch.relu(z) if i < 6 else z
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    z[:, 0], torch.tensor(y[rows], dtype=torch.float64)
                )
                theirs.zero_grad()
                loss.backward()
                theirs.step()
                total += loss.item() / 50
        assert result.history.loss[-1] <= 1.05 * total
        assert result.history.loss[-1] == pytest.approx(total, rel=1e-4)
