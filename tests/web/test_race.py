"""Lanes: the same training as `train`, however it is cut into pieces, and what is changed on the way."""

from __future__ import annotations

import runpy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.errors import ChainruleError, InvalidValue, UnknownName
from chainrule.tables import Table, builtin
from chainrule.web import leaving, limits
from chainrule.web.experiment import Change, Experiment
from chainrule.web.inspector import inspect
from chainrule.web.race import Race
from chainrule.web.server import lessons
from chainrule.web.uploads import Tables

POOL = ThreadPoolExecutor(2)
SMALL = {"hidden": [5, 3], "activations": ["tanh", "relu"]}


def race(tables: Tables | None = None, **given: Any) -> Race:
    return Race(Experiment.of(given), (tables or Tables()).find, POOL)


def weights(lane: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([part.ravel() for layer in lane.current().layers for part in (layer.W, layer.b)])  # fmt: skip


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_pieces_of_a_training_make_the_same_bits_as_train(dropout: float) -> None:
    page = race(
        data={"rows": 103}, net={**SMALL, "dropout": dropout, "weight_decay": 0.01}, batch_size=10,
        lanes=[{"optimizer": "adam", "learning_rate": 0.01}],
    )  # fmt: skip
    for piece in (1, 3, 30, 2, 1, 7, 11):  # 55 steps: five epochs of eleven
        page.advance(piece)
    table = builtin("moons", 103)
    network = chainrule.Network.of_sizes([2, 5, 3, 1], ["tanh", "relu"], "logistic", seed=0)
    X = np.column_stack([table["x1"], table["x2"]])
    chainrule.train(
        network, X, table["class"], optimizer=chainrule.Adam(0.01), epochs=5, batch_size=10,
        dropout=dropout, penalty=0.1, threads=1,
    )  # fmt: skip
    expected = np.concatenate([part.ravel() for layer in network.layers for part in (layer.W, layer.b)])  # fmt: skip
    assert np.array_equal(weights(page.lanes[0]), expected)
    assert page.lanes[0].epochs == 5


def test_what_was_changed_by_hand_happens_again_at_its_step() -> None:
    first = race(net=SMALL, lanes=[{"optimizer": "sgd"}, {"optimizer": "rmsprop"}])
    first.advance(37)
    first.change(Change(0, "rate", lane=1, value=0.002))
    first.advance(20)
    first.change(Change(0, "weight", lane=0, layer=1, row=2, column=1, value=-1.5))
    first.change(Change(0, "weight", lane=0, layer=0, row=None, column=4, value=0.25))
    assert first.lanes[0].current().layers[1].W[2, 1] == -1.5
    assert first.lanes[0].current().layers[0].b[4] == 0.25
    first.advance(5)
    first.change(Change(0, "points", added=((0.5, 0.5, 1.0),), removed=(3, 4)))
    assert len(first.scene.X) == 499
    first.advance(138)
    again = race(**first.experiment.as_dict())
    for piece in (1, 100, 99):
        again.advance(piece)
    assert again.step == first.step == 200
    for one, other in zip(first.lanes, again.lanes, strict=True):
        assert np.array_equal(weights(one), weights(other))
        assert one.measures().loss == other.measures().loss
    assert again.lanes[1].rate == 0.002


def test_a_lane_that_diverges_stops_and_the_others_go_on() -> None:
    lesson = next(each for each in lessons() if each["name"] == "A rate too large")
    page = race(**lesson["experiment"])
    page.advance(100)
    assert [lane.status for lane in page.lanes] == ["learning", "learning", "diverged"]
    assert page.lanes[2].message.startswith("diverged at step 21: the loss is not finite")
    assert "a smaller learning rate (it was 1; 0.1 is worth a try)" in page.lanes[2].message
    assert [lane.step for lane in page.lanes] == [100, 100, 20]
    assert np.isfinite(weights(page.lanes[2])).all()
    assert not page.ended


def test_it_stops_at_a_step_and_at_a_loss() -> None:
    page = race(net=SMALL, stop={"step": 60})
    assert page.advance(1000) == 60
    assert page.ended
    assert page.advance(10) == 10  # asked again, it goes on
    page = race(net=SMALL, stop={"loss": 0.3}, lanes=[{"optimizer": "adam", "learning_rate": 0.01}])
    page.advance(100_000)
    lane = page.lanes[0]
    assert page.ended and lane.status == "reached its loss" and lane.step % 50 == 0
    assert 0.25 < lane.measures().loss <= 0.3


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson["name"])
def test_every_lesson_runs(lesson: dict[str, Any]) -> None:
    assert len(lesson["text"].split()) > 30
    page = race(**lesson["experiment"])
    page.advance(50)
    measured = page.measure()
    assert all(np.isfinite(each.loss) or lane.status == "diverged" for each, lane in zip(measured, page.lanes, strict=True))  # fmt: skip
    assert Experiment.of(page.experiment.as_dict()) == page.experiment


