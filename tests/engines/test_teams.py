"""Teams of 2 and 4 threads: the same bits as one, in every way that they share a step; also under ThreadSanitizer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from chainrule import Groups, Network, predictor, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 8)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.float32)

WAYS: dict[str, dict[str, Any]] = {
    "tiles that take the step": {"optimizer": "sgd", "batch_size": 50},
    "moments": {"optimizer": "adam", "batch_size": 50},
    "dropout": {"optimizer": "adam", "batch_size": 64, "dropout": 0.3},
    "scales of the inputs": {"optimizer": "adam", "batch_size": 50, "groups": Groups(scales=6.0)},
    "a penalty": {"optimizer": "sgd", "batch_size": 50, "penalty": 0.1},
    "a line search": {"optimizer": "backtracking"},
    "all rows in pieces": {"optimizer": "lbfgs"},
}


def trained(threads: int, way: dict[str, Any]) -> list[bytes]:
    network = Network.of_sizes([8, 33, 17, 1], output="logistic", seed=1)
    train(network, X, Y, epochs=3, threads=threads, engine="native", validation=0.2, **way)
    return [layer.W.tobytes() for layer in network.layers]


@pytest.mark.parametrize("way", WAYS)
def test_a_team_makes_the_bits_of_one(way: str) -> None:
    alone = trained(1, WAYS[way])
    assert trained(2, WAYS[way]) == alone
    assert trained(4, WAYS[way]) == alone


def test_teams_beside_each_other() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: trained(2, WAYS["moments"]), range(4))
        assert all(each == trained(1, WAYS["moments"]) for each in found)


def test_a_team_predicts_the_bits_of_one() -> None:
    network = Network.of_sizes([64, 128, 128, 3], output="softmax")
    rows = RNG.normal(size=(8_000, 64)).astype(np.float32)
    alone = predictor(network, 1)(rows)
    for threads in (2, 4):
        assert predictor(network, threads)(rows).tobytes() == alone.tobytes()
