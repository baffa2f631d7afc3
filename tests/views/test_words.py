"""Numbers in words."""

from __future__ import annotations

import math

from chainrule.views import words


def test_numbers_in_words() -> None:
    assert words.number(0.000123456) == "0.0001235" and words.number(math.inf) == "–"
    assert words.count(12345.0) == "12,345" and words.count(math.nan) == "–"
    assert words.rate(None) == "finds its own" and words.rate(0.032) == "0.032"
    assert words.spread([0.5, 0.25, 1.0]) == "0.25 – 1" and words.spread([1.0]) == "–"
    assert words.score(0.9876, "accuracy") == "98.8 %" and words.score(0.9876, "R²") == "0.9876"
    assert words.score(math.nan, "accuracy") == "–"
    assert words.many(1, "thread") == "1 thread" and words.many(1200, "row") == "1,200 rows"


def test_times_in_a_unit_that_fits() -> None:
    given = {1.5: "1.5 s", 0.0321: "32.1 ms", 4.2e-5: "42 µs", 3e-8: "30 ns"}
    assert [words.time(seconds) for seconds in given] == list(given.values())


def test_a_table_has_its_columns_below_each_other() -> None:
    assert words.table(["name", "n"], [["a", "10"], ["bcdef", "–"]]) == (
        "name    n\na      10\nbcdef   –"
    )


def test_long_times_in_hours_and_minutes() -> None:
    given = {59.0: "59 s", 61.4: "1 min 01 s", 3599.7: "1 h 00 min", 93784.0: "26 h 03 min"}
    assert [words.duration(seconds) for seconds in given] == list(given.values())


def test_text_from_outside_is_one_line_of_letters() -> None:
    assert words.clean("a\x1b[2J\nb\u202e ü") == "a�[2J�b� ü"
    assert words.clean("x" * 50, 5) == "xxxx…"
