"""The benchmarks' arithmetic, on contenders that only say how long they took."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from benchmarks import harness, table
from benchmarks.disturbance import share_of_others
from benchmarks.harness import AbsentError, FailedError, Sample, Spread, Worker, compare
from benchmarks.peers import Peer
from benchmarks.table import Subject
from benchmarks.works import BEST, WORKS, Training, training_loss


class Fake:
    """A contender with its seconds written down in advance."""

    def __init__(self, key: str, seconds: list[float], log: list[str], absent: str = "") -> None:
        self.key = key
        self.name = f"the {key}"
        self._seconds: Iterator[float] = iter(seconds)
        self._log = log
        self._absent = absent
        self.closed = False

    def prepare(self) -> str:
        if self._absent:
            raise AbsentError(self._absent)
        return "1.0"

    def measure(self) -> Sample:
        self._log.append(self.key)
        return Sample(next(self._seconds))

    def check(self) -> float:
        return 0.25

    def close(self) -> None:
        self.closed = True


SUBJECT = Subject("tiny", "step", units=100, check="final loss", goals={"slow": 5, BEST: 3.0})


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes of the machine that runs the tests are no part of them."""
    monkeypatch.setattr(harness, "busy_seconds", lambda: None)


def three(log: list[str]) -> harness.Comparison:
    ours = Fake("chainrule", [1e-4, 2e-4, 4e-4], log)
    slow = Fake("slow", [1e-3, 8e-3, 4e-3], log)
    gone = Fake("gone", [], log, absent="not installed: pip install gone")
    comparison = compare([ours, slow, gone], rounds=3, rest=0)
    assert ours.closed and slow.closed and gone.closed
    return comparison


def test_medians_quartiles_and_ratios_by_round() -> None:
    comparison = three([])
    seconds = comparison["slow"].seconds
    assert [seconds.median, seconds.low, seconds.high] == pytest.approx([4e-3, 2.5e-3, 6e-3])
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0)
    ratio = comparison.ratio("slow", "chainrule")  # 10, 40, 10 by round, not 4e-3 / 2e-4 = 20
    assert [ratio.median, ratio.low, ratio.high] == pytest.approx([10, 10, 25])
    assert comparison["chainrule"].check == 0.25


def test_the_rounds_are_interleaved_and_rotated() -> None:
    log: list[str] = []
    three(log)
    assert log == ["chainrule", "slow", "slow", "chainrule", "chainrule", "slow"]


def test_a_missing_peer_is_named_with_its_pip_line() -> None:
    comparison = three([])
    assert "the gone       not installed: pip install gone" in table.text(SUBJECT, comparison)
    entry = table.data(SUBJECT, comparison)["entries"][2]
    why = "not installed: pip install gone"
    assert entry == {"key": "gone", "name": "the gone", "absent": why, "failed": False}


def test_a_worker_whose_library_is_missing_is_named() -> None:
    peer = Peer("nowhere", "Nowhere", "sgemm", {"no_such_library": "no-such-library"})
    worker = Worker(peer, "lecture", 1)
    program = (
        "import sys; from benchmarks.peers import Peer; from benchmarks.worker import serve;"
        f" serve({peer!r}, 'lecture', 1, sys.stdout)"
    )
    worker._command[1:] = ["-c", program]
    comparison = compare([worker], rounds=1, rest=0)
    assert comparison["nowhere"].absent == "not installed: pip install no-such-library"


def test_a_contender_that_breaks_down_is_named_and_the_others_go_on() -> None:
    class Breaking(Fake):
        def measure(self) -> Sample:
            raise FailedError("stopped with exit code -11")

    ours = Fake("chainrule", [1.0, 1.0], [])
    comparison = compare([ours, Breaking("slow", [], [])], rounds=2, rest=0)
    assert comparison["slow"].failed and len(comparison["chainrule"].samples) == 2
    assert "the slow       FAILED: stopped with exit code -11" in table.text(SUBJECT, comparison)


def test_the_table_judges_each_goal() -> None:
    text = table.text(SUBJECT, three([]))
    assert "≥ 3×: reached" in text  # the best peer's goal goes before its own
    assert table.data(SUBJECT, three([]))["entries"][1]["ratio"]["median"] == pytest.approx(10)
    assert table.data(SUBJECT, three([]))["entries"][0]["us_per_unit"] == pytest.approx(2.0)


def test_a_disturbed_comparison_says_so_and_judges_nothing() -> None:
    comparison = three([])
    comparison["slow"].samples[0] = Sample(1e-3, turn=(1000.0, 1.0))
    text = table.text(SUBJECT, comparison)
    assert "DISTURBED: other processes used the processors (the slow" in text
    assert "≥ 3×: not judged" in text and "reached" not in text
    assert table.data(SUBJECT, comparison)["disturbed"] is True


def test_the_share_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.disturbance.os.cpu_count", lambda: 2)
    assert share_of_others([(0.5, 1.0), (0.3, 1.0)]) == pytest.approx(0.2)
    assert share_of_others([(-0.1, 1.0)]) == 0.0
    assert share_of_others([]) is None


def test_operations_of_the_lectures_step() -> None:
    work = WORKS["lecture"]
    assert isinstance(work, Training)
    assert work.units == 5000
    assert work.flops == 2 * 10 * (3 * (40 + 800 + 800 + 20) - 40)  # 98,800


@pytest.mark.parametrize(
    ("loss", "outputs", "expected"),
    [("binary_cross_entropy", 1, 0.693147), ("cross_entropy", 4, 1.386294)],
)
def test_the_judge_on_a_network_of_zeros(loss: str, outputs: int, expected: float) -> None:
    work = Training("tiny", (3, 5, outputs), rows=8, batch=4, loss=loss)
    zeros = [(0 * W, 0 * b) for W, b in work.weights()]
    assert training_loss(work, zeros) == pytest.approx(expected, abs=1e-6)
