"""A run's memory: what the file says, that it is whole at any moment, and that a stranger's is refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.errors import DataError, DivergenceError, InvalidValue, MissingFile
from chainrule.training.loop import Event, TrainingInterrupted
from chainrule.training.runs import LogStopped, Run, find, read, runs_in
from chainrule.training.runs.settings import differences, told

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2)).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)


def network() -> chainrule.Network:
    return chainrule.Network.of_sizes([2, 3, 1], output="logistic", seed=0)


def trained(folder: Any, **settings: Any) -> chainrule.Result:
    return chainrule.train(network(), X, y, **{"epochs": 5, "log": folder, **settings})


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects in a file, which holds JSON and nothing that only Python takes for it."""

    def refused(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    text = path.read_text()
    assert text.endswith("\n")
    return [json.loads(line, parse_constant=refused) for line in text.splitlines()]


def rows(epochs: list[Any]) -> Any:
    return np.array(epochs)[:, 1:]


def test_the_file_says_what_was_trained_and_how_it_went(tmp_path: Path) -> None:
    result = trained(tmp_path, validation=0.25)
    first, *epochs, last = lines(only(tmp_path))
    assert chainrule.Plan.from_dict(first["plan"]) == result.plan
    assert first["data"]["name"] is None
    assert (first["data"]["rows"], first["data"]["columns"], first["data"]["validated"]) == (
        45,
        2,
        15,
    )
    assert (first["engine"]["name"], first["version"]) == (result.engine, chainrule.__version__)
    assert [each["epoch"] for each in epochs] == [1, 2, 3, 4, 5]
    named = ("loss", "validation_loss", "learning_rate", "seconds")
    assert [tuple(each[name] for name in named) for each in epochs] == result.history.rows
    assert last["status"] == "finished"
    run = read(only(tmp_path))
    assert run.best_validation_loss == min(result.history.validation_loss)
    assert run.best_training_loss == min(result.history.loss)


def test_a_number_that_is_none_is_null(tmp_path: Path) -> None:
    trained(tmp_path, optimizer="lbfgs")
    epochs = [each for each in lines(only(tmp_path)) if "epoch" in each]
    assert {each["validation_loss"] for each in epochs} == {None}
    assert {each["learning_rate"] for each in epochs} == {None}
    assert np.isnan(read(only(tmp_path)).best_validation_loss)


def test_several_networks_share_a_file(tmp_path: Path) -> None:
    fitted = chainrule.Classifier(
        members=3, hidden=(4,), epochs=4, random_state=0, threads=2, log=tmp_path
    ).fit(X, y)
    run = read(only(tmp_path))
    assert (run.networks, run.completed, run.status) == (3, 4, "finished")
    for number, result in enumerate(fitted.results_, start=1):
        assert rows(run.epochs[number]).tolist() == np.array(result.history.rows).tolist()
        assert run.parts[number]["plan"] == json.loads(result.plan.to_json())
        assert run.parts[number]["status"] == result.status
    assert run.scores == {"accuracy": fitted.oof_score_}
    assert run.first["parameters"]["members"] == 3


def test_the_same_data_have_the_same_digest_whatever_their_order(tmp_path: Path) -> None:
    for k, order in enumerate((slice(None), slice(None, None, -1), slice(1, None))):
        classifier = chainrule.Classifier(
            members=1, epochs=1, random_state=0, log=tmp_path / str(k)
        )
        classifier.fit(X[order], y[order])
    first, turned, fewer = (read(only(tmp_path / str(k))).first["data"] for k in range(3))
    assert first == turned
    assert first["digest"] != fewer["digest"]


def test_notes_stand_in_the_last_line(tmp_path: Path) -> None:
    with chainrule.RunLog(tmp_path, data="points") as log:
        seen: list[int] = []
        assert log.path is None
        trained(log, callbacks=[lambda _: seen.append(read(log.path or "").completed)])
        assert seen == [0, 1, 2, 3, 4]  # each epoch is there before the next one begins
        assert log.path is not None
        assert read(log.path).status == "running"
        with pytest.raises(InvalidValue, match="tells of one training, and that has begun"):
            trained(log)
        log.note(scores={"accuracy": np.float32(0.5), "log_loss": float("inf")}, model=Path("m"))
    run = read(only(tmp_path))
    assert (run.status, run.data, run.model) == ("finished", "points", "m")
    assert run.scores["accuracy"] == 0.5
    assert np.isnan(run.scores["log_loss"])


def test_how_it_ended(tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    def fail(event: Event) -> None:
        raise OSError("no such luck")

    with pytest.warns(TrainingInterrupted):
        trained(tmp_path / "interrupted", callbacks=[interrupt])
    with pytest.raises(OSError, match="no such luck"):
        trained(tmp_path / "failed", callbacks=[fail])
    with pytest.raises(DivergenceError):
        chainrule.train(
            chainrule.Network.of_sizes([2, 3, 1], "identity", seed=0), X, y * 1e3,
            loss="squared_error", optimizer=chainrule.SGD(1e9), log=tmp_path / "diverged",
        )  # fmt: skip
    trained(tmp_path / "stopped early", callbacks=[lambda event: event.epoch == 2])
    for status in ("interrupted", "failed", "diverged", "stopped early"):
        run = read(only(tmp_path / status))
        assert run.status == status
    assert read(only(tmp_path / "failed")).last["error"] == "OSError: no such luck"  # type: ignore[index]
    assert read(only(tmp_path / "stopped early")).completed == 2


def test_a_resumed_training_tells_of_all_its_epochs(tmp_path: Path) -> None:
    checkpoint = chainrule.Checkpoint(tmp_path / "c", "1epochs")
    trained(tmp_path / "one", checkpoint=checkpoint, epochs=3)
    result = trained(tmp_path / "two", checkpoint=checkpoint, resume=True, epochs=5)
    run = read(only(tmp_path / "two"))
    assert rows(run.epochs[0])[:, 0].tolist() == result.history.loss
    assert len(result.history) == 5


def test_a_loss_of_ones_own_is_named(tmp_path: Path) -> None:
    def halved(z: Any, t: Any) -> tuple[Any, Any]:
        return (z - t) ** 2 / 2, z - t

    net = chainrule.Network.of_sizes([2, 3, 1], seed=0)
    chainrule.train(net, X, y.astype(float), loss=halved, epochs=1, log=tmp_path)
    assert read(only(tmp_path)).first["plan"]["loss"] == "halved"


def test_each_fit_of_a_search_keeps_its_own(tmp_path: Path) -> None:
    from sklearn.model_selection import GridSearchCV

    classifier = chainrule.Classifier(
        members=1, epochs=2, hidden=(3,), log=chainrule.RunLog(tmp_path)
    )
    GridSearchCV(classifier, {"epochs": [2, 3]}, cv=2, refit=False).fit(X, y)
    assert sorted(run.completed for run in runs_in(tmp_path)[0]) == [2, 2, 3, 3]


# ------------------------------------------------------------------------------- what goes wrong

ENDLESS = """
import sys, numpy as np, chainrule
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
network = chainrule.Network.of_sizes([2, 3, 1], output="logistic", seed=0)
chainrule.train(network, X, X[:, 0] > 0, epochs=10**9, log=sys.argv[1])
"""


def test_a_killed_run_keeps_every_epoch_that_was_whole(tmp_path: Path) -> None:
    chance = random.Random(0)
    for k in range(3):
        folder = tmp_path / str(k)
        with subprocess.Popen([sys.executable, "-c", ENDLESS, folder]) as process:
            while (
                not folder.exists() or not os.listdir(folder) or only(folder).stat().st_size < 9999
            ):
                time.sleep(0.01)
            assert read(only(folder)).status == "running"
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
        run = read(only(folder))
        assert run.status == "killed"
        assert [epoch[0] for epoch in run.epochs[0]] == list(range(1, run.completed + 1))
        assert run.completed > 20
        assert run.completed == only(folder).read_bytes().count(b"\n") - 1


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    trained(tmp_path / "whole")
    whole = only(tmp_path / "whole").read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    torn = tmp_path / "torn.jsonl"
    for cut in [*ends[:-1], *range(ends[-3], len(whole))]:
        torn.write_bytes(whole[:cut])
        run = read(torn)
        assert run.status == "killed"
        assert run.completed == sum(end <= cut for end in ends) - 1


FULL = """
import resource, sys, warnings, numpy as np, chainrule
from chainrule.training.runs import LogStopped
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
network = chainrule.Network.of_sizes([2, 3, 1], output="logistic", seed=0)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    result = chainrule.train(network, X, X[:, 0] > 0, epochs=100, log=sys.argv[1])
assert result.epochs == 100 and result.status == "finished"
(only,) = said
assert only.category is LogStopped, only
print(only.message)
"""


def test_the_training_goes_on_where_the_disk_is_full(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (
        "cannot be written any more (File too large): the training goes on without it"
        in done.stdout
    )
    run = read(only(tmp_path))
    assert only(tmp_path).stat().st_size == 4000  # the last line is torn
    assert 10 < run.completed < 100


def test_the_training_goes_on_where_the_folder_vanishes(tmp_path: Path) -> None:
    def vanish(event: Event) -> None:
        if event.epoch == 2:
            shutil.rmtree(tmp_path / "runs")

    with pytest.warns(LogStopped, match=r"the file was removed") as said:
        result = trained(tmp_path / "runs", callbacks=[vanish])
    assert (result.epochs, len(said)) == (5, 1)


def test_a_folder_that_cannot_be_made_is_an_error_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "runs"):
        seen: list[Event] = []
        with pytest.raises(InvalidValue, match="no run can be kept in .*file.*(exists|directory)"):
            trained(folder, callbacks=[seen.append])
        assert not seen


# ------------------------------------------------------------------------------------- strangers

FIRST = {
    "chainrule_run": 1, "when": "2026-01-02T03:04:05+00:00", "locked": True, "task": "regression",
    "data": {"name": "x", "rows": 1, "columns": 1},
}  # fmt: skip
EPOCH = {"epoch": 1, "loss": 0.5, "validation_loss": None, "learning_rate": 0.1, "seconds": 1}
LAST = {"status": "finished", "seconds": 2}


def written(folder: Path, *facts: Any) -> Path:
    path = folder / "stranger.jsonl"
    texts = [each if isinstance(each, str) else json.dumps(each) for each in facts]
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def test_a_file_as_it_should_be(tmp_path: Path) -> None:
    run = read(written(tmp_path, FIRST, EPOCH, LAST))
    assert (run.status, run.completed, run.seconds, run.data) == ("finished", 1, 2.0, "x")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ([], "it has no line that is whole"),
        (["[1]"], "line 1 is not an object"),
        (["a,b"], "line 1 is not JSON"),
        (["[" * 100_000], "line 1 is not JSON"),
        ([f'{{"chainrule_run": {"9" * 5000}}}'], "line 1 is not JSON"),
        ([{"version": 1}], "no run of chainrule begins like this"),
        ([FIRST | {"chainrule_run": 2}], "it is of version 2, and 1 is the one known here"),
        ([FIRST | {"chainrule_run": True}], "no run of chainrule begins like this"),
        ([FIRST | {"when": "yesterday"}], "when it began is a time"),
        ([FIRST | {"when": "2026-01-02"}], "a time with its zone"),
        ([FIRST | {"locked": 1}], "locked is true or false"),
        ([FIRST | {"networks": 0}], "networks is a whole number"),
        ([FIRST | {"data": None}], "the data are described by an object"),
        ([FIRST | {"data": {"name": ["x"]}}], "what the data are called is text"),
        ([FIRST | {"data": {"name": "x", "rows": -1}}], "rows is a whole number"),
        ([FIRST, EPOCH | {"epoch": 1.5}], "line 2: epoch is a whole number"),
        ([FIRST, EPOCH | {"epoch": 1 << 60}], "line 2: epoch is a whole number"),
        ([FIRST, EPOCH | {"loss": "0.5"}], "line 2: loss is a number"),
        ([FIRST, EPOCH | {"loss": 10**400}], "line 2: loss is too large a number"),
        ([FIRST, json.dumps(EPOCH).replace("0.5", "NaN")], "line 2 is not JSON"),
        ([FIRST, EPOCH | {"network": 2}], "line 2: network is a number of one of them"),
        ([FIRST, {"status": "lost", "seconds": 1}], "line 2: the status is one of finished"),
        ([FIRST, {"status": "finished"}], "line 2: seconds is a number"),
        ([FIRST, LAST | {"scores": {"r2": "high"}}], "line 2: r2 is a number"),
        ([FIRST, LAST | {"scores": [1]}], "line 2: the scores are numbers by name"),
        ([FIRST, LAST | {"model": 1}], "line 2: the model is the name of a file"),
        ([FIRST, LAST, EPOCH], "line 3: something comes after the last line"),
        ([FIRST, '{"epoch": 1', EPOCH], "line 2 is not JSON"),
        ([FIRST, "x" * (1 << 20)], "line 2 is too long"),
    ],
)  # fmt: skip
def test_what_is_no_run(tmp_path: Path, facts: list[Any], says: str) -> None:
    path = written(tmp_path, *facts)
    with pytest.raises(DataError, match=f"{path.name} is no run: .*{says}"):
        read(path)


