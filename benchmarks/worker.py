"""The process a peer lives in: ``python -m benchmarks.worker PEER WORK THREADS``.

It answers in lines of JSON: first ``{"ready": …}`` or ``{"absent": why}``, then one line for each
line it reads: ``measure`` (``{"seconds", "cpu_seconds", "note"}``) or ``check`` (``{"check"}``).
It ends when its input does, so warm-up and compilation stay outside of every round.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from time import process_time
from typing import TextIO

from benchmarks.peers import PEERS, Peer
from benchmarks.session import NotSupportedError, Session
from benchmarks.works import WORKS, Training


def keep_to(threads: int) -> None:
    """Leave this process as many processors as it gets threads, before it makes any."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def missing(peer: Peer) -> list[str]:
    """What pip would have to install before this peer can run."""
    return [
        package for module, package in peer.needs.items() if not importlib.util.find_spec(module)
    ]


def versions(peer: Peer) -> str:
    return ", ".join(f"{name} {importlib.import_module(name).__version__}" for name in peer.needs)


def prepared(peer: Peer, work_name: str, threads: int) -> Session:
    work = WORKS[work_name]
    module = importlib.import_module(f"benchmarks.peers.{peer.module}")
    make = module.train if isinstance(work, Training) else module.predict
    session: Session = make(work, threads)
    return session


def warm(session: Session) -> None:
    session.reset()
    session.run()


def serve(peer: Peer, work_name: str, threads: int, answers: TextIO) -> None:
    def answer(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    if lacking := missing(peer):
        return answer(absent=f"not installed: pip install {' '.join(lacking)}")
    try:
        session = prepared(peer, work_name, threads)
    except NotSupportedError as why:
        return answer(absent=str(why))
    warm(session)
    answer(ready=True, version=versions(peer))
    for line in sys.stdin:
        if line.strip() == "measure":
            before, seconds = process_time(), session.measure()
            answer(seconds=seconds, cpu_seconds=process_time() - before, note=session.note)
        else:
            answer(check=session.check())


def main() -> None:
    """Keeps the pipe to the harness to itself: what a library prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    key, work_name, threads = sys.argv[1:]
    keep_to(int(threads))
    serve(PEERS[key], work_name, int(threads), answers)


if __name__ == "__main__":
    main()
