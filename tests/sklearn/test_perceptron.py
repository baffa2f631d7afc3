"""The drop-in against scikit-learn's own perceptrons, and scikit-learn's own tests on the drop-in."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

from chainrule import sklearn as ours

HERE = Path(__file__).parent
ROWS = 203
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(task: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if task in ("binary", "multiclass"):
        classes = 2 if task == "binary" else 3
        return make_classification(ROWS, 8, n_informative=5, n_classes=classes, random_state=0)
    if task == "multilabel":
        return make_multilabel_classification(ROWS, 8, n_classes=4, random_state=0)
    X, y = make_regression(ROWS, 8, n_targets=3 if task.endswith("3") else 1, random_state=0)
    return X, rng.poisson(np.exp(y / 200)) if task.startswith("poisson") else y / 100


def pair(task: str, **settings: Any) -> tuple[Any, Any]:
    """Scikit-learn's perceptron and the drop-in, not fitted."""
    settings = {"hidden_layer_sizes": (20, 11), "max_iter": 50, "random_state": 3, "tol": 1e-9, **settings}  # fmt: skip
    if task in ("binary", "multiclass", "multilabel"):
        kinds = neural_network.MLPClassifier, ours.MLPClassifier
        return kinds[0](**settings), kinds[1](**settings)
    loss = {"loss": "poisson"} if task.startswith("poisson") else {}
    return (
        neural_network.MLPRegressor(**loss, **settings),
        ours.MLPRegressor(**loss, **settings),
    )


def parameters(mlp: Any) -> np.ndarray:
    return np.concatenate([a.ravel() for a in (*mlp.coefs_, *mlp.intercepts_)])


def assert_same(theirs: Any, drop_in: Any, tolerance: float = 1e-9) -> None:
    assert drop_in.n_iter_ == theirs.n_iter_ and drop_in.t_ == theirs.t_
    scale = abs(parameters(theirs)).max()
    assert abs(parameters(drop_in) - parameters(theirs)).max() < tolerance * scale
    for name in (
        "loss_",
        "best_loss_",
        "best_validation_score_",
        "loss_curve_",
        "validation_scores_",
    ):
        expected = getattr(theirs, name)
        if expected is None:
            assert getattr(drop_in, name) is None
        else:
            assert getattr(drop_in, name) == pytest.approx(expected, rel=tolerance)


SETTINGS: list[dict[str, Any]] = [
    {"solver": "adam", "learning_rate_init": 0.01},
    {"solver": "adam", "epsilon": 1e-2, "alpha": 1.0, "learning_rate_init": 0.01, "activation": "tanh"},
    {"solver": "adam", "early_stopping": True, "learning_rate_init": 0.01, "batch_size": 31},
    {"solver": "adam", "beta_1": 0.0, "beta_2": 0.5, "activation": "logistic", "shuffle": False},
    {"solver": "sgd", "learning_rate_init": 0.05},
    {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.05, "alpha": 0, "batch_size": 10},
    {"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False, "learning_rate_init": 0.05},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05},
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 1e-2, "n_iter_no_change": 2},
    {"solver": "sgd", "hidden_layer_sizes": (), "activation": "identity", "learning_rate_init": 0.01},
]  # fmt: skip
TASKS = ["binary", "multiclass", "multilabel", "regression", "regression3", "poisson", "poisson3"]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("weighted", [False, True])
def test_50_epochs_are_scikit_learns(task: str, settings: dict[str, Any], weighted: bool) -> None:
    """Parameters, loss curve, scores and number of epochs, in float64."""
    X, y = data(task)
    w = np.random.default_rng(1).uniform(0.1, 1, ROWS) if weighted else None
    theirs, drop_in = (mlp.fit(X, y, sample_weight=w) for mlp in pair(task, **settings))
    assert_same(theirs, drop_in)
    assert drop_in.engine_.startswith("native (")


