"""The errors: their roots, their words, and their way through a process boundary."""

from __future__ import annotations

import pickle

import pytest

from chainrule import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ShapeError, ValueError),
        (errors.InvalidValue, ValueError),
        (errors.UnknownName, ValueError),
        (errors.DataError, ValueError),
        (errors.MissingFile, FileNotFoundError),
        (errors.ModelFileError, ValueError),
        (errors.DivergenceError, ArithmeticError),
        (errors.MissingExtra, ImportError),
        (errors.EngineError, ValueError),
        (errors.OutOfMemory, MemoryError),
    ],
)
def test_each_is_ours_and_the_builtin_that_fits(
    error: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(error, errors.ChainruleError) and issubclass(error, builtin)
    assert error.__name__ in str(errors.__doc__) and builtin.__name__ in str(errors.__doc__)


def test_divergence_says_where() -> None:
    error = errors.DivergenceError(3, 17)
    assert (error.epoch, error.step) == (3, 17)
    assert str(error) == error.message == "the loss is not finite at step 17 of epoch 3"
    again = pickle.loads(pickle.dumps(errors.DivergenceError(3, 17, "boom")))
    assert (again.epoch, again.step, str(again)) == (3, 17, "boom")


def test_a_missing_extra_is_the_line_that_installs_it() -> None:
    error = pickle.loads(pickle.dumps(errors.MissingExtra("plot")))
    assert str(error).endswith("pip install 'chainrule[plot]'")


def test_an_unknown_name_shows_the_nearest_and_all() -> None:
    error = errors.unknown("loss", "hubr", ["huber", "poisson"])
    assert str(error) == (
        "no loss is called 'hubr'; did you mean 'huber'? (there are: huber, poisson)"
    )
    assert str(errors.unknown("loss", 7, ["huber"])) == "no loss is called 7 (there are: huber)"
