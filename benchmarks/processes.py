"""Whole commands as contenders: a process from nothing to a saved model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.harness import BENCH_ROOT, AbsentError, FailedError, Sample, thread_environment

LAUNCHER = str(Path(__file__).with_name("launch.py"))


class Command:
    """A command run anew for each sample, in an empty folder, after one run that is not timed.

    ``needs`` maps the modules that the command imports to what pip calls them.
    """

    def __init__(
        self, key: str, name: str, command: Sequence[str], needs: Mapping[str, str], threads: int
    ) -> None:
        self.key = key
        self.name = name
        self._command = list(command)
        self._needs = needs
        self._environment = thread_environment(threads)

    def prepare(self) -> str:
        lacking = [package for module, package in self._needs.items() if not find_spec(module)]
        if lacking:
            raise AbsentError(f"not installed: pip install {' '.join(lacking)}")
        self.measure()
        return " ".join(self._command)

    def measure(self) -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            launch = [sys.executable, "-S", "-E", LAUNCHER, *self._command]
            done = subprocess.run(
                launch, cwd=folder, env=self._environment, capture_output=True, check=True
            )
        told = json.loads(done.stdout)
        if told["code"] != 0:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise FailedError(f"ended with exit code {told['code']}: {last}")
        return Sample(told["seconds"], told["cpu_seconds"], told["peak_mib"])

    def check(self) -> None:
        """Nothing but the exit code, which ``measure`` looks at."""

    def close(self) -> None:
        """Each sample's process has ended."""


def _chainrule() -> list[str]:
    """What starts the command."""
    beside = Path(sys.executable).with_name("chainrule")
    chainrule = str(beside) if beside.exists() else shutil.which("chainrule")
    return [chainrule] if chainrule else [sys.executable, "-m", "chainrule"]


def compare_moons(threads: int) -> list[Command]:
    """``chainrule compare moons`` with its picture, and without."""
    compare = [*_chainrule(), "compare", "moons"]
    needs = {"chainrule": "chainrule", "matplotlib": "matplotlib"}
    return [
        Command("chainrule", "compare --plot", [*compare, "--plot", "moons.png"], needs, threads),
        Command("no-plot", "compare, no picture", compare, needs, threads),
    ]


def fit_moons(threads: int) -> list[Command]:
    """``chainrule fit moons`` and the same as a PyTorch script."""
    script = str(BENCH_ROOT / "benchmarks" / "peers" / "torch_moons.py")
    fit = [*_chainrule(), "fit", "moons", "--out", "moons.safetensors"]
    write = [sys.executable, script, "moons.pt"]
    torch = {"torch": "torch", "sklearn": "scikit-learn"}
    return [
        Command("chainrule", "chainrule fit moons", fit, {"chainrule": "chainrule"}, threads),
        Command("torch-script", "PyTorch script", write, torch, threads),
    ]
