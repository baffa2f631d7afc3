"""Early stopping, epoch by epoch."""

from __future__ import annotations

import math

import pytest

from chainrule.errors import InvalidValue
from chainrule.training.stopping import Stopping, Watch


def watched(stopping: Stopping, losses: list[float]) -> tuple[int, int]:
    """The epoch at which training stops (0: never) and the best epoch."""
    watch = Watch(stopping)
    for epoch, loss in enumerate(losses, start=1):
        watch.see(epoch, loss)
        if watch.out_of_patience:
            return epoch, watch.best_epoch
    return 0, watch.best_epoch


def test_it_stops_after_patience_epochs_without_a_gain() -> None:
    assert watched(Stopping(2), [5, 4, 6, 6, 1]) == (4, 2)
    assert watched(Stopping(3), [5, 4, 6, 6, 1]) == (0, 5)


def test_the_best_is_the_last_of_equals() -> None:
    assert watched(Stopping(9), [5, 3, 3, 4, 3, 4]) == (0, 5)


def test_an_equal_loss_does_not_renew_the_patience() -> None:
    assert watched(Stopping(2), [3, 3, 3, 3]) == (3, 3)


def test_a_small_fall_is_best_but_no_gain() -> None:
    assert watched(Stopping(2, minimum_gain=0.5), [3, 2.9, 2.8, 0]) == (3, 3)
    # the falls add up until they are a gain
    assert watched(Stopping(3, minimum_gain=0.5), [3, 2.8, 2.4, 2.3, 2.2, 1.8]) == (0, 6)


def test_a_loss_that_is_not_a_number_is_neither_best_nor_a_gain() -> None:
    assert watched(Stopping(2), [math.nan, math.nan, 1]) == (2, 0)
    assert watched(Stopping(2), [1, math.nan, math.nan]) == (3, 1)
    assert watched(Stopping(3), [math.nan, 2, math.nan, 1]) == (0, 4)


def test_patience_0_never_stops() -> None:
    assert watched(Stopping(0), [1.0] + [2.0] * 50) == (0, 1)


def test_of_takes_a_patience_a_stopping_or_none() -> None:
    given = Stopping(7, 0.1)
    assert Stopping.of(given) is given
    assert Stopping.of(5) == Stopping(patience=5)
    assert Stopping.of(None).patience == 0


@pytest.mark.parametrize("gain", [-1.0, math.nan, math.inf])
def test_settings_out_of_range_are_refused(gain: float) -> None:
    with pytest.raises(InvalidValue, match=r"patience is a number of epochs, 0 or more, got -1"):
        Stopping(-1)
    with pytest.raises(InvalidValue, match="minimum_gain is 0 or more"):
        Stopping(1, gain)
