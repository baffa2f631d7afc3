"""Sweeps on threads of one process, and what a storage keeps of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

import chainrule
from chainrule.errors import DataError, InvalidValue, MissingFile, UnknownName
from chainrule.sweeping.ledger import Ledger, pruner, storage_of
from chainrule.sweeping.space import Space

SMALL = {
    "hidden": ["8", "16,16", ""],
    "activation": ["relu", "tanh"],
    "learning_rate": {"from": 0.001, "to": 0.3, "log": True},
}


def small(data="iris", **options):
    return chainrule.sweep(
        data, **{"trials": 24, "space": SMALL, "epochs": 10, "threads": 1, **options}
    )


@pytest.fixture(scope="module")
def found():
    return small(threads=2)


def test_as_many_trials_as_asked_for_and_the_best_is_fitted(found):
    assert [trial.number for trial in found.trials] == list(range(24))
    assert all(trial.epochs == 10 for trial in found.finished)
    assert found.best.loss == min(trial.loss for trial in found.finished)
    hidden = {"8": (8,), "16,16": (16, 16), "": ()}[found.best.values["hidden"]]
    assert found.settings == {
        "epochs": 10, "batch_size": 32, "hidden": hidden,
        "activation": found.best.values["activation"],
        "learning_rate": found.best.values["learning_rate"],
    }  # fmt: skip
    assert {*hidden} <= {size for member in found.model.members for size in member.plan.layer_sizes}


def test_the_scores_are_on_rows_that_no_trial_saw(found):
    assert (found.fit.rows, found.fit.validated, found.fit.out_of_fold) == (120, 30, False)
    assert found.fit.scores["accuracy"] > 0.8 > found.fit.baseline["accuracy"]
    assert found.usual.scores["accuracy"] > 0.8 and found.usual.validated == 30
    assert found.usual.result.plan.layer_sizes[1] == 128  # the settings of an estimator
    assert "96 to learn from, 24 to judge trials by; 30 more that no trial sees" in found.summary[0]


def test_without_test_rows_the_scores_are_out_of_fold():
    found = small("wine", trials=3, test=0)
    assert (found.fit.rows, found.fit.validated, found.fit.out_of_fold) == (178, 178, True)


def test_a_table_a_frame_and_plain_data_say_the_same(found):
    headers, rows = found.table()
    assert headers == ["trial", "loss", "epoch", "hidden", "activation", "learning_rate"]
    assert rows[0][0] == str(found.best.number) and len(rows) == min(10, len(found.finished))
    frame = found.frame()
    assert frame["loss"].min() <= found.best.loss
    plain = found.as_dict()
    assert plain["best"]["trial"] == found.best.number
    assert Counter(trial["status"] for trial in plain["trials"]) == Counter(frame["status"])


def test_what_mattered_are_shares(found):
    assert set(found.importances) == set(SMALL)
    assert sum(found.importances.values()) == pytest.approx(1)
    assert list(found.importances.values()) == sorted(found.importances.values(), reverse=True)


def test_nothing_mattered_where_all_came_to_the_same():
    found = small(trials=14, space={"hidden": ["8"], "dropout": [0.0, 1e-300]}, pruner="none")
    assert len({trial.loss for trial in found.trials}) == 1
    assert found.importances == {}


def test_the_same_seed_makes_the_same_sweep_on_one_thread():
    first, second, other = small(trials=8), small(trials=8), small(trials=8, seed=1)
    assert [t.values for t in first.trials] == [t.values for t in second.trials]
    assert [t.loss for t in first.trials] == [t.loss for t in second.trials]
    assert first.fit.scores == second.fit.scores
    assert [t.values for t in first.trials] != [t.values for t in other.trials]


def test_numbers_are_learned_too():
    found = small("diabetes", trials=4)
    assert found.fit.model.task == "regression"
    assert found.fit.scores["rmse"] < found.fit.baseline["rmse"]


def test_a_class_of_one_row_is_never_a_test_row():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), np.array(["a", "b"] * 18 + ["c", "d", "e", "f"])
    for seed in range(3):
        found = small(X, target=y, trials=2, seed=seed)
        assert len(found.fit.model.classes) == 6


def test_a_trial_that_diverges_is_no_candidate():
    space = {"learning_rate": [0.01, 1e30], "optimizer": "sgd", "hidden": "8"}
    found = small("diabetes", trials=6, space=space)
    statuses = {t.values["learning_rate"]: t.status for t in found.trials}
    assert statuses == {0.01: "finished", 1e30: "diverged"}
    assert found.settings["learning_rate"] == 0.01
    assert "diverged" in found.summary[1]
    with pytest.raises(InvalidValue, match="none of 2 trials came to its end"):
        small("diabetes", trials=2, space={**space, "learning_rate": [1e29, 1e30]})


@pytest.mark.parametrize("name", ["median", "hyperband"])
def test_pruners_stop_what_learns_nothing(name):
    space = {"hidden": "16", "learning_rate": [1e-9, 0.01]}
    found = small(trials=40, space=space, pruner=name, seed=2)
    stopped = [t for t in found.trials if t.status == "stopped"]
    assert stopped and all(t.epochs < 10 for t in stopped)
    assert {t.values["learning_rate"] for t in stopped} == {1e-9}
    assert found.best.values["learning_rate"] == 0.01


def test_without_a_pruner_every_trial_comes_to_its_end():
    assert len(small(trials=14, pruner="none").finished) == 14


def test_a_sweep_that_goes_on_is_the_one_that_never_stopped(tmp_path):
    path = tmp_path / "iris.journal"
    whole = small(trials=23)
    part = small(trials=9, storage=path)
    assert "0 trials found there" in part.summary[2]
    resumed = small(trials=23, storage=path)
    assert "9 trials found there" in resumed.summary[2]
    assert [t.values for t in resumed.trials] == [t.values for t in whole.trials]
    assert [t.loss for t in resumed.trials] == [t.loss for t in whole.trials]
    assert resumed.fit.scores == whole.fit.scores
    again = small(trials=23, storage=path)
    assert "23 trials found there" in again.summary[2] and len(again.trials) == 23


def test_another_sweep_in_the_same_storage_is_refused_with_the_difference(tmp_path):
    path = tmp_path / "iris.journal"
    small(trials=1, storage=path)
    with pytest.raises(
        InvalidValue, match="keeps another sweep: epochs was 10, is 11; name another file"
    ):
        small(trials=1, storage=path, epochs=11)
    with pytest.raises(InvalidValue, match="seed was 0, is 1; the data are other data"):
        small(trials=1, storage=path, seed=1)
    assert len(small("wine", trials=1, storage=path).trials) == 1  # another table is kept apart


def test_a_database_keeps_trials_as_well(tmp_path):
    url = f"sqlite:///{tmp_path / 'sweep.db'}"
    small(trials=3, storage=url)
    assert "3 trials found there" in small(trials=5, storage=url, threads=2).summary[2]


def test_storages_that_cannot_be_had(tmp_path):
    for text in ("not a journal\n", "not even a line", '{"a": 1}\n', "[1]\n", "7\n"):
        (tmp_path / "notes.txt").write_text(text)
        with pytest.raises(DataError, match=r"notes\.txt is no journal of a sweep: line 1 is"):
            small(storage=tmp_path / "notes.txt")
        assert (tmp_path / "notes.txt").read_text() == text
    with pytest.raises(MissingFile, match="there is no folder"):
        small(storage=tmp_path / "none" / "a.journal")
    with pytest.raises(DataError, match=r"the storage .* cannot be had"):
        small(storage="nosuchdatabase://here")


def test_half_a_line_at_the_end_of_a_journal_is_cut(tmp_path):
    path = tmp_path / "a.journal"
    small(trials=2, storage=path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,"wor')
    assert len(small(trials=3, storage=path).trials) == 3
    assert path.read_bytes().startswith(whole) and b"wor{" not in path.read_bytes()


def ledger(path, trials, **options):
    space = Space.of(SMALL)
    return Ledger(storage_of(path), "a", {"of": 1}, space, None, 0, pruner("none", (1,)), trials)


def test_no_more_trials_than_asked_for_however_many_ask(tmp_path):
    first, second = (ledger(tmp_path / "a.journal", 3) for _ in range(2))
    taken = [each.claim() for each in (first, second, first, second, first)]
    assert [trial is None for trial in taken] == [False, False, False, True, True]
    assert len({trial.number for trial in taken if trial}) == 3


def test_the_one_that_came_too_late_gives_up(tmp_path, monkeypatch):
    first, second = (ledger(tmp_path / "a.journal", 1) for _ in range(2))
    assert first.claim() is not None
    taken = iter((0, 1))  # none, a moment before the first one asks
    monkeypatch.setattr(second, "_taken", lambda before=None: next(taken))
    assert second.claim() is None
    states = [trial.state for trial in first.study.get_trials()]
    assert states == [TrialState.RUNNING, TrialState.FAIL]


KILLED = """
import sys, chainrule
chainrule.sweep("wine", trials=6, storage=sys.argv[1], threads=1, epochs=2000, pruner="none",
    space={"hidden": ["48", "64"], "learning_rate": {"from": 0.001, "to": 0.1, "log": True}})
