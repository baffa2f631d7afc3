"""Two thousand inputs into each target; and the runner sees what goes wrong, if something does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import planted, running, targets

COUNT = 2000


@pytest.fixture(scope="module", autouse=True)
def _processes_that_find_this_room() -> Iterator[None]:
    folder = str(Path(__file__).parent.parent)
    sys.path.append(folder)
    running.preload([targets.__name__])
    yield
    sys.path.remove(folder)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_every_input_is_taken_or_refused_in_words(name: str) -> None:
    found = running.survey(targets.__name__, name, 0, COUNT)
    told = "\n".join(f"input {f.number}: {f.what}\n{f.told}" for f in found.failures)
    assert not found.failures, told
    assert found.taken + found.refused == COUNT
    assert found.taken >= 20 and found.refused >= 20


def test_the_same_seed_gives_the_same_inputs() -> None:
    for target in targets.TARGETS.values():
        some = [target.input(7, number) for number in range(5)]
        assert some == [target.input(7, number) for number in range(5)]
        assert some != [target.input(8, number) for number in range(5)]


WAYS = {
    1: "killed by SIGSEGV",
    2: "hangs: more than 0.5 s",
    3: "MemoryError",
    4: "KeyError",
    5: "AssertionError",
    6: "AssertionError",
    7: "MemoryError",
}


def test_the_runner_sees_what_goes_wrong() -> None:
    first = {way: _first_of(way) for way in WAYS}
    count = max(first.values()) + 1
    found = running.survey(planted.__name__, "wrong", 0, count, seconds=0.5)
    assert found.taken + found.refused + found.failed == count
    by_number = {failure.number: failure for failure in found.failures}
    for way in (1, 2, 3, 4, 5):  # 6 and 7 are of a kind that was seen
        assert by_number[first[way]].what.startswith(WAYS[way])
    assert "string_at" in by_number[first[1]].told and "time.sleep" not in by_number[first[1]].told
    assert found.failed >= len(WAYS)


def _first_of(way: int) -> int:
    """The number of the first input that begins with a byte."""
    return next(n for n in range(10_000) if planted.TARGETS["wrong"].input(0, n)[0] == way)


def test_a_target_that_cannot_make_inputs_ends_it() -> None:
    with pytest.raises(RuntimeError, match="target broken is broken itself"):
        running.survey(planted.__name__, "broken", 0, 3)
