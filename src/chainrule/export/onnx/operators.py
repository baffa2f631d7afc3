"""The activations as expressions of ONNX's operators, to be written and to be recognised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from chainrule.activations import LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE


@dataclass(frozen=True)
class Op:
    """An operator on expressions.

    Attributes:
        name: ONNX's.
        of: what it takes.
        settings: attributes by name, in the order of the names; those that are left at ONNX's
            default are absent.
    """

    name: str
    of: tuple[Expression, ...]
    settings: tuple[tuple[str, float | int | str], ...] = ()


@dataclass(frozen=True)
class Argument:
    """The pre-activation u."""


Expression: TypeAlias = Op | Argument | float
u = Argument()

DEFAULTS: dict[str, dict[str, float | int | str]] = {  # of the operators below
    "LeakyRelu": {"alpha": 0.01},
    "Elu": {"alpha": 1.0},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Gelu": {"approximate": "none"},
    "Swish": {"alpha": 1.0},
    "Softmax": {"axis": -1},
}
_COMMUTES = ("Add", "Mul", "Max", "Min", "Sum")


def op(name: str, *of: Expression) -> Op:
    """An operator without settings."""
    return Op(name, of)


def _positive() -> Op:
    return op("Max", u, 0.0)


def _expm1_of_negative() -> Op:
    return op("Sub", op("Exp", op("Min", u, 0.0)), 1.0)


def _softplus() -> Op:
    """max(u, 0) + log(1 + e^−|u|)."""
    return op("Add", _positive(), op("Log", op("Add", op("Exp", op("Neg", op("Abs", u))), 1.0)))


def _gelu(erf: Op) -> Op:
    return op("Mul", op("Mul", u, op("Add", erf, 1.0)), 0.5)


_over_root = op("Div", u, math.sqrt(2))
_ERF32 = op("Cast64", op("Erf", op("Cast32", _over_root)))  # runtimes have no Erf in float64

# How each is written in float32, in float64 where that differs, and how else others write it.
EXPRESSIONS: dict[str, tuple[Expression, ...]] = {
    "identity": (u,),
    "relu": (op("Relu", u), _positive()),
    "leaky_relu": (op("LeakyRelu", u), op("Max", u, op("Mul", u, LEAKY_SLOPE))),
    "logistic": (op("Sigmoid", u),),
    "tanh": (op("Tanh", u),),
    "softplus": (
        op("Softplus", u),
        _softplus(),
        op("Where", op("Greater", u, 20.0), u, op("Softplus", u)),  # PyTorch's, the same in float32
    ),
    "elu": (op("Elu", u), op("Add", _positive(), _expm1_of_negative())),
    "selu": (
        op("Selu", u),
        op("Mul", op("Add", _positive(), op("Mul", _expm1_of_negative(), SELU_ALPHA)), SELU_SCALE),
    ),
    "gelu": (
        _gelu(op("Erf", _over_root)),
        _gelu(_ERF32),
        op("Gelu", u),
        _gelu(op("Erf", op("Mul", u, math.sqrt(0.5)))),
        op("Mul", u, op("Mul", op("Add", op("Erf", _over_root), 1.0), 0.5)),
        op("Mul", op("Mul", u, 0.5), op("Add", op("Erf", _over_root), 1.0)),
        op("Mul", op("Mul", u, 0.5), op("Add", op("Erf", op("Mul", u, math.sqrt(0.5))), 1.0)),
    ),
    "silu": (op("Mul", u, op("Sigmoid", u)), op("Swish", u)),
    "mish": (
        op("Mul", u, op("Tanh", op("Softplus", u))),
        op("Mul", u, op("Tanh", _softplus())),
        op("Mish", u),
    ),
    "softmax": (op("Softmax", u),),
    "exponential": (op("Exp", u),),
}  # fmt: skip
_IN_FLOAT64 = {"leaky_relu": 1, "softplus": 1, "elu": 1, "selu": 1, "gelu": 1, "mish": 1}


def written(phi: str, dtype: str) -> Expression:
    """How an activation is written for a type that runtimes have the operators for."""
    return EXPRESSIONS[phi][_IN_FLOAT64.get(phi, 0) if dtype == "float64" else 0]


def recognised(expression: Expression) -> str | None:
    """The activation that an expression is; None where it is none."""
    return _NAMES.get(_plain(expression))


def _plain(expression: Expression) -> Expression:
    """The same for all that differ in the order of what commutes, and in rounding to float32."""
    if isinstance(expression, Argument):
        return expression
    if not isinstance(expression, Op):
        with np.errstate(over="ignore"):
            return float(np.float32(expression))
    of = tuple(map(_plain, expression.of))
    if expression.name in _COMMUTES:
        of = tuple(sorted(of, key=repr))
    defaults = DEFAULTS.get(expression.name, {})
    settings = tuple((name, value) for name, value in expression.settings if not _same(value, defaults.get(name)))  # fmt: skip
    return Op(expression.name, of, settings)


def _same(value: float | int | str, default: float | int | str | None) -> bool:
    if isinstance(value, str) or isinstance(default, str) or default is None:
        return value == default
    return bool(np.float32(value) == np.float32(default))


_NAMES = {_plain(e): phi for phi, each in EXPRESSIONS.items() for e in each}
