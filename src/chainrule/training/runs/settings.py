"""What runs were told, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.training.runs.reading import Run

_MOST = 3  # different values of a setting among the networks of a run; those with more tell nothing
_OF_THE_FILE = ("chainrule_run", "when", "machine", "process", "locked")
_NO_SETTINGS = ("data", "log", "out", "report", "json", "progress")  # but what is done with it
_OF_NO_NETWORK = ("network", "status", "task")
_GROUPS = ("plan.", "optimizer.")


def told(run: Run) -> dict[str, str]:
    """Every setting of a run, by name, in words.

    What was in effect stands before what was asked for: the learning rate that a network was
    trained with, before the option that may have been left out. Of several networks, a setting
    has up to three values.
    """
    first = {name: value for name, value in run.first.items() if name not in _OF_THE_FILE}
    asked = [first.pop(name, None) for name in ("arguments", "parameters")]
    first["data"] = {name: value for name, value in first["data"].items() if name != "name"}
    found: dict[str, str] = {}
    for facts in asked:
        settings = facts if isinstance(facts, dict) else {}
        found |= flat({k: v for k, v in settings.items() if k not in _NO_SETTINGS})
    return found | flat(first) | _of_networks(run)


def _of_networks(run: Run) -> dict[str, str]:
    values: dict[str, dict[str, None]] = {}  # in order, each once
    for _, facts in sorted(run.parts.items()):
        settings = {k: v for k, v in facts.items() if k not in _OF_NO_NETWORK}
        for name, value in flat(settings).items():
            values.setdefault(name, {})[value] = None
    return {
        name: " | ".join(each)
        for name, each in values.items()
        if name != "seed" and len(each) <= _MOST
    }


def differences(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The settings that are not the same in all runs, by name; "–" where a run has none."""
    each = [told(run) for run in runs]
    names = dict.fromkeys(name for settings in each for name in settings)
    rows = {name: [settings.get(name, "–") for settings in each] for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def flat(facts: Mapping[str, Any], group: str = "") -> dict[str, str]:
    """What is in objects in objects, in words, by names with dots."""
    found: dict[str, str] = {}
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{group}{name}.")
        else:
            found[_short(f"{group}{name}")] = words(value)
    return found


def _short(name: str) -> str:
    """A name without the group that it is in, where that tells nothing."""
    for group in _GROUPS:
        name = name.removeprefix(group)
        if name == "optimizer.name":
            return "optimizer"
    return name


def words(value: Any) -> str:
    """A value of JSON, as people write it."""
    match value:
        case None | [] | {}:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(words, value))
    return str(value)
