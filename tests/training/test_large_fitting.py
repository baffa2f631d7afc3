"""From one file that is larger than memory to a trained model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.errors import EngineError, InvalidValue
from chainrule.storage import load, save
from chainrule.tables import read_table
from chainrule.training import groups, large_fitting, memory
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.fitting import Fit, Settings, fit_table
from chainrule.training.groups import Groups
from chainrule.training.large_fitting import LargeFit, fit_large
from chainrule.training.loop import Loop
from chainrule.training.trainer import TrainingDiverged

ROWS = 2_000
SMALL = Settings(hidden=(8,), epochs=3, batch_size=16, seed=5)
TARGETS: dict[str, Callable[[Any, Any], Any]] = {
    "two classes": lambda x, town: np.where(x + (town == "Ulm") > 0.5, "yes", "no"),
    "three classes": lambda x, town: np.digitize(x, [-0.5, 0.5]),
    "numbers": lambda x, town: 1e6 + 1e3 * (x + (town == "Ulm")),
}


def frame(kind: str = "two classes", rows: int = ROWS) -> pd.DataFrame:
    """Numbers with gaps, long ids, a town, a day, and a target that some rows lack."""
    rng = np.random.default_rng(0)
    x, town = rng.normal(size=rows), rng.choice(np.array(["Bonn", "Ulm", None]), rows)
    target = pd.Series(TARGETS[kind](x, town), dtype=object)
    target[::50] = None
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**8, rows), "s")
    holed = np.where(rng.random(rows) < 0.2, np.nan, 10**12 + rng.integers(0, 10**6, rows))
    return pd.DataFrame({"x": x, "account": holed, "town": town, "day": day, "target": target})


@pytest.fixture
def path(tmp_path: Path) -> str:
    frame().to_csv(tmp_path / "data.csv", index=False)
    return str(tmp_path / "data.csv")


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for about 500 rows."""
    monkeypatch.setattr(large_fitting, "LEAST", 1_000)
    monkeypatch.setattr(groups, "_BLOCKS", 4)


TIGHT = large_fitting.PROGRAM + 75_000


def parameters(fit: Fit) -> list[Any]:
    return [part for layer in fit.result.network.layers for part in (layer.W, layer.b)]


def same(got: Fit, want: Fit) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(parameters(got), parameters(want), strict=True))


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(
    "change",
    [
        {}, {"validation": 0.0}, {"dtype": "float64", "dropout": 0.2}, {"patience": 1, "epochs": 20},
        {"optimizer": "sls", "batch_size": None},
    ],
)  # fmt: skip
def test_where_memory_holds_all_rows_it_is_the_training_of_the_table(
    kind: str, change: dict[str, Any], tmp_path: Path
) -> None:
    file, settings = str(tmp_path / "data.csv"), replace(SMALL, **change)
    frame(kind).to_csv(file, index=False)
    large = fit_large(file, settings=settings, memory_size="300M")
    table = fit_table(read_table(file), settings=settings)
    assert large.groups == 1
    assert large.error == 0
    assert same(large, table)
    assert large.result.history.loss == table.result.history.loss
    assert large.result.history.validation_loss == pytest.approx(
        table.result.history.validation_loss, rel=0, nan_ok=True
    )
    assert large.model.encoder == table.model.encoder
    assert large.model.target == table.model.target
    assert (large.rows, large.dropped, large.validated) == (
        table.rows, table.dropped, table.validated,
    )  # fmt: skip
    for own, other in ((large.scores, table.scores), (large.baseline, table.baseline)):
        assert own == pytest.approx(other, rel=1e-5)


def groups_of(path: str, seed: int = 5, **given: Any) -> tuple[LargeFit, Groups]:
    """What `fit_large` fits with, and its groups."""
    made: list[Groups] = []
    init = Groups.orders

    def noted(self: Groups, X: Any, t: Any) -> Any:
        made.append(self)
        return init(self, X, t)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Groups, "orders", noted)
        fit = fit_large(path, settings=replace(SMALL, seed=seed, **given), memory_size=TIGHT)
    return fit, made[0]


