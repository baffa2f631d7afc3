"""The plan: plain, hashable, checked, and the same after a trip through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule import Network, Plan
from chainrule.errors import ChainruleError, InvalidValue, UnknownName
from chainrule.optimizers import OPTIMIZERS, SGD, AdamW, Groups, RMSprop, make

GOOD: dict[str, Any] = {
    "layer_sizes": (2, 20, 40, 20, 1),
    "activations": ("relu", "tanh", "gelu", "logistic"),
    "loss": "binary_cross_entropy",
    "optimizer": RMSprop(centered=True),
    "dropout": (0.1, 0.0, 0.5),
    "batch_size": 10,
    "dtype": "float32",
    "seed": 2**64 - 1,
    "shuffle": False,
}


def test_json_round_trip() -> None:
    plan = Plan(**GOOD)
    again = Plan.from_json(plan.to_json())
    assert again == plan and hash(again) == hash(plan)
    assert json.loads(plan.to_json())["layer_sizes"] == [2, 20, 40, 20, 1]
    assert json.loads(plan.to_json())["optimizer"]["name"] == "rmsprop"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_survives(name: str) -> None:
    optimizer = make(name) if name == "lbfgs" else make(name, 0.123)
    plan = Plan(**{**GOOD, "optimizer": optimizer})
    assert Plan.from_json(plan.to_json()).optimizer == optimizer


def test_fields_come_in_their_plain_form() -> None:
    plan = Plan(
        layer_sizes=[np.int64(2), 3, 1],  # type: ignore[arg-type]
        activations=["swish", "sigmoid"],  # type: ignore[arg-type]
        loss="squared_error",
        optimizer=SGD(),
        dropout=[0],  # type: ignore[arg-type]
        batch_size=np.int32(4),  # type: ignore[arg-type]
        dtype="float64",
        seed=0,
    )
    assert plan.layer_sizes == (2, 3, 1) and type(plan.layer_sizes[0]) is int
    assert plan.activations == ("silu", "logistic")
    assert plan.dropout == (0.0,) and plan.batch_size == 4 and plan.shuffle is True
    assert len({plan, Plan.from_json(plan.to_json())}) == 1


def test_the_plan_of_a_network() -> None:
    network = Network.of_sizes([2, 5, 4, 3], ["relu", "elu"], "softmax", dtype="float64")
    plan = Plan.of(network, "cross_entropy", "adamw", dropout=0.25, batch_size=7, seed=9)
    assert plan.layer_sizes == (2, 5, 4, 3)
    assert plan.activations == ("relu", "elu", "softmax")
    assert (plan.dropout, plan.batch_size, plan.seed) == ((0.25, 0.25), 7, 9)
    assert (plan.dtype, plan.optimizer, plan.shuffle) == ("float64", AdamW(), True)
    assert Plan.of(network, "cross_entropy", dropout=[0.1, 0.2]).dropout == (0.1, 0.2)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("layer_sizes", (2,), "the inputs and the outputs at least"),
        ("layer_sizes", (2, 0, 3, 3, 1), "a layer size is a whole number, 1 or more, got 0"),
        ("layer_sizes", (2, 2.5, 3, 3, 1), "a layer size is a whole number, 1 or more, got 2.5"),
        ("layer_sizes", (2, 3, 1), "2 layers, 4 activations"),
        ("dropout", (0.1,), "3 hidden layers, 1 shares of dropout"),
        ("dropout", (0.1, 1.0, 0.0), r"dropout is a share in \[0, 1\), got 1.0"),
        ("dropout", (0.1, float("nan"), 0.0), r"dropout is a share in \[0, 1\), got nan"),
        ("batch_size", 0, "batch_size is a whole number, 1 or more, got 0"),
        ("batch_size", True, "batch_size is a whole number, 1 or more, got True"),
        ("seed", -1, "seed is a whole number, between 0 and 18446744073709551615, got -1"),
        ("seed", 2**64, "got 18446744073709551616"),
        ("dtype", "float16", "no dtype is called 'float16'; did you mean 'float"),
        ("loss", "hubber", "no loss is called 'hubber'; did you mean 'huber'?"),
        ("loss", "cross_entropy", "a doubled logistic"),
        ("activations", ("relu", "tanh", "gelu", "softmax"), "a doubled softmax"),
        ("activations", ("relu", "tanh", "gellu", "identity"), "did you mean 'gelu'?"),
        ("optimizer", "adam", "optimizer is an update rule"),
        ("shuffle", 1, "shuffle is true or false"),
    ],
)
def test_fields_that_make_no_plan_are_refused(field: str, value: object, words: str) -> None:
    with pytest.raises(ChainruleError, match=words):
        Plan(**{**GOOD, field: value})


def test_cross_entropy_over_one_class_is_refused() -> None:
    with pytest.raises(InvalidValue, match="an output for each class, two or more"):
        Plan.of(Network.of_sizes([2, 1], output="softmax"), "cross_entropy")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", InvalidValue, "a plan is JSON text: "),
        ("[1]", InvalidValue, "a plan is a JSON object"),
        ("{}", InvalidValue, "a plan without layer_sizes, activations, loss"),
        ('{"layer_size": [2, 1]}', UnknownName, "no field of a plan is called 'layer_size'; did"),
    ],
)
def test_text_that_is_no_plan_is_refused(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Plan.from_json(text)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("layer_sizes", 7, "layer_sizes is a list"),
        ("layer_sizes", [2, None, 1, 1, 1], "a layer size is a whole number, 1 or more, got None"),
        ("activations", "relu", "activations is a list"),
        ("activations", [1, 2, 3, 4], "no activation is called 1"),
        ("activations", [[], [], [], []], r"no activation is called \[\]"),
        ("dropout", [None, 0, 0], r"dropout is a share in \[0, 1\), got None"),
        ("loss", None, "no loss is called None"),
        ("loss", {}, "no loss is called {}"),
        ("dtype", [], r"no dtype is called \[\]"),
        ("optimizer", "adam", "optimizer is a name with its settings"),
        ("optimizer", {"name": "adam", "beta": 1}, "no option of adam is called 'beta'"),
        ("optimizer", {"name": []}, r"no optimizer is called \[\]"),
        ("seed", "0", "seed is a whole number"),
        ("shuffle", None, "shuffle is true or false"),
    ],
)
def test_json_of_other_types_is_refused(field: str, value: object, words: str) -> None:
    data = Plan(**GOOD).as_dict()
    with pytest.raises(ChainruleError, match=words):
        Plan.from_json(json.dumps({**data, field: value}))


def test_penalty_and_groups_survive_json_and_may_be_absent() -> None:
    network = Network.of_sizes([3, 4, 1])
    plan = Plan.of(network, "squared_error", "adamw", penalty=0.5, groups=Groups.ntk([3, 4, 1], scales=6.0))  # fmt: skip
    assert Plan.from_json(plan.to_json()) == plan
    earlier = plan.as_dict()
    del earlier["penalty"], earlier["groups"]
    assert Plan.from_dict(earlier) == replace(plan, penalty=0.0, groups=Groups())
    with pytest.raises(UnknownName, match="speed"):
        Plan.from_dict(plan.as_dict() | {"groups": {"speed": 1}})
    for settings, text in (
        ({"penalty": -1}, "penalty is a finite number, 0 or more, got -1"),
        ({"penalty": 10**400}, "penalty is a finite number, 0 or more, got 1000"),
        (
            {"penalty": 1.0, "optimizer": "lbfgs"},
            "a penalty goes with rules that step once a batch",
        ),
        (
            {"groups": Groups(biases=2.0), "optimizer": "lbfgs"},
            "groups go with rules that step once a batch",
        ),
        ({"groups": Groups(weights=(1.0,))}, "2 layers, 1 factors for their weights"),
    ):
        with pytest.raises(InvalidValue, match=text):
            Plan.of(network, "squared_error", **settings)
