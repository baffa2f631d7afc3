"""Trainings killed at random moments: `python kills.py FOLDER KILLS SEED` says in JSON what came of them.

A process that has everything loaded, and one thread, forks a training, kills it after a random time, and
forks the next, which goes on from the checkpoint; until one ends, whose bits are then compared with
those of the training that was never killed. The kinds of trainings take turns. The environment has to keep
OpenBLAS from starting threads.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import chainrule
from chainrule.chance import uniform
from chainrule.training.checkpoints import Checkpoint

LONGEST = 0.15  # seconds that a training lives at most, at first


def rows() -> tuple[Any, Any]:
    X = 2 * uniform(80_000, 1).reshape(20_000, 4) - 1
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def network(**settings: Any) -> Callable[..., list[bytes]]:
    """A training of one network, from its checkpoint to its bits."""

    def trained(**kept: Any) -> list[bytes]:
        plan = {"epochs": 8, "batch_size": 8, "seed": 3, "validation": 0.2, **settings}
        dtype = plan.pop("dtype", "float32")
        made = chainrule.Network.of_sizes([4, 16, 16, 1], output="logistic", seed=0, dtype=dtype)
        result = chainrule.train(made, *rows(), threads=1, **plan, **kept)
        said = np.array(result.history.rows)[:, :3]
        state = result.state
        arrays = [*state.parameters, *(pair for each in state.moments.values() for pair in each)]
        ended = f"{result.status} {result.steps} {result.best_epoch} {result.kept_epoch}"
        return [a.tobytes() for pair in arrays for a in pair] + [said.tobytes(), ended.encode()]

    return trained


def members(**kept: Any) -> list[bytes]:
    """A training of three networks, two at a time."""
    settings = {"members": 3, "hidden": (8,), "epochs": 4, "threads": 2, "random_state": 0}
    X, y = rows()
    made = chainrule.Classifier(**settings).fit(X[:600], y[:600], **kept)
    arrays = [part for net in made.networks_ for layer in net.layers for part in (layer.W, layer.b)]
    return [a.tobytes() for a in (*arrays, made.shares_, made.oof_prediction_)]


KINDS = [
    members,
    network(optimizer="adam", dropout=0.2, schedule="cosine"),
    network(optimizer="heavy-ball", stopping=4),  # which goes back to epoch 6
    network(optimizer="sls", dtype="float64"),
]


def digest(bits: list[bytes]) -> str:
    return hashlib.blake2b(b"".join(bits)).hexdigest()


def say(said: Path, training: Callable[[], list[bytes]]) -> None:
    """Train, and write down which bits came of it."""
    said.write_text(digest(training()))


def seconds(kept: Callable[[], object], path: Path) -> float:
    """How long a training takes that is kept, and not killed."""
    start = time.perf_counter()
    kept()
    path.unlink()
    return time.perf_counter() - start


def forked(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def lived(child: int, seconds: float) -> bool:
    """Whether a process ended by itself before it was killed after some seconds."""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def main(folder: Path, kills: int, seed: int) -> dict[str, int]:
    moments = random.Random(seed)
    straight = [digest(kind()) for kind in KINDS]
    threads = {comm.read_text().strip() for comm in Path("/proc/self/task").glob("*/comm")}
    assert len(threads - {"jemalloc_bg_thd"}) == 1, f"{threads} cannot be forked"  # that one can
    path, said = folder / "run.checkpoint", folder / "said"
    kept = {"checkpoint": Checkpoint(path, "2epochs"), "resume": True}
    whole = [seconds(partial(kind, **kept), path) for kind in KINDS]
    longest = [min(0.7 * took, LONGEST) for took in whole]
    found = {"killed": 0, "while writing": 0, "ended": 0, "with the same bits": 0}
    slower = 1.0
    while found["killed"] < kills:
        number = found["ended"] % len(KINDS)
        if lived(
            forked(partial(say, said, partial(KINDS[number], **kept))),
            moments.uniform(0, longest[number] * slower),
        ):
            slower = 1.0
            found["ended"] += 1
            found["with the same bits"] += said.read_text() == straight[number]
            assert not list(folder.glob(".*")), "a killed write left its file"
            path.unlink()
        else:
            found["killed"] += 1
            slower *= 1.03  # the disk may be, by now
            found["while writing"] += bool(list(folder.glob(".chainrule-*.tmp")))
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
