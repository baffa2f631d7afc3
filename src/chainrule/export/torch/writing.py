"""A model as a script for PyTorch, and its weights."""

from __future__ import annotations

import os
import re
from pathlib import Path
from pprint import pformat

import numpy as np
import safetensors.numpy

from chainrule.export.description import description
from chainrule.export.formula import Formula
from chainrule.export.written import Written
from chainrule.storage import check_target
from chainrule.storage.atomic import write
from chainrule.torch.layers import MODULES
from chainrule.torch.source import source
from chainrule.version import __version__

_SCRIPT = Path(__file__).with_name("script.py")
_OWN = {"identity": "nn.Identity()", "exponential": "torch.exp"}


def to_torch(given: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as a script: see `chainrule.export`."""
    formula = Formula.of(given)
    if formula.answer == "outputs":
        text = source(formula.networks[0])
        return Written((write(path, text.encode()),), (("needs", "torch"),))
    check_target(path)
    weights = Path(path).with_name(f"{Path(path).stem}_weights.safetensors")
    numbers = write(weights, safetensors.numpy.save(_weights(formula)))
    files = (write(path, _text(formula, weights.name, _missing(given)).encode()), numbers)
    return Written(files, (("needs", "torch and safetensors"), ("try", f"python {path} new.csv")))


def _weights(formula: Formula) -> dict[str, np.ndarray]:
    """The state_dict: the transpose of each W, and b."""
    found: dict[str, np.ndarray] = {}
    for i, network in enumerate(formula.networks):
        for j, layer in enumerate(network.layers):
            place = f"networks.{i}.layers.{j}"
            found[f"{place}.weight"] = np.ascontiguousarray(layer.W.T)
            found[f"{place}.bias"] = np.ascontiguousarray(layer.b)
    return found


def _text(formula: Formula, weights: str, na: list[str]) -> str:
    """The script with what it is about in place of what stands empty there."""
    each = zip(formula.networks, formula.shares, strict=True)
    networks = [
        {"share": share, "sizes": list(network.sizes), "activations": list(network.activations)}
        for network, share in each
    ]
    model = description(formula) | {"networks": networks, "na": na}
    phis = sorted({phi for network in formula.networks for phi in network.activations})
    filled = {
        '"""What it is."""': repr(f"{formula.title}; written by chainrule {__version__}"),
        "MODEL: dict[str, Any] = {}": f"MODEL: dict[str, Any] = {pformat(model, width=100, compact=True, sort_dicts=False)}",
        "Tensor]] = {}": "Tensor]] = {" + ", ".join(f"{phi!r}: {_call(phi)}" for phi in phis) + "}",
        'WEIGHTS = ""': f"WEIGHTS = {weights!r}",
        "Mean().eval() if WEIGHTS else None": "Mean().eval()",
    }
    text = _SCRIPT.read_text(encoding="utf-8")
    return re.sub("|".join(map(re.escape, filled)), lambda found: filled[found[0]], text)


def _call(phi: str) -> str:
    if phi in _OWN:
        return _OWN[phi]
    module, settings = MODULES[phi]
    return f"nn.{module}({', '.join(f'{key}={value!r}' for key, value in settings.items())})"


def _missing(given: object) -> list[str]:
    """What the table's file said where a value is missing."""
    spellings = getattr(given, "history", {}).get("na")
    return [*map(str, spellings)] if isinstance(spellings, list) else []
