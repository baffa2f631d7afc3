"""Several processes that share each batch: the training of one, to rounding."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule import Network, train
from chainrule.engines.torch_engine import TorchEngine
from chainrule.errors import EngineError
from chainrule.plan import Plan
from chainrule.training.runs import runs_in
from chainrule.training.scaling import CPU, Machine, against, parameters, speedup, step_seconds

from .conftest import Found, distance, environment, read, torchrun

PLANS: dict[str, Any] = {
    "adam": {"optimizer": "adam", "dropout": 0.2, "weighted": True},
    "nesterov": {"optimizer": "nesterov", "schedule": "cosine", "stopping": 2},
    "nadam": {"optimizer": "nadam", "shuffle": False},
    "float32": {"optimizer": "rmsprop", "dtype": "float32"},
}


@pytest.fixture(scope="module")
def alone(trained: Callable[..., Found]) -> Found:
    return trained([sys.executable], PLANS, "alone")


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_train_as_one(
    processes: int, alone: Found, trained: Callable[..., Found]
) -> None:
    command = torchrun("--standalone", "--nproc-per-node", str(processes))
    found = trained(command, PLANS, f"by-{processes}")
    for name, parts in alone.items():
        assert distance(found[name], parts) < (1e-5 if name == "float32" else 1e-12), name
        assert parts[0][0, -1] < parts[0][0, 0]  # it learned something


def may_make_namespaces() -> bool:
    tried = (
        subprocess.run(["unshare", "-n", "true"], check=False) if shutil.which("unshare") else None
    )
    return (
        bool(shutil.which("ip"))
        and tried is not None
        and tried.returncode == 0
        and os.geteuid() == 0
    )


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Two network namespaces joined by a cable: hosts that know each other by address alone."""
    names = [f"chainrule-{os.getpid()}-{i}" for i in (1, 2)]
    ends = [f"cr{os.getpid() % 10000}e{i}" for i in (1, 2)]

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for i, (name, end) in enumerate(zip(names, ends, strict=True), start=1):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"10.91.0.{i}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield [f"{name} {end}" for name, end in zip(names, ends, strict=True)]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.mark.skipif(not may_make_namespaces(), reason="no network namespaces can be made here")
def test_two_hosts_train_as_one(alone: Found, script: Path, hosts: list[str]) -> None:
    out, plans = script.with_name("hosts"), {"adam": PLANS["adam"]}
    started = []
    for rank, host in enumerate(hosts):
        name, end = host.split()
        command = torchrun(
            "--nnodes", "2", "--nproc-per-node", "1", "--node-rank", str(rank),
            "--master-addr", "10.91.0.1", "--master-port", "29511",
            str(script), str(out), json.dumps(plans),
        )  # fmt: skip
        started.append(
            subprocess.Popen(
                ["ip", "netns", "exec", name, *command],
                env=environment(GLOO_SOCKET_IFNAME=end, TP_SOCKET_IFNAME=end),
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in started:
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
    assert distance(read(out, plans)["adam"], alone["adam"]) < 1e-12


def test_the_command_writes_once_and_says_what_to_expect(tmp_path: Path) -> None:
    command = torchrun("--standalone", "--nproc-per-node", "2", "-m", "--", "chainrule", "fit", "iris", "--epochs", "3", "--log", "logs")  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("saved    iris.safetensors") == 1
    assert (
        "engine   torch, 2 processes, cpu, 1 thread (distributed training was asked for)"
        in done.stdout
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iris.safetensors", "logs"]
    (run,) = runs_in(tmp_path / "logs")[0]
    assert (run.completed, run.status, run.model) == (3, "finished", "iris.safetensors")
    note = "2 processes are expected to take"
    assert done.stderr.count(note) == 1
    assert "a step of 32 rows computes for" in done.stderr


def test_processes_read_row_groups_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number, rows in enumerate((130, 61, 209)):
        x = rng.normal(size=(rows, 3))
        frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=x[:, 0] > x[:, 1])
        frame.to_parquet(tmp_path / f"{number}.parquet", row_group_size=50)

    def fitted(out: str, processes: int, *words: str) -> Any:
        fit = ["chainrule", "fit", str(tmp_path), "--out", out, "--dtype", "float64"]
        start = torchrun("--standalone", "--nproc-per-node", str(processes))
        done = subprocess.run(
            [*(start if processes > 1 else [sys.executable]), "-m", *fit, *words, "--json"],
            cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # The order of rows depends on who reads them: with all of them in a step it makes no difference.
    of_all = ["--epochs", "5", "--batch-size", "600", "--validation", "0", "--dropout", "0"]
    fitted("one", 1, *of_all)
    told = fitted("three", 3, *of_all)
    assert told["isa"] == "3 processes, cpu"
    assert told["steps"] == 5
    for one, three in zip(
        chainrule.load(tmp_path / "one").network.layers,
        chainrule.load(tmp_path / "three").network.layers,
        strict=True,
    ):
        assert np.abs(one.W - three.W).max() < 1e-12
        assert np.abs(one.b - three.b).max() < 1e-12
    told = fitted("in-batches", 3, "--epochs", "40", "--batch-size", "20")
    assert told["validation"]["accuracy"] > 0.9


def small(optimizer: str = "sgd", **options: Any) -> tuple[Plan, Network, Any, Any]:
    network = Network.of_sizes([2, 6, 4, 1], seed=0)
    plan = Plan.of(network, "squared_error", optimizer, **{"batch_size": 7, "seed": 3, **options})
    X = np.arange(50, dtype="float32").reshape(25, 2)
    return plan, network, X, X[:, :1].copy()


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world", [2, 3, 9])
def test_rows_are_shared_without_overlap(world: int, shuffle: bool) -> None:
    def batches(rank: int, world: int) -> list[Any]:
        engine = TorchEngine(*small(shuffle=shuffle, dropout=0.5))
        engine.rank, engine.world = rank, world
        return [(b.X.clone(), b.masks[0].clone(), b.whole) for b in engine._batches(4)]  # type: ignore[union-attr]

    shares = [batches(rank, world) for rank in range(world)]
    whole = batches(0, 1)
    assert [len(each) for each in shares] == [4] * world
    for step, (X, mask, weight) in enumerate(whole):
        parts, masks, weights = zip(*(share[step] for share in shares), strict=True)
        for rank in range(world):
            assert (parts[rank] == X[rank::world]).all()
            assert (masks[rank] == mask[rank::world]).all()
        assert sum(map(len, parts)) == len(X) == weight
        assert set(weights) == {weight}


def test_nothing_has_started_the_processes() -> None:
    _, network, X, t = small()
    with pytest.raises(
        EngineError, match="is started by torchrun, once on each machine: torchrun --nproc"
    ):
        train(network, X, t, distributed=True)
    with pytest.raises(EngineError, match="the native engine does not have distributed training"):
        train(network, X, t, engine="native", distributed=True)


def test_the_model_of_a_step() -> None:
    network = Network.of_sizes([100, 1000, 10], seed=0)
    plan = Plan.of(network, "squared_error", "sgd", batch_size=1000)
    machine = Machine(
        overhead=1e-3, update=1e-8, arithmetic=1e9, start=2e-3, message=1e-4, link=1e8
    )
    assert parameters(plan) == 100 * 1000 + 1000 + 1000 * 10 + 10
    alone = 1e-3 + 111_010e-8 + 6 * 1000 * 111_010 / 1e9
    assert step_seconds(plan, 1, machine) == pytest.approx(alone)
    shared = (
        1e-3 + 111_010e-8 + 6 * 1000 * 111_010 / 4e9 + 2e-3 + 6 * 1e-4 + 1.5 * 4 * 111_010 / 1e8
    )
    assert step_seconds(plan, 4, machine) == pytest.approx(shared)
    assert speedup(plan, 4, machine) == pytest.approx(alone / shared)
    assert against(plan, 4, machine) == ""
    assert against(small()[0], 2, CPU).startswith("2 processes are expected to take ")


KILLED = """
    import os, signal, sys, warnings
    import numpy as np
    import chainrule
    from chainrule.training.checkpoints import Checkpoint
    from chainrule.training.scaling import SlowerTogether

    warnings.simplefilter("ignore", SlowerTogether)
    fatal = {("0", 5): "1", ("1", 9): "0"}  # after which restart and epoch who dies

    def die(event):
        who = fatal.get((os.environ["TORCHELASTIC_RESTART_COUNT"], event.epoch))
        if len(sys.argv) > 2 and who == os.environ["RANK"]:
            os.kill(os.getpid(), signal.SIGKILL)

    X = np.random.default_rng(0).normal(size=(90, 4))
    network = chainrule.Network.of_sizes([4, 8, 1], output="logistic", seed=0)
    kept = {"checkpoint": Checkpoint(sys.argv[2], "2epochs"), "resume": True} if len(sys.argv) > 2 else {}
    chainrule.train(
        network, X, X[:, 0] > X[:, 1], optimizer="adam", batch_size=16, epochs=12, dropout=0.2,
        distributed=True, callbacks=[die], **kept,
    )
    if os.environ["RANK"] == "0":
        np.savez(sys.argv[1], *[part for layer in network.layers for part in (layer.W, layer.b)])
"""


def test_workers_that_are_killed_are_started_again_and_end_with_the_same_bits(
    tmp_path: Path,
) -> None:
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(KILLED))
    command = torchrun("--standalone", "--nproc-per-node", "2", "--max-restarts", "3", str(script))
    for words in (["straight.npz"], ["killed.npz", str(tmp_path / "run.checkpoint")]):
        done = subprocess.run(
            [*command, str(tmp_path / words[0]), *words[1:]],
            env=environment(), capture_output=True, text=True, timeout=150,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert "Signal 9 (SIGKILL)" in done.stderr or "exitcode: -9" in done.stderr
    with np.load(tmp_path / "straight.npz") as straight, np.load(tmp_path / "killed.npz") as killed:
        for name in straight.files:
            assert straight[name].tobytes() == killed[name].tobytes()
