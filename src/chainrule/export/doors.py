"""The functions of this room, which import what they need when they are called."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.activations import Activation
from chainrule.errors import MissingExtra
from chainrule.export.written import Written
from chainrule.network import Network


def to_onnx(model: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as one graph of ONNX, preprocessing included, or a network alone.

    A model's graph has an input (n, 1) for each column of the table that counts, named as it is:
    a string for text, "" where it is missing; else a double, NaN where it is missing. Dates are days
    since 1970-01-01 in universal time, booleans 0 and 1. It gives `label` (n,) and `probabilities`
    (n, classes); or `prediction` (n,); or that and `quantiles` (n, levels). An output whose name a
    column has already gets an underscore.

    A network alone, and a model without columns, takes `rows` (n, d); a network gives `output` (n, k).

    Args:
        model: a `Model`, a fitted estimator, or a `Network`.
        path: of the file.

    Raises:
        InvalidValue: it cannot be said in ONNX; the text says what.
        MissingExtra: onnx is not installed.
        MissingFile, ModelFileError: the file cannot be written.
    """
    with _onnx():
        from chainrule.export.onnx import writing
    return writing.to_onnx(model, path)


def to_c(model: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as one file of C99 that allocates nothing and needs math.h alone.

    What it declares begins with the file's name: `churn.c` has `struct churn_row`, with a member for
    each column that counts, and `churn_predict`, which fills in probabilities, numbers or quantiles,
    and returns the number of the class, or −1 where a number is not finite. Its first comment says how
    it is called.

    Args:
        model: a `Model`, a fitted estimator, or a `Network`.
        path: of the file.

    Raises:
        InvalidValue: it cannot be said in C; the text says what.
        MissingFile, ModelFileError: the file cannot be written.
    """
    from chainrule.export.c import source

    return source.to_c(model, path)


def to_torch(model: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as a script for PyTorch, with its weights in a file of safetensors beside it.

    The script needs torch and safetensors alone, takes rows of the table, and answers the rows of a
    CSV file on the command line. A network alone becomes one script, as by `Network.to_torch_source`.

    Args:
        model: a `Model`, a fitted estimator, or a `Network`.
        path: of the script; `churn.py` brings `churn_weights.safetensors`.

    Raises:
        InvalidValue: it is none of these, or has something of your own in it.
        MissingFile, ModelFileError: a file cannot be written.
    """
    from chainrule.export.torch import writing

    return writing.to_torch(model, path)


def to_json(model: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as JSON, from the table's columns to the answer, or a network as `Network.to_json`.

    Args:
        model: a `Model`, a fitted estimator, or a `Network`.
        path: of the file.

    Raises:
        InvalidValue: it is none of these, or has something of your own in it.
        MissingFile, ModelFileError: the file cannot be written.
    """
    from chainrule.export import description

    return description.to_json(model, path)


def from_onnx(path: str | os.PathLike[str], output: str | Activation | None = None) -> Network:
    """The network in a file of ONNX: see `Network.from_onnx`."""
    with _onnx():
        from chainrule.export.onnx import reading
    return reading.network_of(path, output)


@contextmanager
def _onnx() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as absent:
        if absent.name != "onnx":
            raise
        raise MissingExtra("onnx") from absent