@pytest.mark.parametrize("task", TASKS)
def test_lbfgs_is_scikit_learns(task: str) -> None:
    """20 iterations: L-BFGS multiplies a last bit by ten every few of them, scikit-learn's own too."""
    X, y = data(task)
    w = np.random.default_rng(1).uniform(0.1, 1, ROWS)
    for weights in (None, w):
        theirs, drop_in = (
            mlp.fit(X, y, sample_weight=weights)
            for mlp in pair(task, solver="lbfgs", max_iter=20, activation="tanh", alpha=0.01)
        )
        assert drop_in.n_iter_ == theirs.n_iter_
        assert drop_in.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
        scale = abs(parameters(theirs)).max()
        assert abs(parameters(drop_in) - parameters(theirs)).max() < 1e-6 * scale
        assert drop_in.engine_.startswith("native (")


def test_float32_rows_train_in_float32() -> None:
    X, y = data("multiclass")
    theirs, drop_in = (mlp.fit(X.astype("float32"), y) for mlp in pair("multiclass", max_iter=5))
    assert drop_in.coefs_[0].dtype == np.float32
    assert abs(parameters(drop_in) - parameters(theirs)).max() < 1e-4


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", ["multiclass", "regression3"])
def test_partial_fit_goes_on_with_the_optimizers_state(task: str, solver: str) -> None:
    X, y = data(task)
    classes = {"classes": np.unique(y)} if task == "multiclass" else {}
    theirs, drop_in = pair(task, solver=solver, learning_rate="invscaling")
    for _ in range(4):
        theirs.partial_fit(X, y, **classes)
        drop_in.partial_fit(X, y, **classes)
    assert_same(theirs, drop_in)
    assert len(drop_in.loss_curve_) == 4
    assert drop_in._optimizer.learning_rate == pytest.approx(theirs._optimizer.learning_rate)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_state_goes_into_scikit_learns_class_and_comes_back(solver: str) -> None:
    """Half of the epochs there, half here, either way round; what is pickled is the state."""
    X, y = data("regression")
    all_theirs, drop_in = pair("regression", solver=solver)
    for _ in range(6):
        all_theirs.partial_fit(X, y)
    theirs = clone(all_theirs)
    for first, then in ((drop_in, theirs), (clone(theirs), clone(drop_in))):
        for _ in range(3):
            first.partial_fit(X, y)
        then.__setstate__(pickle.loads(pickle.dumps(first)).__getstate__())
        for _ in range(3):
            then.partial_fit(X, y)
        assert_same(all_theirs, then)


def test_warm_start_starts_from_where_it_was() -> None:
    X, y = data("binary")
    theirs, drop_in = pair("binary", warm_start=True, max_iter=7)
    for _ in range(3):
        theirs.fit(X, y)
        drop_in.fit(X, y)
    assert_same(theirs, drop_in)
    assert len(drop_in.loss_curve_) == 21


def test_sparse_rows_are_scikit_learns_work() -> None:
    X, y = data("binary")
    for solver in ("adam", "lbfgs"):
        theirs, drop_in = (
            mlp.fit(csr_matrix(X), y) for mlp in pair("binary", solver=solver, max_iter=5)
        )
        assert drop_in.engine_ == "scikit-learn: the rows are sparse"
        assert (parameters(drop_in) == parameters(theirs)).all()