def test_the_lecture_s_network_says_what_the_lecture_says() -> None:
    lesson = next(each for each in lessons() if each["name"].startswith("¬XOR"))
    page = race(**lesson["experiment"])
    half = 1 / (1 + np.exp(-0.5))
    for at, value in (([0, 0], half), ([1, 1], half), ([1, 0], 1 - half), ([0, 1], 1 - half)):
        assert inspect(page, 0, {"at": at})["answer"][0] == pytest.approx(value, abs=1e-7)


def test_the_inspector_has_the_numbers_of_explain() -> None:
    page = race(net=SMALL)
    page.advance(123)
    found = inspect(page, 0, {"row": 7, "edge": 32})
    explained = page.lanes[0].current().explain(page.scene.X[7], float(page.scene.t[7, 0]))
    assert found["loss"] == pytest.approx(explained.as_dict()["L"], rel=1e-12)
    for layer in explained.as_dict()["layers"]:
        for name in ("u", "z", "dL_dz", "dL_du", "dL_dW", "dL_db"):
            for number in np.ravel(layer[name]):
                assert f'title="{float(number)!r}"' in found["html"], (layer["layer"], name)


def test_a_table_is_seen_through_two_of_its_columns() -> None:
    rng = np.random.default_rng(0)
    names = ['a<b>"&', "größe, m", "=SUM(A1)", "constructor"]
    columns: dict[str, Any] = {name: rng.normal(size=200) for name in names[:3]}
    columns["constructor"] = rng.choice(["<i>", "y"], 200).astype(object)
    columns["class"] = np.where(columns[names[0]] > 0, "yes", "no").astype(object)
    tables = Tables()
    tables.keep("d", Table.of(columns))
    view = {"axes": names[1::-1], "held": {"=SUM(A1)": 0.5}}
    page = race(tables, data={"file": "d", "name": "x.csv"}, net=SMALL, view=view)
    assert page.window.axes == ("größe, m", 'a<b>"&')
    placed = page.window.place(np.array([[0.25, -0.5]]))[0]
    encoder = page.scene.encoder
    assert encoder is not None
    row = {**dict.fromkeys(names), names[0]: -0.5, names[1]: 0.25, names[2]: 0.5}
    expected = {n: np.array([v]) for n, v in row.items() if n != "constructor"}
    most = max(["<i>", "y"], key=list(page.scene.features["constructor"]).count)
    whole = {**expected, "constructor": np.array([most], dtype=object)}
    assert np.array_equal(placed, encoder.transform(Table(whole), "float32")[0])
    page.advance(300)
    assert page.measure()[0].score > 0.8
    assert "a&lt;b&gt;&quot;&amp;" in inspect(page, 0, {"row": 0})["html"]