def test_a_file_that_is_none_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "nowhere.jsonl").symlink_to("nothing")
    trained(tmp_path)
    runs, passed_over = runs_in(tmp_path)
    assert len(runs) == 1
    assert len(passed_over) == 3


# ------------------------------------------------------------------------------------ many of them


def two(folder: Path) -> tuple[Run, Run]:
    trained(folder, optimizer=chainrule.SGD(0.1))
    trained(folder, optimizer=chainrule.SGD(0.2), epochs=6)
    slow, fast = runs_in(folder)[0]
    return (slow, fast) if slow.completed == 5 else (fast, slow)


def test_what_two_runs_were_told_apart(tmp_path: Path) -> None:
    slow, fast = two(tmp_path)
    assert differences([slow, fast]) == {"learning_rate": ["0.1", "0.2"], "epochs": ["5", "6"]}
    assert differences([slow, slow]) == {}
    assert told(slow)["optimizer"] == "sgd"
    assert told(slow)["data.rows"] == "60"


def test_a_run_is_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    one, other = two(tmp_path)
    assert find(tmp_path, one.name[-6:]).path == one.path
    assert find(tmp_path, other.path.name).path == other.path
    with pytest.raises(DataError, match="may be any of 2 runs"):
        find(tmp_path, "-")
    with pytest.raises(MissingFile, match="no run in .* is called 'zzz'"):
        find(tmp_path, "zzz")
    with pytest.raises(MissingFile, match="there is no folder"):
        find(tmp_path / "nowhere", "zzz")
