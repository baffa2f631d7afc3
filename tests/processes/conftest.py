"""Trainings in processes of their own, started as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = """
    import json, os, sys, warnings
    import numpy as np
    import chainrule
    from chainrule.training.scaling import SlowerTogether

    warnings.simplefilter("ignore", SlowerTogether)
    distributed = "RANK" in os.environ
    for name, options in json.loads(sys.argv[2]).items():
        rng = np.random.default_rng(0)
        X, y, w = rng.normal(size=(103, 5)), rng.integers(0, 3, 103), rng.uniform(0.1, 2, 103)
        weighted = {"weights": w} if options.pop("weighted", False) else {}
        dtype = options.pop("dtype", "float64")
        network = chainrule.Network.of_sizes([5, 9, 7, 3], output="softmax", seed=1, dtype=dtype)
        result = chainrule.train(
            network, X, y, epochs=5, batch_size=16, engine="torch", validation=0.2,
            distributed=distributed, **weighted, **options,
        )
        if os.environ.get("RANK", "0") == "0":
            parts = [part for layer in network.layers for part in (layer.W, layer.b)]
            losses = np.array([result.history.loss, result.history.validation_loss])
            np.savez(f"{sys.argv[1]}-{name}.npz", losses, *parts)
"""
Found = dict[str, list[np.ndarray[Any, Any]]]


def torchrun(*words: str) -> list[str]:
    return [sys.executable, "-m", "torch.distributed.run", *words]


def environment(**more: str) -> dict[str, str]:
    """Of a process whose single thread does not look for a network."""
    return os.environ | {"OMP_NUM_THREADS": "1"} | more


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "train.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return path


@pytest.fixture(scope="session")
def trained(script: Path) -> Callable[..., Found]:
    """Parameters and losses of trainings, by name, run by some command."""

    def run(command: list[str], plans: dict[str, Any], name: str) -> Found:
        out = script.with_name(name)
        words = [*command, str(script), str(out), json.dumps(plans)]
        done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return read(out, plans)

    return run


def read(out: Path, plans: dict[str, Any]) -> Found:
    found = {}
    for each in plans:
        with np.load(f"{out}-{each}.npz") as file:
            found[each] = list(file.values())
    return found


def distance(a: list[np.ndarray[Any, Any]], b: list[np.ndarray[Any, Any]]) -> float:
    return max(float(np.abs(p - q).max()) for p, q in zip(a, b, strict=True))