@pytest.mark.parametrize(
    "settings",
    [{"early_stopping": True}, {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1}, {"max_iter": 3}],
    ids=str,
)  # fmt: skip
def test_the_same_words_are_printed_and_warned(
    settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    X, y = data("binary")
    said = []
    for mlp in pair("binary", verbose=True, n_iter_no_change=2, batch_size=500, **settings):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mlp.fit(X, y)
        said.append((capsys.readouterr().out, [(w.category, str(w.message)) for w in caught]))
    assert said[0] == said[1]
    assert "Iteration 2, loss = 0." in said[0][0] and len(said[0][1]) >= 1


def test_divergence_is_scikit_learns_error() -> None:
    X, y = data("regression")
    settings = {"solver": "sgd", "learning_rate_init": 1e6}
    texts = []
    for mlp in pair("regression", **settings):
        with pytest.raises(ValueError, match="non-finite parameter weights") as error, np.errstate(all="ignore"):  # fmt: skip
            mlp.fit(X, y)
        texts.append(str(error.value))
    assert texts[0] == texts[1]


def test_after_a_divergence_early_stopping_keeps_the_best_epoch() -> None:
    """Scikit-learn trains on NaN to the end, and says only that the end was reached."""
    X, y = data("regression")
    mlp = ours.MLPRegressor(hidden_layer_sizes=(20,), solver="sgd", learning_rate_init=1e3, early_stopping=True, random_state=0)  # fmt: skip
    said = r"the loss is not finite in epoch \d+: training stops"
    with pytest.warns(ConvergenceWarning, match=said), np.errstate(all="ignore"):
        mlp.fit(X, y)
    assert np.isfinite(parameters(mlp)).all() and mlp.n_iter_ < 200


def test_a_validation_set_that_is_too_small_is_refused() -> None:
    X, y = data("regression")
    texts = []
    for mlp in pair("regression", early_stopping=True, validation_fraction=0.004):
        with pytest.raises(ValueError, match="The validation set is too small") as error:
            mlp.fit(X, y)
        texts.append(str(error.value))
    assert texts[0] == texts[1]
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        ours.MLPRegressor(early_stopping=True).partial_fit(X, y)


def test_ctrl_c_keeps_what_was_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data("binary")
    _, drop_in = pair("binary")
    epoch = ours.inner_loop.InnerLoop.epoch

    def interrupted(self: Any, *arguments: Any) -> float:
        if self._epoch == 4:
            raise KeyboardInterrupt
        return epoch(self, *arguments)

    monkeypatch.setattr(ours.inner_loop.InnerLoop, "epoch", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user."):
        drop_in.fit(X, y)
    monkeypatch.undo()
    assert_same(pair("binary", max_iter=4)[0].fit(X, y), drop_in)


@pytest.fixture
def patched() -> Iterator[None]:
    ours.patch()
    yield
    ours.unpatch()


def test_patch_reaches_classes_imported_before_and_unpatch_takes_it_back() -> None:
    X, y = data("binary")
    theirs, drop_in = pair("binary", max_iter=5)
    ours.patch()
    try:
        ours.patch()  # twice is once
        fast = clone(theirs).fit(X, y)
    finally:
        ours.unpatch()
    assert fast.engine_.startswith("native (") and type(fast) is neural_network.MLPClassifier
    assert_same(theirs.fit(X, y), fast)
    assert not hasattr(theirs, "engine_")
    assert (parameters(drop_in.fit(X, y)) == parameters(fast)).all()


@pytest.mark.usefixtures("patched")
def test_a_pickle_of_a_patched_one_needs_no_chainrule(tmp_path: Path) -> None:
    X, y = data("binary")
    mlp = neural_network.MLPClassifier(max_iter=5, random_state=0).fit(X, y)
    (tmp_path / "mlp.pickle").write_bytes(pickle.dumps(mlp))
    code = "import pickle, sys; m = pickle.load(open('mlp.pickle', 'rb')); print('chainrule' in sys.modules, m.n_iter_)"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)  # fmt: skip
    assert found.stdout == "False 5\n"


@pytest.mark.parametrize("plugin", ["perceptrons", "patched"])
def test_scikit_learns_own_tests_pass(plugin: str, tmp_path: Path) -> None:
    """Its test_mlp.py as it is installed, with the names replaced and with the classes patched."""
    paths = [str(HERE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider", "--pyargs", "sklearn.neural_network.tests.test_mlp"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    *_, last = found.stdout.splitlines()
    passed = re.fullmatch(r"(\d+) passed.*", last)
    assert passed and int(passed[1]) >= 50, found.stdout[-3000:]
