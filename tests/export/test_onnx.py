"""Models as graphs of ONNX: what onnxruntime says is what the model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from benchmarks.answers import answers, values
from tests.export.subjects import KINDS, agree, hostile_model

from chainrule import Model
from chainrule.export import to_onnx
from chainrule.tables import Table

Arrays = dict[str, npt.NDArray[Any]]


def session(path: Path) -> Any:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inputs(model: Model, table: Table) -> Arrays:
    """A table as the graph takes it: (n, 1) each, missing text as ""."""
    columns = values(model, table)
    return {
        name: (np.where(np.equal(v, None), "", v) if v.dtype == object else v)[:, None]
        for name, v in columns.items()
    }


def said(path: Path, fed: Arrays) -> Arrays:
    run = session(path)
    names = [output.name.rstrip("_") for output in run.get_outputs()]
    return dict(zip(names, run.run(None, fed), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_with_everything_in_it(kind: str, tmp_path: Path) -> None:
    model, new = hostile_model(kind)
    to_onnx(model, tmp_path / "it.onnx")
    assert agree(model, said(tmp_path / "it.onnx", inputs(model, new)), answers(model, new)) < 1e-5
