"""Cross-validation and sweeps on the workers of a cluster, one of which is killed midway: nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import joblib
import joblib.pool
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate

import chainrule
from chainrule.sweeping.sweeper import WorkerLost

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets that clusters leave to the end
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # said of them
]

X, y = load_iris(return_X_y=True)
SPACE: dict[str, Any] = {
    "hidden": ["8", "12", "16"], "activation": ["relu", "tanh"], "dropout": [0.0, 0.2],
}  # fmt: skip

Backend = Callable[[], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def dask() -> Iterator[Backend]:
    """Two worker processes of Dask."""
    from distributed import Client, LocalCluster

    size = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": 0}
    with LocalCluster(**size, dashboard_address=None, silence_logs=50) as cluster, Client(cluster):
        yield lambda: joblib.parallel_config(
            backend="dask", scatter=[X, y], wait_for_workers_timeout=60
        )


@pytest.fixture(scope="module")
def ray() -> Iterator[Backend]:
    """Two worker processes of Ray, whose work is done again when one dies."""
    silent = {
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        for name, value in silent.items():
            environment.setenv(name, value)
        import ray
        from ray.util.joblib import register_ray

        pool = joblib.pool.PicklingPool.__bases__  # which Ray's back end puts its own in place of
        ray.init(
            num_cpus=2, include_dashboard=False, object_store_memory=80 * 2**20,
            logging_level="FATAL", log_to_driver=False,
        )  # fmt: skip
        register_ray()
        again = {"max_restarts": -1, "max_task_retries": -1}
        yield lambda: joblib.parallel_config(backend="ray", ray_remote_args=again)
        ray.shutdown()
        joblib.pool.PicklingPool.__bases__ = pool


@pytest.fixture(params=["dask", "ray"])
def cluster(request: pytest.FixtureRequest) -> Backend:
    """Each of them."""
    return request.getfixturevalue(request.param)


@contextmanager
def killing(victim: Callable[[], int | None]) -> Iterator[list[int]]:
    """Kills a process as soon as one is named; the list has it then."""
    killed: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set() and not killed:
            if (process := victim()) is not None:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.005)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def classifier(**settings: Any) -> chainrule.Classifier:
    return chainrule.Classifier(
        hidden=8, members=2, epochs=15, threads=1, random_state=0, **settings
    )


def marked(folder: Path) -> Callable[[Any, Any, Any], float]:
    """A score that leaves a file for each call, named after its process."""

    def score(model: Any, X: Any, y: Any) -> float:  # goes to the workers by value
        import os
        import uuid

        (folder / f"{os.getpid()}-{uuid.uuid4()}").touch()
        return float(model.score(X, y))

    return score


def busy(folder: Path) -> int | None:
    """A worker in the midst of its work, when three scores are there."""
    marks = [path.name for path in folder.iterdir()]
    return int(marks[0].split("-")[0]) if len(marks) >= 3 else None


def folds(count: int) -> list[tuple[list[int], list[int]]]:
    """The rows of each fold as lists, which Dask keeps with the task: arrays it would keep on one worker alone."""
    parts = StratifiedKFold(count).split(X, y)
    return [(learn.tolist(), check.tolist()) for learn, check in parts]


def test_cross_validation(cluster: Backend, tmp_path: Path) -> None:
    serial = cross_validate(classifier(), X, y, cv=folds(20))
    with cluster(), killing(lambda: busy(tmp_path)) as killed:
        found = cross_validate(classifier(), X, y, cv=folds(20), scoring=marked(tmp_path), n_jobs=2)
    assert np.array_equal(found["test_score"], serial["test_score"])
    assert killed and killed[0] != os.getpid()
    processes = {path.name.split("-")[0] for path in tmp_path.iterdir()}
    assert len(processes) >= 2  # others went on


def test_a_grid_search(dask: Backend) -> None:
    grid = {"dropout": [0.0, 0.3], "activation": ["relu", "tanh"]}
    serial = GridSearchCV(classifier(), grid, cv=folds(2)).fit(X, y)
    with dask():
        found = GridSearchCV(classifier(), grid, cv=folds(2), n_jobs=2).fit(X, y)
    scores = "mean_test_score"
    assert np.array_equal(found.cv_results_[scores], serial.cv_results_[scores])
    assert found.best_params_ == serial.best_params_
    assert np.array_equal(found.predict_proba(X), serial.predict_proba(X))


def at_work(journal: Path) -> int | None:
    """The process of the last trial that began, when three are done."""
    records = (
        [json.loads(line) for line in journal.read_text().splitlines()[:-1]]
        if journal.exists()
        else []
    )
    done = sum(record["op_code"] == 6 for record in records)
    workers = [r["user_attr"]["worker"] for r in records if "worker" in r.get("user_attr", {})]
    return int(workers[-1].split(":")[-2]) if done >= 3 else None


def check_sweep(backend: Backend, journal: Path) -> None:
    """A sweep by two workers, one of which is killed, has every trial, with the losses of a serial one."""
    same: dict[str, Any] = {"space": SPACE, "epochs": 30, "pruner": "none", "trials": 30}
    serial = chainrule.sweep("iris", **same, threads=1)
    with backend(), killing(lambda: at_work(journal)) as killed:
        found = chainrule.sweep("iris", **same, storage=journal, parallel=2)
    assert killed and killed[0] != os.getpid()
    assert len(found.trials) == 30 == len(found.finished)
    losses = {tuple(trial.values.values()): trial.loss for trial in serial.trials}
    both = [trial for trial in found.trials if tuple(trial.values.values()) in losses]
    assert len(both) > 15
    assert all(trial.loss == losses[tuple(trial.values.values())] for trial in both)
    assert found.fit.scores["accuracy"] > 0.8


def test_a_sweep(cluster: Backend, tmp_path: Path) -> None:
    check_sweep(cluster, tmp_path / "iris.journal")


@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given:UserWarning")
def test_a_sweep_by_processes_of_this_machine(tmp_path: Path) -> None:
    with pytest.warns(WorkerLost, match="a worker died"):
        check_sweep(nullcontext, tmp_path / "iris.journal")