@pytest.mark.parametrize("data", ["moons", "blobs", "iris", "diabetes"])
def test_what_is_taken_along_gives_the_same_answers(data: str, tmp_path: Any, capsys: Any) -> None:
    page = race(data={"name": data}, net=SMALL, lanes=[{"optimizer": "adam", "learning_rate": 0.01}])  # fmt: skip
    page.advance(20 * page.lanes[0].steps_per_epoch)
    page.measure()
    lane = page.lanes[0]
    said = lane.engine.predict(page.scene.X[:5])
    path = tmp_path / "model.safetensors"
    path.write_bytes(leaving.model(page, 0))
    assert np.array_equal(chainrule.load(path).network(page.scene.X[:5]), lane.current()(page.scene.X[:5]))  # fmt: skip
    script = tmp_path / "script.py"
    script.write_text(leaving.export(page, 0, "torch")[1]["text"])
    made = runpy.run_path(str(script))
    logits = made["net"](made["X"]).detach().numpy()
    phi = lane.current().layers[-1].activation
    assert np.allclose(phi.value(logits), said, atol=1e-6)
    script.write_text(leaving.export(page, 0, "python")[1]["text"])
    trained = runpy.run_path(str(script))["network"]
    for mine, theirs in zip(lane.current().layers, trained.layers, strict=True):
        assert np.array_equal(mine.W, theirs.W) and np.array_equal(mine.b, theirs.b)
    capsys.readouterr()
    rows = leaving.export(page, 0, "curves")[1]["text"].splitlines()
    assert rows[0].startswith("lane,optimizer,step,loss") and rows[1].startswith("1,adam,")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"lanes": []}, "one lane at least"),
    ({"lanes": [{}] * 9}, "8 entries at most"),
    ({"lanes": [{"optimizer": "lbfgs"}]}, "no optimizer is called"),
    ({"lanes": [{"learning_rate": "0.1"}]}, "learning_rate is a number"),
    ({"lanes": [{"learning_rate": 10**400}]}, "learning_rate is a number"),
    ({"net": {"hidden": [65], "activations": ["relu"]}}, "hidden is a whole number from 1 to 64"),
    ({"net": {"hidden": [4], "activations": []}}, "1 hidden layers, 0 activations"),
    ({"net": {"hidden": [2], "activations": ["relu"], "weights": [[[[1]], [0]], [[[1]], [0]]]}}, "the network is 2-2-1"),
    ({"net": {"hidden": [], "activations": [], "weights": [[[[1], [1, 2]], [0]]]}}, "the rows of W are of one length"),
    ({"net": {"weight_decay": 0.1}, "lanes": [{"optimizer": "backtracking"}]}, "lane 1, backtracking: a penalty goes with rules"),
    ({"data": {"name": "/etc/passwd"}}, "no built-in table is called"),
    ({"data": {"file": "x"}}, "that file is not here"),
    ({"data": {"name": "iris", "target": "nothing"}}, "iris has no column 'nothing'"),
    ({"data": {"added": [[0, 0, 7]]}}, "there is no class 7"),
    ({"data": {"added": [[0, float("nan"), 1]]}}, "a point is a number"),
    ({"data": {"rows": 2, "removed": [0, 1]}}, "no point left"),
    ({"data": {"removed": [1000]}}, "no point 1000"),
    ({"data": {"name": "iris"}, "view": {"axes": ["species", "x"]}}, "no column of numbers is called"),
    ({"view": {"axes": ["x1"]}}, "two different columns"),
    ({"seed": -1}, "seed is a whole number"),
    ({"surprise": 1}, "no field of an experiment is called"),
    ({"changes": [{"what": "nothing"}]}, "no what is called"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_no_page_of_ours_asks_for_is_refused_in_one_line(given: dict[str, Any], words: str) -> None:  # fmt: skip
    with pytest.raises(ChainruleError, match=".") as refused:
        race(**given)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_weights_and_lanes_that_are_not_there_are_refused() -> None:
    page = race(net=SMALL)
    for change in (
        Change(0, "weight", layer=9),
        Change(0, "weight", layer=0, row=9),
        Change(0, "weight", layer=0, column=9),
        Change(0, "rate", lane=3, value=1.0),
    ):
        with pytest.raises(InvalidValue, match="there is no"):
            page.change(change)
    assert page.experiment.changes == ()
    with pytest.raises(UnknownName):
        Tables().find("x")


def test_no_more_tables_are_kept_than_are_allowed() -> None:
    tables = Tables()
    for i in range(limits.TABLES + 1):
        tables.keep(str(i), Table({"x": np.zeros(1)}))
        if i:
            tables.find("0") if i < limits.TABLES else None
    assert tables.find("0").rows == 1
    with pytest.raises(UnknownName):
        tables.find("1")
