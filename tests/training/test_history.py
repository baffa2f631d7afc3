"""The history: columns of floats."""

from __future__ import annotations

import math
import sys

import matplotlib
import pytest

from chainrule.errors import MissingExtra
from chainrule.training.history import History

matplotlib.use("Agg")


def history(*, validated: bool = True) -> History:
    made = History()
    for epoch in range(1, 5):
        validation = 1.5 / epoch if validated else math.nan
        made.rows.append((1 / epoch, validation, 0.1, 0.001 * epoch))
    return made


def test_columns() -> None:
    made = history()
    assert len(made) == 4
    assert made.epoch == [1, 2, 3, 4]
    assert made.loss == [1.0, 0.5, 1 / 3, 0.25]
    assert made.validation_loss == [1.5, 0.75, 0.5, 0.375]
    assert made.learning_rate == [0.1] * 4
    assert made.seconds == [0.001, 0.002, 0.003, 0.004]


def test_frame_has_the_columns_in_order() -> None:
    frame = history().frame()
    assert list(frame.columns) == [
        "epoch",
        "loss",
        "validation_loss",
        "learning_rate",
        "seconds",
    ]
    assert frame.shape == (4, 5)
    assert frame["loss"].dtype == "float64"
    assert frame["epoch"].tolist() == [1, 2, 3, 4]


def test_repr_says_the_last_losses() -> None:
    assert repr(history()) == "History(4 epochs, last loss 0.25, validation 0.375)"
    assert repr(history(validated=False)) == "History(4 epochs, last loss 0.25)"
    assert repr(History()) == "History(no epochs)"


def test_plot_draws_both_curves_on_a_logarithmic_axis() -> None:
    ax = history().plot()
    assert [line.get_label() for line in ax.get_lines()] == ["training", "validation"]
    assert ax.get_lines()[0].get_ydata().tolist() == [1.0, 0.5, 1 / 3, 0.25]
    assert ax.get_yscale() == "log"
    assert len(history(validated=False).plot().get_lines()) == 1


def test_plot_stays_linear_where_a_loss_is_not_positive() -> None:
    made = history()
    made.rows.append((-0.5, 0.1, 0.1, 0.1))
    assert made.plot().get_yscale() == "linear"


def test_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtra, match=r"pip install 'chainrule\[plot\]'"):
        history().plot()
