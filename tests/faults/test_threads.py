"""A thread that throws: its error arrives, and nobody waits for it; the engine's own are in tests/engines/test_bindings.py."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from chainrule.cli.app import run
from chainrule.engines.native_engine import NativeEngine
from chainrule.errors import EngineError
from chainrule.training.pool import Pool
from chainrule.web.conductor import Conductor
from chainrule.web.lane import Lane
from chainrule.web.uploads import Tables


def test_a_job_that_throws_ends_the_pool() -> None:
    def broken() -> None:
        raise EngineError("this one")

    begun = threading.active_count()
    with pytest.raises(EngineError, match="this one"), Pool(2) as pool:
        pool.run("jobs", [lambda: time.sleep(0.01), broken, *[lambda: time.sleep(0.01)] * 500])
    assert pool.stop.is_set()
    assert threading.active_count() == begun


def test_an_engine_that_throws_in_one_of_several_trainings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    calls = iter(range(10**9))
    epoch = NativeEngine.epoch

    def tired(self: NativeEngine, *given: Any) -> float:
        if next(calls) == 20:
            raise MemoryError
        return epoch(self, *given)

    monkeypatch.setattr(NativeEngine, "epoch", tired)
    assert run(["fit", "iris", "--members", "4", "--epochs", "50", "--json"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "chainrule: there is not enough memory (the system gives no more); fewer rows or columns take less,"
        " and so does fit with --members 1 or --bins 0"
    ]
    assert not list(tmp_path.iterdir())


def test_a_lane_of_the_page_that_throws_is_told(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:  # fmt: skip
    def broken(self: Lane, steps: int) -> None:
        raise RuntimeError("this lane")

    monkeypatch.setattr(Lane, "advance", broken)
    told: list[Any] = []
    conductor = Conductor(Tables().find, told.append, lambda frame: None)
    conductor.start()
    lanes = [{"optimizer": "sgd"}, {"optimizer": "adam"}]
    conductor.inbox.put({"do": "begin", "experiment": {"lanes": lanes}, "playing": True})
    conductor.join(timeout=20)
    assert not conductor.is_alive()
    assert told[-1] == {"say": "broken", "text": "something broke here; the terminal says what"}
    assert "this lane" in caplog.text
