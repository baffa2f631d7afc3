"""Curves in characters, read as a reader reads them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rich.cells import cell_len

from chainrule.views import characters
from chainrule.views.characters import END, MARKS, STAR, Axis, Line
from chainrule.views.data import Curve, Numbers, Path, Range

nan, inf = np.nan, np.inf


def line(name: str, *values: float) -> Line:
    return name, np.arange(1.0, len(values) + 1), np.array(values)


def chart(*lines: Line, width: int = 60, height: int = 14, unicode: bool = True) -> str:
    return characters.chart(lines, width, height, x_label="epoch", y_label="loss", unicode=unicode)


def field(text: str) -> list[str]:
    """What stands right of the y axis: the rows between the first line and the x axis."""
    rows = []
    for row in text.splitlines()[1:]:
        if row.lstrip()[0] in "└+" and set(row.strip()) <= set("└─┬+-"):
            break
        rows.append(row[min(row.find(side) for side in "┤│+|" if side in row) + 1 :])
    return rows


def labels(text: str) -> list[str]:
    """The numbers at the y axis, from above."""
    return [row.split("┤")[0].strip() for row in text.splitlines() if "┤" in row]


def falling(name: str, start: float, factor: float, epochs: int = 40) -> Line:
    return line(name, *(start * factor ** np.arange(epochs)))


def many(count: int, epochs: int = 40) -> list[Line]:
    return [falling(f"optimizer {k}", 1.0, 0.99 - 0.02 * k, epochs) for k in range(count)]


def waves(seed: int) -> list[Line]:
    """Lines of every kind: with gaps, of one value, of none, over many powers of ten."""
    chance = np.random.default_rng(seed)
    lines = []
    for k in range(chance.integers(1, 18)):
        n = int(chance.integers(0, 30))
        values = 10 ** chance.uniform(-9, 9, n) if seed % 2 else chance.normal(size=n)
        values[chance.random(n) < 0.2] = chance.choice([nan, inf, -inf])
        lines.append(line(f"name {k} " * int(chance.integers(1, 6)), *values))
    return lines


# -------------------------------------------------------------------------------------- exact text

LINES = (line("high", 100, 50, 20, 15, 10), line("low", 100, 10, 1, 0.1, nan))


def test_a_small_chart_in_ascii() -> None:
    assert chart(*LINES, width=44, height=10, unicode=False) == "\n".join(
        [
            "loss",
            "100+AAAAA",
            "   |   BBAAAAAAAAAAAAAAAAAAAAAAA",
            "   |      BBBBBBB               AAAAA A high",
            "  1+             BBBBB",
            "   |                  BBBBB",
            "   |                       Bx         B low",
            "   +--------+---------------+--------",
            "            2               4",
            "                  epoch",
        ]
    )


def test_a_small_chart_in_braille() -> None:
    assert chart(*LINES, width=44, height=10) == "\n".join(
        [
            "loss",
            "100┤A⠫⠵⡒⠒⠒⠤⠤⠤⢄⣀⣀",
            "   │   ⠈⠉⠢B⡀    A⠉⠉⠒⠒⠒⠒⠒⠢⠤⠤⠤A⠤⠤⣀⣀⣀⡀",
            "   │       ⠈⠉⠒⠤⣀                  ⠈⠉A A high",
            "  1┤            ⠉⠑⠢⢄⣀",
            "   │                 ⠉B⠤⣀",
            "   │                     ⠉⠒Bx         B low",
            "   └────────┬───────────────┬────────",
            "            2               4",
            "                  epoch",
        ]
    )


@pytest.mark.parametrize("unicode", [True, False])
def test_a_straight_line_on_the_logarithmic_axis_falls_from_corner_to_corner(unicode: bool) -> None:
    rows = field(chart(falling("adam", 1.0, 0.5), unicode=unicode))
    assert rows[0].startswith("A")
    assert rows[-1].endswith("A A adam")
    inked = [len(row.rstrip()) for row in rows[:-1]]
    assert inked == sorted(inked)


# ------------------------------------------------------------------------------- telling them apart


@pytest.mark.parametrize("unicode", [True, False])
def test_the_mark_of_the_lower_line_is_below_that_of_the_higher_one(unicode: bool) -> None:
    text = chart(falling("low", 1, 0.8), falling("high", 1, 0.95), unicode=unicode)
    rows = field(text)
    last = max(row.find(" A low") for row in rows) - 1  # the last column of the field
    ends = {row[last]: k for k, row in enumerate(rows) if len(row) > last and row[last] in "AB"}
    assert ends["B"] < ends["A"]
    assert rows[ends["A"]].endswith("A A low")
    assert rows[ends["B"]].endswith("B B high")


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [60, 160])
def test_sixteen_lines_have_sixteen_marks_and_names(unicode: bool, width: int) -> None:
    text = chart(*many(16), width=width, height=24, unicode=unicode)
    for k in range(16):
        assert f"{MARKS[k]} optimizer {k}" in text
        assert sum(row.count(MARKS[k]) for row in field(text)) >= 1
    assert "X" not in MARKS
    assert len(set(MARKS)) == len(MARKS) >= 16


def test_names_stand_beside_the_ends_in_their_order_though_these_are_close() -> None:
    rows = field(chart(*many(10), height=14))
    beside = [row.split()[-1] for row in rows if "optimizer" in row]
    assert beside == [str(k) for k in range(10)]


def test_names_stand_below_where_there_is_no_room_beside() -> None:
    tall = chart(*many(12), height=10).splitlines()
    below = [f"{MARKS[k]} optimizer {k}" for k in range(12)]
    assert [name.strip() for row in tall[10:] for name in row.split("  ") if name] == below
    narrow = chart(*many(2), width=39).splitlines()
    assert narrow[-1] == "A optimizer 0  B optimizer 1"


def test_equal_lines_have_their_marks_side_by_side() -> None:
    rows = field(chart(falling("one", 1, 0.8), falling("two", 1, 0.8)))
    assert "BA" in rows[-2] + rows[-1]
    assert {"A one", "B two"} == {row[-5:] for row in rows if row[-5:] in ("A one", "B two")}


# ------------------------------------------------------------------------------------------- size


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [1, 12, 30, 60, 100, 160])
def test_nothing_is_wider_than_the_width_nor_ends_with_spaces(width: int, unicode: bool) -> None:
    for seed in range(20):
        text = chart(*waves(seed), width=width, height=5 + seed, unicode=unicode)
        assert max(map(cell_len, text.splitlines())) <= width
        assert all(row == row.rstrip() for row in text.splitlines())
        assert unicode or text.isascii()
        assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("height", [8, 18, 40])
def test_the_height_is_what_was_asked_for(height: int) -> None:
    assert len(chart(*many(3), height=height).splitlines()) == height


def test_the_width_is_used() -> None:
    for width in (60, 160):
        rows = chart(*many(3), width=width).splitlines()
        assert max(map(len, rows)) == width


# ------------------------------------------------------------------------------ gaps and divergence


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("gone", [nan, inf])
def test_a_line_that_stops_early_ends_with_an_x(gone: float, unicode: bool) -> None:
    text = chart(line("sgd", 3, 4, gone, gone), falling("adam", 3, 0.5, 4), unicode=unicode)
    (row,) = [row for row in field(text) if END in row]
    columns = len(text.splitlines()[-3].lstrip()) - 1  # of the x axis, without its corner
    assert row.index(END) == pytest.approx((columns - 1) / 3, abs=1)
    assert row[row.index(END) - 1] == "A"
    assert text.count(END) == 1


def test_a_gap_is_left_empty() -> None:
    rows = field(chart(line("adam", 1, 1, nan, nan, 1, 1), unicode=False, height=12))
    (row,) = [row for row in rows if "A" in row]
    drawn = row[: row.index(" A adam")]
    assert drawn.startswith("AAAAAAAA")
    assert drawn.endswith("AAAAAAAA")
    assert drawn.count(" ") / len(drawn) == pytest.approx(3 / 5, abs=0.1)


def test_a_value_between_two_gaps_is_a_point() -> None:
    rows = field(chart(line("adam", nan, 2, nan), line("sgd", 3, 2, 1), unicode=False))
    assert sum(row.split(" B sgd")[0].split(" x adam")[0].count("A") for row in rows) <= 2
    assert sum(row.count(END) for row in rows) >= 1


def test_a_line_of_which_nothing_is_there_has_an_x_before_its_name() -> None:
    assert "x sgd" in chart(line("sgd", nan, nan), falling("adam", 1, 0.5))
    assert chart(line("sgd", nan, inf), line("adam")) == "x sgd\nx adam"
    assert characters.chart([], 60, 14, x_label="", y_label="") == ""


def test_a_line_that_explodes_leaves_room_for_the_others() -> None:
    text = chart(line("sgd", 1, 1e5, 1e10, 1e30), line("adam", 1, 0.5, 0.1, 0.05), unicode=False)
    rows = field(text)
    assert "1e+" not in text
    assert sum("B" in row for row in rows) > len(rows) / 2
    assert rows[0].rstrip().endswith("A A sgd")


# -------------------------------------------------------------------------------------------- axes


def test_the_axis_is_logarithmic_only_where_every_value_is_positive() -> None:
    assert labels(chart(line("a", 1, 0.1, 0.01))) == ["1", "0.1", "0.01"]
    assert labels(chart(line("a", 1, 0.5, 0))) == ["1", "0.5", "0"]
    assert labels(chart(line("a", 1, 0.5, -1))) == ["1", "0", "-1"]


def test_labels_stand_in_the_rows_of_their_values() -> None:
    rows = chart(line("a", 1, 0.1, 0.01, 0.001), unicode=False, height=23).splitlines()
    at = {row.split("+")[0].strip(): k for k, row in enumerate(rows) if "+" in row}
    assert [at[tick] for tick in ("1", "0.1", "0.01", "0.001")] == [1, 7, 13, 19]


@pytest.mark.parametrize(("width", "last"), [(30, "100"), (41, "100"), (60, "100"), (160, "100")])
def test_numbers_below_the_axis_are_whole_and_not_cut(width: int, last: str) -> None:
    text = chart(falling("a", 1, 0.9, 100), width=width)
    numbers = text.splitlines()[-2 if width >= 40 else -3].split()
    assert numbers[-1] == last
    assert len({int(b) - int(a) for a, b in itertools.pairwise(numbers)}) == 1


def test_there_is_no_half_an_epoch() -> None:
    assert chart(line("a", 3, 2, 1)).splitlines()[-2].split() == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0.001, 10.0, True, [0.001, 0.01, 0.1, 1, 10]),
        (1e-16, 1e3, True, [1e-15, 1e-10, 1e-5, 1]),
        (0.012, 0.08, True, [0.02, 0.05]),
        (0.21, 0.29, True, [0.22, 0.24, 0.26, 0.28]),
        (1.0, 100.0, False, [20, 40, 60, 80, 100]),
        (0.0, 1.0, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3.0, 3.0, False, [-2, 0, 2]),
        (1.0, 3.0, False, [1, 2, 3]),
        (1e6, 1e6 + 0.5, False, [1e6, 1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.3, 1e6 + 0.4, 1e6 + 0.5]),
    ],
)
def test_ticks_are_few_and_round(low: float, high: float, log: bool, ticks: list[float]) -> None:
    assert Axis(low, high, log).ticks(6) == pytest.approx(ticks, rel=1e-12)


def test_labels_have_as_many_figures_as_tell_them_apart() -> None:
    text = chart(line("a", 1e6, 1e6 + 0.4), height=20)
    assert "1000000.2┤" in text
    assert "1000000.1┤" in text


@pytest.mark.parametrize("value", [0.0, 5.0, -2.0])
def test_one_value_alone_stands_in_the_middle(value: float) -> None:
    rows = field(chart(line("a", value), height=15, unicode=False))
    (row,) = [k for k, row in enumerate(rows) if "A" in row]
    assert row == len(rows) // 2


def test_values_that_hardly_differ_are_one_value() -> None:
    assert labels(chart(line("a", 1e6, 1e6 * (1 + 1e-14)), height=12))[-1] == "500000"


# ------------------------------------------------------------------------------------------- names


def test_a_name_cannot_move_the_cursor() -> None:
    text = chart(line("\x1b[31mred\r\nnext\x07", 2, 1))
    assert "A ?[31mred??next?" in text


def test_a_long_name_is_shortened() -> None:
    long = "a name that is longer than a third of the width"
    for unicode, dots in ((True, "…"), (False, "..")):
        rows = chart(line(long, 2, 1), unicode=unicode).splitlines()
        (row,) = [row for row in rows if "A a name that" in row]
        assert row.endswith(dots)
        assert len(row) == 60


def test_a_name_whose_letters_take_two_columns_is_counted_so() -> None:
    rows = chart(line("最適化器", 3, 2, 1), falling("adam", 3, 0.5, 3)).splitlines()
    assert any("最適化器" in row for row in rows)
    assert max(map(cell_len, rows)) == 60


def test_what_is_not_ascii_becomes_a_question_mark() -> None:
    assert "A ad?m" in chart(line("adäm", 2, 1), unicode=False)


# --------------------------------------------------------------------------------- what is compared


def test_curves_draw_the_median_of_the_runs_that_are_left() -> None:
    losses = np.array([[4.0, 2.0, nan], [8.0, 1.0, nan], [5.0, inf, 0.25]])
    shown = characters.curves([Curve("adam", losses)], 60, 14)
    assert shown.splitlines()[0] == "loss, median of 3 runs"
    expected = chart(line("adam", 5, 1.5, 0.25))
    assert shown.splitlines()[1:] == expected.splitlines()[1:]


def test_curves_whose_runs_all_diverged_end_with_an_x() -> None:
    losses = np.array([[1.0, 2.0, nan], [1.0, nan, nan]])
    text = characters.curves([Curve("sgd", losses), Curve("adam", 1 / np.ones((2, 3)))], 60, 14)
    assert text.count(END) == 1
    assert "mean loss" in characters.curves([Curve("adam", np.ones((1, 3)))], 60, 14)


def test_paths_draw_the_values_from_step_0_on() -> None:
    values = np.array([16.0, 4.0, 1.0, nan])
    text = characters.paths([Path("sgd", np.zeros((4, 2)), values)], 60, 14)
    assert text.splitlines()[0] == "value"
    assert text.splitlines()[-1].strip() == "step"
    assert text.splitlines()[-2].split() == ["0", "1", "2"]
    assert END in text


def test_paths_show_no_value_below_what_double_precision_tells_from_0() -> None:
    text = characters.paths([Path("sgd", np.zeros((3, 2)), np.array([1.0, 1e-3, 0.0]))], 60, 20)
    assert labels(text) == ["1", "0.001", "1e-06", "1e-09", "1e-12", "1e-15"]


def ramp(name: str, suggested: float | None, losses: Numbers) -> Range:
    return Range(name, np.logspace(-6, 0, losses.size), losses, suggested)


def test_ranges_have_a_star_at_the_suggested_rate_and_an_x_where_the_loss_grows() -> None:
    losses = np.array([1.0, 1.0, 0.8, 0.4, 0.2, 3.0, nan])
    text = characters.ranges([ramp("adam", 1e-3, losses)], 70, 15, unicode=False)
    rows = field(text)
    (star,) = [row.index(STAR) for row in rows if STAR in row]
    (end,) = [row.index(END) for row in rows if END in row]
    columns = text.splitlines()[-3].split("+", 1)[1]
    assert star == round((len(columns) - 1) * 3 / 4)
    assert end == len(columns) - 1
    assert "learning rate (* suggested)" in text
    assert text.splitlines()[-2].split() == ["1e-06", "1e-05", "0.0001", "0.001", "0.01"]


def test_ranges_without_a_suggestion_have_no_star() -> None:
    text = characters.ranges([ramp("adam", None, np.linspace(1, 1.2, 7))], 70, 15)
    assert STAR not in text
    assert text.splitlines()[-1].strip() == "learning rate"
    assert characters.ranges([ramp("adam", None, np.full(7, nan))], 70, 15) == "x adam"
