"""The space of a sweep: which settings are tried, and between which bounds.

    depth = {from = 1, to = 4}
    width = {from = 16, to = 256, log = true}
    activation = ["relu", "silu", "tanh"]
    batch_size = 64

A table is a range, a list is a choice, and anything else is fixed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

from chainrule.activations import ACTIVATIONS
from chainrule.errors import DataError, InvalidValue, MissingFile, UnknownName, lookup, unknown
from chainrule.optimizers import LBFGS, OPTIMIZERS, make
from chainrule.training import recipe
from chainrule.training.fitting import hidden_sizes

RECIPE = "recipe"  # the optimizer that an estimator has when none is asked for
_BOUNDS = ("from", "to", "log")

Value: TypeAlias = int | float | str


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low, high: the bounds.
        log: whether equal factors, and not equal differences, are equally likely.
        whole: whether they are whole numbers.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def __contains__(self, value: object) -> bool:
        return isinstance(value, Real) and self.low <= float(value) <= self.high

    def plain(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {"from": self.low, "to": self.high, "log": self.log}


@dataclass(frozen=True)
class Choice:
    """Some values, in no order."""

    values: tuple[Value, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def plain(self) -> list[Value]:
        """As it stands in a file."""
        return list(self.values)


@dataclass(frozen=True)
class Setting:
    """What may stand in a space.

    Attributes:
        check: refuses a value that is none, by an error; gives it in its plain form.
        whole: whether numbers have to be whole; None where it takes texts.
    """

    check: Callable[[str, Any], Value]
    whole: bool | None = None


def _whole(least: int) -> Setting:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidValue(f"{name} is a whole number, {least} or more, got {value!r}")
        return value

    return Setting(check, whole=True)


def _number(holds: Callable[[float], bool], words: str) -> Setting:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not holds(value):
            raise InvalidValue(f"{name} is a number {words}, got {value!r}")
        return float(value)

    return Setting(check, whole=False)


def _optimizer(name: str, value: Any) -> str:
    if value != RECIPE:
        rule = lookup("optimizer", value, {**OPTIMIZERS, RECIPE: None})
        if isinstance(rule, LBFGS):
            raise InvalidValue(
                "lbfgs has no epochs of batches, which a sweep looks at: leave it out"
            )
    return str(value)


def _activation(name: str, value: Any) -> str:
    lookup("activation", value, ACTIVATIONS)
    if value == "softmax":
        raise InvalidValue("softmax is there for the output layer only")
    return str(value)


def _hidden(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f'{name} is sizes with commas between, as "64,64"; got {value!r}')
    return ",".join(map(str, hidden_sizes(value)))


SETTINGS: dict[str, Setting] = {
    "depth": _whole(0),
    "width": _whole(1),
    "hidden": Setting(_hidden),
    "activation": Setting(_activation),
    "optimizer": Setting(_optimizer),
    "learning_rate": _number(lambda v: 0 < v < float("inf"), "above 0"),
    "dropout": _number(lambda v: 0 <= v < 1, "from 0 to below 1"),
    "weight_decay": _number(lambda v: 0 <= v < float("inf"), "0 or more"),
    "batch_size": _whole(1),
}

DEFAULT: dict[str, Any] = {
    "depth": {"from": 1, "to": 4},
    "width": {"from": 16, "to": 256, "log": True},
    "activation": ["relu", "silu", "gelu", "tanh"],
    "optimizer": [RECIPE, "adamw", "nesterov", "rmsprop"],
    "learning_rate": {"from": 1e-4, "to": 1.0, "log": True},
    "dropout": {"from": 0.0, "to": 0.5},
    "weight_decay": {"from": 1e-5, "to": 0.3, "log": True},
}


@dataclass(frozen=True)
class Space:
    """What is tried.

    Attributes:
        tried: the settings that differ between trials.
        fixed: those that are the same in all.
    """

    tried: Mapping[str, Range | Choice]
    fixed: Mapping[str, Value]

    @classmethod
    def of(cls, given: Mapping[str, Any] | str | os.PathLike[str] | None = None) -> Space:
        """A space from a mapping, a TOML file, or the default one.

        Raises:
            MissingFile: there is no such file.
            DataError: it is not TOML.
            UnknownName: a setting, an optimizer or an activation is called otherwise.
            InvalidValue: bounds or values that do not fit; the text says which.
        """
        if given is None:
            given = DEFAULT
        if isinstance(given, (str, os.PathLike)):
            path = Path(given)
            return _in_file(path, lambda: cls._parsed(_read(path)))
        return cls._parsed(given)

    @classmethod
    def _parsed(cls, given: Mapping[str, Any]) -> Space:
        entries = {name: _entry(name, value) for name, value in given.items()}
        if "hidden" in entries and {"depth", "width"} & entries.keys():
            raise InvalidValue("hidden has the sizes of all layers: leave out depth and width")
        if ("depth" in entries) != ("width" in entries):
            raise InvalidValue(
                "depth and width go together: how many hidden layers, how many units in each"
            )
        tried = {name: e for name, e in entries.items() if isinstance(e, (Range, Choice))}
        space = cls(
            tried, {name: e for name, e in entries.items() if not isinstance(e, (Range, Choice))}
        )
        if not tried:
            raise InvalidValue("every setting of the space is fixed: there is nothing to try")
        space._check_decay()
        return space

    def _check_decay(self) -> None:
        for name in self._values("optimizer") if "weight_decay" in self.names else ():
            if name != RECIPE:
                make(str(name), weight_decay=0.0)  # refuses an optimizer without one

    def _values(self, name: str) -> tuple[Value, ...]:
        entry = self.tried.get(name)
        if isinstance(entry, Choice):
            return entry.values
        return (self.fixed[name],) if name in self.fixed else ()

    @property
    def names(self) -> tuple[str, ...]:
        """All settings, as `SETTINGS` has them."""
        return tuple(name for name in SETTINGS if name in self.tried or name in self.fixed)

    def settings(self, tried: Mapping[str, Any]) -> dict[str, Any]:
        """What an estimator takes, for the values of a trial.

        Args:
            tried: a value for each setting that is tried.
        """
        found: dict[str, Any] = {**self.fixed, **tried}
        if "depth" in found:
            found["hidden"] = (found.pop("width"),) * found.pop("depth")
        elif "hidden" in found:
            found["hidden"] = hidden_sizes(found["hidden"])
        if found.get("optimizer") == RECIPE:
            del found["optimizer"]
        return found

    def extremes(self) -> Iterator[dict[str, Any]]:
        """Settings in which every choice and every end of a range comes once at least."""
        ends = {
            name: entry.values if isinstance(entry, Choice) else (entry.low, entry.high)
            for name, entry in self.tried.items()
        }
        for k in range(max(map(len, ends.values()))):
            yield self.settings({name: each[min(k, len(each) - 1)] for name, each in ends.items()})

    def usual(self, rows: int, regression: bool) -> dict[str, Value] | None:
        """The settings that an estimator has when nothing is asked for; None where they lie outside."""
        kind = recipe.KINDS[0]
        rule = kind.rule(rows, regression)
        width, *others = recipe.HIDDEN
        values: dict[str, Value] = {
            "depth": 1 + len(others),
            "width": width,
            "hidden": ",".join(map(str, recipe.HIDDEN)),
            "activation": kind.activation,
            "optimizer": RECIPE,
            "learning_rate": rule.learning_rate,
            "dropout": recipe.DROPOUT,
            "weight_decay": rule.weight_decay,
            "batch_size": recipe.Length.of(rows).batch_size,
        }
        if any(values[name] not in entry for name, entry in self.tried.items()):
            return None
        return {name: values[name] for name in self.tried}

    def plain(self) -> dict[str, Any]:
        """As it stands in a file."""
        return {**{name: entry.plain() for name, entry in self.tried.items()}, **self.fixed}


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise MissingFile(f"no such file: {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not TOML: {error}") from None


def _in_file(path: Path, parse: Callable[[], Space]) -> Space:
    """The space of a file, whose name stands before what is wrong in it."""
    try:
        return parse()
    except MissingFile:
        raise
    except (DataError, InvalidValue, UnknownName) as error:
        raise type(error)(f"{path}: {error}") from None


def _entry(name: str, value: Any) -> Range | Choice | Value:
    if name not in SETTINGS:
        raise unknown("setting of a sweep", name, SETTINGS)
    setting = SETTINGS[name]
    if isinstance(value, Mapping):
        return _range(name, setting, value)
    if isinstance(value, (list, tuple)):
        values = tuple(setting.check(name, each) for each in value)
        if not values or len(set(values)) < len(values):
            raise InvalidValue(f"{name} is a choice of different values, got {list(value)}")
        return Choice(values) if len(values) > 1 else values[0]
    return setting.check(name, value)


def _range(name: str, setting: Setting, given: Mapping[str, Any]) -> Range | Value:
    if setting.whole is None:
        raise InvalidValue(f"{name} has no range: give a list of values")
    for key in given:
        if key not in _BOUNDS:
            raise unknown(f"part of the range of {name}", key, _BOUNDS)
    if not {"from", "to"} <= given.keys():
        raise InvalidValue(f"the range of {name} has a from and a to")
    low, high = (setting.check(f"{name}, {end},", given[end]) for end in ("from", "to"))
    log = given.get("log", False)
    assert not isinstance(low, str) and not isinstance(high, str)  # no range has texts
    if not isinstance(log, bool):
        raise InvalidValue(f"log of {name} is true or false, got {log!r}")
    if low > high:
        raise InvalidValue(f"the range of {name} goes from {low:g} down to {high:g}")
    if log and low <= 0:
        raise InvalidValue(f"the range of {name} is logarithmic: it begins above 0, not at {low:g}")
    return low if low == high else Range(low, high, log, setting.whole)
