"""What can be taken from the page: the model, a script for PyTorch, the call in Python, the curves."""

from __future__ import annotations

import base64
import csv
import io
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule import optimizers
from chainrule.errors import InvalidValue
from chainrule.storage import Model, save
from chainrule.tables import SHAPES
from chainrule.torch.source import source
from chainrule.web.lane import Lane
from chainrule.web.race import Race

_EXAMPLES, _NAMED = 5, 20  # rows that the script for PyTorch answers, and inputs that it names


def export(race: Race, number: int, what: Any) -> tuple[str, dict[str, str]]:
    """A file to keep.

    Args:
        race: the lanes.
        number: which lane, from 0.
        what: "model", "torch", "python" or "curves".

    Returns:
        Its name, and its content: {"text": …}, or {"base64": …} for bytes.

    Raises:
        InvalidValue: there is no such file, or a parameter is not finite.
    """
    if not isinstance(what, str) or what not in _FILES:
        raise InvalidValue(f"the page exports {', '.join(_FILES)}")
    ending, make = _FILES[what]
    made = make(race, number)
    stem = "".join(c if c.isalnum() else "-" for c in Path(race.scene.title).stem)[:40] or "network"
    content = {"text": made} if isinstance(made, str) else {"base64": base64.b64encode(made).decode()}  # fmt: skip
    return f"{stem}{ending}", content


def model(race: Race, number: int) -> bytes:
    """The lane's network as a model file, with what turns a table into its rows."""
    lane = race.lanes[number]
    history = {"steps": lane.step, "epochs": lane.epochs, "data": race.scene.title}
    made = Model(lane.current(), lane.current_plan, race.scene.encoder, race.scene.target, history)
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        path = Path(folder, "model.safetensors")
        save(made, path)
        return path.read_bytes()


def torch_script(race: Race, number: int) -> str:
    """The lane's network as a script that needs PyTorch alone, and shows what it answers."""
    lane, scene = race.lanes[number], race.scene
    names = ", ".join(map(repr, scene.inputs[:_NAMED])) + ", …" * (len(scene.inputs) > _NAMED)
    rows = ",\n".join(f"    {row}" for row in scene.X[:_EXAMPLES].tolist())
    return (
        f"# {_title(lane, scene.title)}\n"
        f"{source(lane.current())}\n"
        f"# What it takes: {names}.\n"
        f"{_meaning(race)}\n"
        f"X = torch.tensor([\n{rows},\n])  # the first rows that it learned from\n"
        "print(net(X).detach())\n"
    )


def python_call(race: Race, number: int) -> str:
    """The call that trains the lane's network again."""
    lane, experiment = race.lanes[number], race.experiment
    rule, net, data = lane.plan.optimizer, experiment.net, experiment.data
    assert isinstance(rule, optimizers.BatchOptimizer)
    penalty = f"    penalty={lane.plan.penalty!r},\n" if lane.plan.penalty else ""
    dropout = f"    dropout={net.dropout!r},\n" if net.dropout else ""
    notes = ["# What was changed by hand on the way is not in this call."] * bool(experiment.changes)  # fmt: skip
    notes += ["# The first weights given by hand are not in this call."] * bool(net.weights)
    return "\n".join(
        [
            f'"""{_title(lane, race.scene.title)}"""\n',
            "import numpy as np" if _is_points(race) else "from chainrule.training.problem import Problem",
            "import chainrule",
            "from chainrule.tables import " + ("builtin" if not data.file else "read_table"),
            "",
            *notes,
            *_rows(race),
            "network = chainrule.Network.of_sizes(",
            f"    {list(lane.network.sizes)},",
            f"    activation={list(net.activations)},",
            f"    output={lane.network.activations[-1]!r},",
            f"    seed={experiment.seed},",
            f"    initializer={net.initializer!r},",
            ")",
            "result = chainrule.train(",
            "    network,",
            "    X,",
            "    y,",
            f"    optimizer=chainrule.{rule!r},",
            f"    epochs={max(1, math.ceil(lane.epochs))},",
            f"    batch_size={lane.plan.batch_size},",
            f"{penalty}{dropout}    seed={experiment.seed},",
            ")",
            "print(result.history.frame())",
            "",
        ]
    )  # fmt: skip


def curves(race: Race, number: int) -> str:
    """The measures of every lane as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    score = "accuracy" if race.scene.classes else "r2"
    writer.writerow(["lane", "optimizer", "step", "loss", "validation_loss", score])
    for i, (rule, curve) in enumerate(zip(race.experiment.lanes, race.curves, strict=True), 1):
        for at in curve:
            writer.writerow([i, rule.optimizer, at.step, *(f"{v:.9g}" for v in (at.loss, at.validation, at.score))])  # fmt: skip
    return text.getvalue()


_FILES: dict[str, tuple[str, Callable[[Race, int], str | bytes]]] = {
    "model": (".safetensors", model),
    "torch": ("-torch.py", torch_script),
    "python": (".py", python_call),
    "curves": ("-curves.csv", curves),
}


def _title(lane: Lane, title: str) -> str:
    name = optimizers.called(lane.plan.optimizer)
    safe = "".join(c if c.isprintable() and c not in '"\\' else "?" for c in title)
    return f"The network that {name} trained on {safe}, after {lane.step:,} steps."


def _is_points(race: Race) -> bool:
    return race.scene.encoder is None


def _meaning(race: Race) -> str:
    """What the outputs are, as a comment."""
    scene = race.scene
    if not scene.classes:
        mean, spread = scene.target.mean, scene.target.spread
        return f"# What it gives: z, which stands for {mean:.9g} + {spread:.9g}·z of {scene.target.name!r}."  # fmt: skip
    if len(scene.classes) == 2:
        return f"# What it gives: the probability of {scene.classes[1]!r}, before the logistic function."  # fmt: skip
    return f"# What it gives: the probabilities of {', '.join(map(repr, scene.classes))}, before softmax."  # fmt: skip


def _rows(race: Race) -> list[str]:
    """Lines that make X and y."""
    data = race.experiment.data
    last = next((c for c in reversed(race.experiment.changes) if c.what == "points"), None)
    if last is not None:
        data = replace(data, added=last.added, removed=last.removed)
    if not _is_points(race):
        table = f"read_table({data.name!r})" if data.file else f"builtin({data.name!r})"
        return [
            f"problem = Problem.of({table}, {race.scene.target.name!r}, validation={data.validation!r}, seed={data.seed})",
            "X, y = problem.X, problem.y",
        ]
    assert data.name in SHAPES
    lines = [
        f"table = builtin({data.name!r}, rows={data.rows}, noise={data.noise!r}, seed={data.seed})",
        'X, y = np.column_stack([table["x1"], table["x2"]]), table["class"]',
    ]
    if data.added:
        lines += [
            f"added = np.array({[list(point) for point in data.added]})",
            "X, y = np.concatenate([X, added[:, :2]]), np.concatenate([y, added[:, 2]])",
        ]
    if data.removed:
        lines.append(f"X, y = np.delete(X, {list(data.removed)}, axis=0), np.delete(y, {list(data.removed)})")  # fmt: skip
    return lines