@pytest.mark.usefixtures("tight")
def test_an_epoch_has_every_row_once_in_an_order_of_its_own(path: str) -> None:
    from chainrule.training.cache import Cache

    fit, used = groups_of(path)
    assert fit.groups > 2
    with Cache.open(fit.cache) as cache:
        rows = replace(used, cache=cache)
        held, _ = rows.all()
        numbers = {row.tobytes(): i for i, row in enumerate(held)}
        assert len(numbers) == len(held) == cache.contents.rows

        def epoch(number: int) -> Iterator[list[int]]:
            X, t = rows.memory()
            for order in rows.orders(X, t)(number):
                yield [numbers[X[i].tobytes()] for i in order]

        orders = [list(epoch(number)) for number in range(3)]
    for order in orders:
        assert len(order) == fit.groups
        assert sorted(chain(*order)) == list(range(1_568))
        assert [len(group) % SMALL.batch_size for group in order[:-1]] == [0] * (fit.groups - 1)
        for group in order:  # its blocks lie apart, and its rows are mixed
            assert np.ptp(group) > len(group)
            assert abs(np.corrcoef(group, np.arange(len(group)))[0, 1]) < 0.3
    members = [frozenset(order[0]) for order in orders]
    assert len(set(members)) == 3
    assert list(chain(*orders[0])) != list(chain(*orders[1]))


@pytest.mark.usefixtures("tight")
def test_groups_learn_as_the_whole_does(path: str) -> None:
    settings = replace(SMALL, epochs=30, patience=5)
    grouped = fit_large(path, settings=settings, memory_size=TIGHT)
    whole = fit_large(path, settings=settings, memory_size="300M")
    assert whole.groups == 1 < grouped.groups
    assert whole.reused
    assert not same(grouped, whole)
    assert grouped.scores["log_loss"] == pytest.approx(whole.scores["log_loss"], abs=0.03)
    assert grouped.scores["accuracy"] > 0.93 > 0.7 > grouped.baseline["accuracy"]
    assert grouped.result.steps == whole.result.steps / whole.result.epochs * grouped.result.epochs


@pytest.mark.usefixtures("tight")
def test_the_scores_are_those_of_the_model_on_the_rows_set_aside(path: str) -> None:
    from chainrule.training.problem import Problem

    for kind in TARGETS:
        frame(kind).to_csv(path, index=False)
        fit = fit_large(path, settings=SMALL, memory_size=TIGHT)
        check = Problem.of(read_table(path), None, None, 0.2, None, SMALL.seed).check
        assert check is not None
        predicted = fit.model.predict(check.features)
        if kind == "numbers":
            off = np.sqrt(np.mean((predicted - check.target.astype(float)) ** 2))
            assert fit.scores["rmse"] == pytest.approx(off, rel=1e-4)
        else:
            assert fit.scores["accuracy"] == pytest.approx(np.mean(predicted == check.target))
        kept = fit.result.history.validation_loss[fit.result.kept_epoch - 1]
        loss = fit.scores.get(
            "log_loss", (fit.scores.get("rmse", 0) / fit.model.target.spread) ** 2
        )
        assert loss == pytest.approx(kept, rel=1e-5)


@pytest.mark.usefixtures("tight")
def test_the_same_call_gives_the_same_bits(path: str) -> None:
    first = fit_large(path, settings=SMALL, memory_size=TIGHT)
    second = fit_large(path, settings=replace(SMALL, threads=1), memory_size=TIGHT)
    assert (first.reused, second.reused) == (False, True)
    assert same(first, second)
    assert first.scores == second.scores


class Killed(Exception):
    pass


