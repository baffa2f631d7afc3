"""`chainrule export`: a model as something that runs without chainrule."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def export(
    model: Path, /, *, to: Literal["onnx", "c", "torch", "json"], out: Path | None = None
) -> None:
    """Write a model as something that runs without chainrule.

    onnx: one graph from the table's columns to the answer. c: one C99 file without allocation.
    torch: a script for PyTorch, and its weights. json: everything in it, in words and numbers.

    Args:
        model: a file that `chainrule fit` saved, or a network as JSON.
        to: onnx, c, torch or json.
        out: where to write, over what is there; beside the model, with another ending, where no
            such file is, without it.
    """
    from chainrule import export as exports
    from chainrule.errors import InvalidValue
    from chainrule.storage import load

    endings = {"onnx": ".onnx", "c": ".c", "torch": ".py", "json": ".json"}
    target = model.with_suffix(endings[to]) if out is None else out
    if target.resolve() == model.resolve():
        raise InvalidValue(f"{target} is the model itself: name another file with --out")
    if out is None and target.exists():
        raise InvalidValue(f"{target} is there already: --out {target} writes over it")
    write = {
        "onnx": exports.to_onnx,
        "c": exports.to_c,
        "torch": exports.to_torch,
        "json": exports.to_json,
    }
    print(write[to](load(model), target))