"""
SPACE = {"hidden": ["48", "64"], "learning_rate": {"from": 0.001, "to": 0.1, "log": True}}


def test_trials_of_a_killed_process_are_made_again(tmp_path):
    path = tmp_path / "wine.journal"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)])
    try:
        until = time.monotonic() + 60
        while not (path.exists() and path.read_bytes().count(b'"worker"') == 2):  # the second began
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    storage = storage_of(path)
    (name,) = optuna.get_all_study_names(storage)
    left = optuna.load_study(study_name=name, storage=storage)
    running = [trial.number for trial in left.trials if trial.state == TrialState.RUNNING]
    assert running == [1]
    whole, found = (
        chainrule.sweep(
            "wine", trials=6, storage=storage, threads=1, epochs=2000, pruner="none", space=SPACE
        )
        for storage in (None, path)
    )
    assert "1 trial found there; 1 made again, as their worker had died" in found.summary[2]
    assert [trial.number for trial in found.trials] == [0, 2, 3, 4, 5, 6]
    assert [trial.values for trial in found.trials] == [trial.values for trial in whole.trials]
    assert [trial.loss for trial in found.trials] == [trial.loss for trial in whole.trials]


def test_a_worker_on_another_machine_is_dead_when_nothing_was_heard_of_it(tmp_path, monkeypatch):
    from chainrule.sweeping import ledger as module

    monkeypatch.setattr(module, "this_process", lambda: "elsewhere/1:7:99")
    far = ledger(tmp_path / "a.journal", 2)
    trial = far.claim()
    far.study.set_user_attr("alive:elsewhere/1:7:99", 1)
    monkeypatch.undo()
    near = ledger(tmp_path / "a.journal", 2)
    clock = iter((0.0, 50.0, 100.0, 150.0, 170.0))
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    near.mend()  # at 0 it is heard of first
    near.mend()
    far.study.set_user_attr("alive:elsewhere/1:7:99", 2)
    near.mend()  # at 100 it lives
    near.mend()
    assert near.running == 1 and near.again == 0
    near.mend()  # at 170 nothing was heard for 70 seconds
    assert near.running == 0 and near.again == 1
    remade = near.claim()
    assert remade.params == trial.params and remade.number != trial.number


def test_a_lock_of_a_process_that_died_is_free_at_once_and_one_of_another_lives(
    tmp_path, monkeypatch
):
    from chainrule.sweeping import workers

    dead = subprocess.run(
        [sys.executable, "-c", "from chainrule.sweeping.workers import *; print(this_process())"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert workers.is_here(dead) and not workers.lives(dead)
    assert workers.lives(workers.this_process())
    lock, link = workers.Lock(tmp_path / "a.journal"), tmp_path / "a.journal.lock"
    link.symlink_to(dead)
    assert lock.acquire() and link.readlink() == Path(workers.this_process())
    lock.release()
    link.symlink_to("elsewhere/1:7:99")
    clock = iter(range(0, 100, 4))
    monkeypatch.setattr(workers, "monotonic", lambda: next(clock))
    monkeypatch.setattr(workers, "sleep", lambda seconds: None)
    assert lock.acquire() and next(clock) > 15  # after a while without a sign
    lock.release()
    assert not link.is_symlink()


def test_settings_out_of_place_are_refused_before_the_work():
    with pytest.raises(UnknownName, match="no pruner is called 'medan'; did you mean 'median'"):
        small(pruner="medan")
    with pytest.raises(InvalidValue, match="trials is a whole number"):
        small(trials=0)
    with pytest.raises(InvalidValue, match="share a storage"):
        small(parallel=2)
    with pytest.raises(InvalidValue, match="takes all .* rows at every step"):
        small(space={"optimizer": ["adam", "backtracking"], "batch_size": [8, 16]})


def test_pictures_and_pages_show_it(found, tmp_path):
    for name in ("a.png", "a.svg", "a.html"):
        found.plot(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "a.html").read_text()
    assert "What mattered" in page and "learning_rate" in page
    figure = found.plot(size="slide")
    names = [ax.get_xlabel() for part in figure.subfigs for ax in part.axes if ax.get_visible()]
    assert names[0] == "trial" and set(SMALL) <= set(names)
