"""Exports beside the models that they come from, on real data.

For each data set an estimator with its defaults is fitted, exported as ONNX, C and a script for
PyTorch, and each is asked the rows that were fitted: ONNX all of them, by onnxruntime; the others
two thousand. What is printed is the largest difference to the model's own answer, of probabilities
or in standard deviations of the target; how often a label differs; and how large the files are.

The packages come with ``pip install "chainrule[bench]"`` and ``pip install --no-deps lifelines``.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.answers import answers, error, values
from benchmarks.datasets import SUITES, DataSet, NotInstalledError
from chainrule import Classifier, Model, Regressor
from chainrule.export import to_c, to_onnx, to_torch
from chainrule.tables import Table

ROWS = 2000
Said = dict[str, Any]


def fitted(data: DataSet) -> tuple[Model, Table]:
    X, y = data.load()
    estimator: Any = Regressor if data.task == "regression" else Classifier
    return estimator(random_state=0).fit(X, y).to_model(data.target), Table.of(X)


def by_onnx(model: Model, table: Table, folder: Path) -> Said:
    import onnxruntime

    to_onnx(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    fed = {
        name: (np.where(np.equal(v, None), "", v) if v.dtype == object else v)[:, None]
        for name, v in values(model, table).items()
    }
    names = [output.name.rstrip("_") for output in session.get_outputs()]
    return dict(zip(names, session.run(None, fed), strict=True))


def by_c(model: Model, table: Table, folder: Path) -> Said:
    """By a shared library, called row by row."""
    source, library = folder / "model.c", folder / "model.so"
    to_c(model, source)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, source, "-lm", "-o", library], check=True)
    columns = values(model, table)
    kinds = [ctypes.c_char_p if v.dtype == object else ctypes.c_double for v in columns.values()]
    row = type(
        "Row", (ctypes.Structure,), {"_fields_": [(f"c{j}", kind) for j, kind in enumerate(kinds)]}
    )
    found = re.search(r"_ANSWERS (\d+)", source.read_text())
    assert found is not None
    predict, answer = ctypes.CDLL(str(library)).model_predict, (ctypes.c_double * int(found[1]))()
    results, numbers = [], []
    for given in zip(*(v.tolist() for v in columns.values()), strict=True):
        encoded = [v.encode() if isinstance(v, str) else v for v in given]
        results.append(predict(ctypes.byref(row(*encoded)), answer))
        numbers.append(list(answer))
    if model.task == "regression":
        return {"prediction": np.array(numbers)[:, 0]}
    assert model.target is not None
    return {"label": model.target.decode(np.array(results)), "probabilities": np.array(numbers)}


def by_torch(model: Model, table: Table, folder: Path) -> Said:
    to_torch(model, folder / "model_by_torch.py")
    spec = importlib.util.spec_from_file_location("model_by_torch", folder / "model_by_torch.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    columns = [column.tolist() for column in table.columns.values()]
    rows = [dict(zip(table.names, row, strict=True)) for row in zip(*columns, strict=True)]
    if model.task == "regression":
        return {"prediction": np.array(script.predict(rows))}
    labels = np.array(script.predict(rows), dtype=object)
    return {"label": labels, "probabilities": script.predict_probability(rows).numpy()}


WAYS = {"onnx": by_onnx, "C": by_c, "torch": by_torch}


def compared(data: DataSet) -> list[str]:
    """A line of the table."""
    model, table = fitted(data)
    assert model.encoder is not None
    some = table.take(np.sort(np.random.default_rng(0).permutation(len(table))[:ROWS]))
    line = [data.name, str(len(table)), str(model.encoder.width), str(len(model.members))]
    with tempfile.TemporaryDirectory() as folder:
        for way, said in WAYS.items():
            rows = table if way == "onnx" else some
            got, true = said(model, rows, Path(folder)), answers(model, rows)
            wrong = 0 if "label" not in true else int((got["label"] != true["label"]).sum())
            far = max(error(model, got[name], true[name]) for name in true if name != "label")
            line.append(f"{far:.1e}" + f" ({wrong} labels)" * bool(wrong))
        for name in ("model.onnx", "model.c"):
            line.append(f"{(Path(folder) / name).stat().st_size / 1e6:.2f}")
        size = subprocess.run(
            ["size", Path(folder) / "model.so"], capture_output=True, text=True, check=True
        )
        line.append(f"{int(size.stdout.splitlines()[1].split()[0]) / 1e6:.2f}")
    return line


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="development")
    parser.add_argument("--sets", default="", help="some of them, with commas between")
    options = parser.parse_args()
    print("| set | rows | d | networks | ONNX | C | PyTorch | .onnx MB | .c MB | compiled MB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for data in SUITES[options.suite]:
        if not options.sets or data.name in options.sets.split(","):
            started = time.perf_counter()
            try:
                print("| " + " | ".join(compared(data)) + " |", flush=True)
            except NotInstalledError as absent:
                print(absent, file=sys.stderr)
            print(
                f"{data.name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True
            )


if __name__ == "__main__":
    main()