@pytest.mark.usefixtures("tight")
def test_a_training_that_was_killed_goes_on_bit_for_bit(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = replace(
        SMALL, epochs=6, checkpoint=Checkpoint(tmp_path / "run.checkpoint", "2epochs")
    )
    whole = fit_large(path, settings=replace(keeping, checkpoint=None), memory_size=TIGHT)
    after = Loop._after

    def killed(self: Loop, loss: float, rate: float) -> bool:
        done = after(self, loss, rate)
        if len(self.history) == 3:
            raise Killed
        return done

    with monkeypatch.context() as patched:
        patched.setattr(Loop, "_after", killed)
        with pytest.raises(Killed):
            fit_large(path, settings=keeping, memory_size=TIGHT)
    resumed = fit_large(path, settings=replace(keeping, resume=True), memory_size=TIGHT)
    assert same(resumed, whole)
    assert resumed.result.history.loss == whole.result.history.loss
    with pytest.raises(
        InvalidValue, match="engine was native, by groups of .* is native, by groups"
    ):
        fit_large(path, settings=replace(keeping, resume=True), memory_size=TIGHT + 10_000)


@pytest.mark.usefixtures("tight")
def test_a_divergence_says_where(path: str) -> None:
    wild = replace(SMALL, optimizer="sgd", learning_rate=1e30)
    frame("numbers").to_csv(path, index=False)
    with pytest.raises(
        TrainingDiverged, match="step .* of epoch 1.* smaller learning rate"
    ) as caught:
        fit_large(path, settings=wild, memory_size=TIGHT)
    assert all(np.isfinite(part).all() for part in (caught.value.result.network.layers[0].W,))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"engine": "torch"}, EngineError, "native engine, not 'torch'"),
        ({"device": "cuda"}, EngineError, "in one process on the CPU"),
        ({"optimizer": "lbfgs"}, InvalidValue, "lbfgs takes all rows at every step"),
        ({"validation": 1.5}, InvalidValue, "lies in"),
        ({"resume": True}, InvalidValue, "to resume takes a checkpoint"),
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(
    change: dict[str, Any], error: type[Exception], text: str, path: str
) -> None:
    with pytest.raises(error, match=text):
        fit_large(path, settings=replace(SMALL, **change), memory_size="300M")


@pytest.mark.usefixtures("tight")
def test_a_batch_that_memory_does_not_hold_is_refused(path: str) -> None:
    with pytest.raises(InvalidValue, match=r"memory for .* rows holds no batches of 1,000"):
        fit_large(path, settings=replace(SMALL, batch_size=1_000), memory_size=TIGHT)


def test_too_little_memory_is_refused(path: str) -> None:
    with pytest.raises(InvalidValue, match="100 MB of memory is too little.* 264 MB is the least"):
        fit_large(path, settings=SMALL, memory_size="100M")


def test_the_model_is_a_model_like_any_other(path: str, tmp_path: Path) -> None:
    fit = fit_large(path, settings=SMALL, memory_size="300M")
    save(fit.model, tmp_path / "model.safetensors")
    table = read_table(path)
    assert np.array_equal(
        load(tmp_path / "model.safetensors").predict(table), fit.model.predict(table)
    )


@pytest.mark.parametrize("ending", ["csv.gz", "tsv", "jsonl", "parquet"])
def test_other_formats_are_the_same_table(ending: str, path: str, tmp_path: Path) -> None:
    other = str(tmp_path / f"other.{ending}")
    table = pd.read_csv(path)
    if ending == "parquet":
        table.to_parquet(other, row_group_size=300)
    elif ending == "jsonl":
        table.to_json(other, orient="records", lines=True, double_precision=15)
    else:
        table.to_csv(other, index=False, sep="\t" if ending == "tsv" else ",")
    fit = fit_large(other, settings=SMALL, memory_size="300M")
    assert same(fit, fit_table(read_table(other), settings=SMALL))


# What a process that trains on a file of 40 MB has at most; the file takes 900 MB to be trained on in memory.
PEAK = """
import json, sys
from pathlib import Path
from chainrule.training.fitting import Settings
from chainrule.training.large_fitting import fit_large

fit = fit_large(sys.argv[1], settings=Settings(hidden=(8,), epochs=1), memory_size=sys.argv[2])
status = Path("/proc/self/status").read_text()  # what getrusage says may be the parent's
peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
print(json.dumps([peak, fit.groups, fit.rows]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_below_what_was_said(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    rng = np.random.default_rng(0)
    block = pd.DataFrame(rng.normal(size=(1_000, 8)).round(4), columns=[f"x{j}" for j in range(8)])
    block["town"] = rng.choice([f"town {i}" for i in range(30)], len(block))
    block["y"] = (block["x0"] > 0).astype(int)
    text = block.to_csv(index=False, header=False)
    with file.open("w") as out:
        out.write(",".join(block) + "\n")
        for _ in range(550):
            out.write(text)
    assert file.stat().st_size > 35 << 20
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(file), "264M"], capture_output=True, text=True, check=True
    )
    peak, groups, rows = json.loads(done.stdout)
    assert rows == 550_000
    assert groups > 1
    assert peak < 264_000_000
    estimate = memory.Estimate.of(str(file))
    assert estimate.rows == pytest.approx(550_000, rel=0.01)
    assert estimate.together(12) > 10 * 264_000_000
