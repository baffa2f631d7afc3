"""What `import chainrule` gives, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import chainrule

HEAVY = {"pandas", "sklearn", "scipy", "torch", "matplotlib", "pyarrow", "safetensors", "rich"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after running the code."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_loads_nothing_heavy() -> None:
    assert not loaded_by("import chainrule") & (HEAVY | {"numpy"})


def test_the_ground_needs_numpy_only() -> None:
    code = (
        "import chainrule.gradients, chainrule.plan, chainrule.engines.numpy_engine\n"
        "chainrule.Network.of_sizes([2, 3, 1])([[0, 0]])"
    )
    modules = loaded_by(code)
    assert "numpy" in modules and not modules & HEAVY


def test_public_names_are_sorted_and_there() -> None:
    assert chainrule.__all__ == sorted(chainrule.__all__) == dir(chainrule)
    assert chainrule.__version__ == "0.1.0"
    for name in ("Layer", "Network", "Trace", "Plan", "SGD", "AdamW", "Momentum"):
        assert getattr(chainrule, name).__name__ == name


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'Netwrok'"):
        chainrule.Netwrok  # noqa: B018
