"""What JSON describes: a plan, a network by hand, an experiment of the page; and files dropped on the page."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from chainrule import Network, Plan
from chainrule.errors import InvalidValue
from chainrule.optimizers import OPTIMIZERS, Groups, Rule
from chainrule.web.experiment import Experiment
from chainrule.web.race import Race
from chainrule.web.uploads import Tables, Upload

from . import tables
from .mutation import changed, mutated
from .target import Target


@cache
def _plans() -> tuple[Any, ...]:
    network = Network.of_sizes([2, 5, 4, 3], output="softmax")
    plans = [Plan.of(network, "cross_entropy", rule, dropout=0.1 * isinstance(rule, Rule)) for rule in OPTIMIZERS.values()]  # fmt: skip
    groups = Groups(weights=(1.0, 2.0, 0.5), biases=0.1, scales=6.0)
    plans.append(Plan.of(network, "squared_error", "adam", penalty=0.1, groups=groups))
    plans.append(Plan.of(Network.of_sizes([1, 3]), "quantile:0.05,0.5,0.95"))
    return tuple(json.loads(plan.to_json()) for plan in plans)


@cache
def _networks() -> tuple[Any, ...]:
    by_hand = {"layers": [{"W": [[1, -1], [-1, 1]], "b": [0, 0.5], "activation": "relu"}, {"W": [[-1], [-1]]}]}  # fmt: skip
    made = Network.of_sizes([3, 4, 2], "tanh", "softmax", dtype="float64")
    return by_hand, json.loads(made.to_json()), {**by_hand, "dtype": "float32"}


@cache
def _experiments() -> tuple[Any, ...]:
    usual = Experiment().as_dict()
    more = {
        "data": {"name": "iris", "validation": 0.3, "added": [], "removed": [3, 4]},
        "net": {"hidden": [3], "activations": ["tanh"], "dropout": 0.1, "weight_decay": 0.01},
        "lanes": [{"optimizer": "adam", "learning_rate": 0.01}, {"optimizer": "lion"}],
        "stop": {"step": 30, "loss": 0.1},
        "view": {"axes": ["petal length (cm)", "petal width (cm)"], "held": {}},
    }
    by_hand = {
        "data": {"name": "xor", "rows": 20, "noise": 0, "added": [[0.5, 0.5, 1], [1, 1, 0]]},
        "net": {"hidden": [2], "weights": [[[[1, -1], [-1, 1]], [0, 0]], [[[1], [1]], [0]]]},
        "batch_size": 4,
        "changes": [{"step": 3, "what": "rate", "value": 0.5}, {"step": 5, "what": "weight", "layer": 1, "row": 0, "value": 2}, {"step": 7, "what": "points", "removed": [1]}],
    }  # fmt: skip
    return usual, more, by_hand


def _of_json(seeds: Callable[[], tuple[Any, ...]]) -> Callable[[random.Random], bytes]:
    """Changed as JSON is, or damaged as bytes are."""

    def make(chance: random.Random) -> bytes:
        if chance.random() < 0.7:
            return json.dumps(changed(chance.choice(seeds()), chance)).encode()
        return mutated([json.dumps(seed).encode() for seed in seeds()], chance)

    return make


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _plan(data: bytes, folder: Path) -> None:
    plan = Plan.from_json(_text(data))
    assert Plan.from_json(plan.to_json()) == plan


def _network(data: bytes, folder: Path) -> None:
    network = Network.from_json(_text(data))
    assert Network.from_json(network.to_json()).sizes == network.sizes


def _experiment(data: bytes, folder: Path) -> None:
    """Begin what it describes and make ten steps."""
    try:
        value = json.loads(_text(data))
    except (ValueError, RecursionError) as error:
        raise InvalidValue("the page ends the connection at what is no JSON") from error
    experiment = Experiment.of(value)
    assert Experiment.of(experiment.as_dict()) == experiment
    if len(experiment.lanes) * sum(experiment.net.hidden) > 200:
        return  # is taken, and takes longer
    with ThreadPoolExecutor(1) as pool:
        race = Race(experiment, Tables().find, pool)
        race.advance(10)
        json.dumps(race.experiment.as_dict(), allow_nan=False)


def _upload(data: bytes, folder: Path) -> None:
    upload = Upload()
    upload.write(data)
    try:
        upload.table("a.csv.gz")
    finally:
        upload.close()


def _files(chance: random.Random) -> bytes:
    return chance.choice(tables.TARGETS).make(chance)


TARGETS = (
    Target("plan", _of_json(_plans), _plan),
    Target("network", _of_json(_networks), _network),
    Target("experiment", _of_json(_experiments), _experiment),
    Target("upload", _files, _upload),
)
