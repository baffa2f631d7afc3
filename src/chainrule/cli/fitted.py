"""What `chainrule fit` says of what it made: lines for people, an object for programs."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.views import words

if TYPE_CHECKING:
    from chainrule.storage import Model, Trained
    from chainrule.training.fitting import Fit, Scores

LABELS = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "r2": "R²",
    "rmse": "RMSE",
    "pinball_loss": "pinball loss",
    "coverage": "within",
}


def as_json(found: Fit, path: Path) -> dict[str, Any]:
    """All of it in JSON's terms.

    Args:
        found: what was fitted.
        path: the model's file.
    """
    model, result = found.model, found.result
    target, encoder = model.target, model.encoder
    assert target is not None
    assert encoder is not None
    steps = sum(each.steps for each in found.results)
    training = sum(each.seconds for each in found.results)
    numbers = {
        "task": model.task,
        "rows": found.rows,
        "rows_without_target": found.dropped,
        "columns": len(encoder.features),
        "target": target.name,
        "classes": list(target.classes) or None,
        "notes": [*encoder.notes, *found.notes],
        "layer_sizes": list(model.plan.layer_sizes),
        "parameters": sum(member.network.parameter_count for member in model.members),
        "networks": [_network(member) for member in model.members],
        "networks_trained": len(found.results),
        "engine": result.engine,
        "engine_reason": result.engine_reason,
        "isa": result.isa,
        "threads": result.threads,
        "status": result.status,
        "epochs": max(each.epochs for each in found.results),
        "steps": steps,
        "seconds": found.seconds,
        "train_seconds": training,
        "seconds_per_step": training / steps if steps else None,
        "train_loss": result.loss,
        "temperature": model.history.get("temperature"),
        "validation": {"rows": found.validated, **found.scores} if found.scores else None,
        "out_of_fold": found.out_of_fold,
        "baseline": found.baseline or None,
        "model": str(path),
    }
    return {key: _without_nan(value) for key, value in numbers.items()}


def for_log(found: Fit, path: Path) -> dict[str, Any]:
    """What a run's last line says of it."""
    return {
        "scores": found.scores,
        "baseline": found.baseline,
        "target": found.model.target_name,
        "model": path,
    }


def _network(member: Trained) -> dict[str, Any]:
    plan = member.plan
    return {
        "layer_sizes": list(plan.layer_sizes),
        "activations": list(plan.activations),
        "share": member.share,
    }


def _without_nan(value: Any) -> Any:
    """JSON has no nan: it becomes null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def lines(
    found: Fit,
    data: str,
    path: Path,
    report: Path | None = None,
    others: Mapping[str, Scores] | None = None,
) -> list[str]:
    """What was read, the networks, the time, the scores, the file, and what to do next, a line each.

    Args:
        found: what was fitted.
        data: what was read.
        path: the model's file.
        report: the file of the report, if there is one.
        others: the scores of others on the same rows, by what they are called.
    """
    model, result = found.model, found.result
    target, encoder = model.target, model.encoder
    assert target is not None
    assert encoder is not None
    what = f"{len(target.classes)} classes" if target.classes else "numbers"
    dropped = f", {found.dropped:,} more without a target left out" if found.dropped else ""
    several = len(found.results) > 1
    said = [
        f"data     {Path(data).name}: {found.rows:,} rows, {len(encoder.features)} columns{dropped}",
        f"target   {target.name}: {what} ({model.task})",
        *(f"note     {note}" for note in (*encoder.notes, *found.notes)),
        *(networks(model) if several else _one_network(model)),
        f"trained  {_several_trained(found) if several else _trained(found)}",
        f"engine   {result.engine}, {result.isa}, {words.many(result.threads, 'thread')}"
        f"{' a network' * several} ({result.engine_reason})",
    ]
    if found.scores:
        said += ["", *_score_table(found, others or {})]
    command = ["chainrule", "predict", str(path), data]
    said += ["", f"saved    {path}"]
    if report is not None:
        said.append(f"report   {report}")
    return [*said, f"next     {shlex.join(command)}"]


def _one_network(model: Model) -> Iterator[str]:
    yield (
        f"network  {_sizes(model.members[0])}, {model.network.parameter_count:,} parameters, "
        f"{_learning(model)}"
    )


def networks(model: Model) -> Iterator[str]:
    """How a model's networks learn; and a line for those that are alike, with what they count together."""
    kinds: dict[str, list[float]] = {}
    for member in model.members:
        hidden = len(member.plan.activations) > 1
        kind = f"{_sizes(member)}" + (f" {member.plan.activations[0]}" if hidden else ", linear")
        kinds.setdefault(kind, []).append(member.share)
    parameters = sum(member.network.parameter_count for member in model.members)
    yield f"networks {len(model.members)}, {parameters:,} parameters, {_learning(model)}"
    for kind, shares in kinds.items():
        yield f"         {len(shares)} × {kind}: {100 * sum(shares):.0f} % of the answer"


def _sizes(member: Trained) -> str:
    return "-".join(map(str, member.plan.layer_sizes))


def _learning(model: Model) -> str:
    from chainrule.optimizers import called

    plan = model.plan
    activation = f"{plan.activations[0]}, " if len(model.members) == 1 else ""
    return f"{activation}{plan.loss}, {called(plan.optimizer)}, batches of {plan.batch_size}"


def _trained(found: Fit) -> str:
    result = found.result
    per_step = f", {words.time(result.seconds / result.steps)} each" if result.steps else ""
    stopped = "" if result.status == "finished" else f", {result.status}"
    best = f", best at epoch {result.best_epoch}" if result.status == "stopped early" else ""
    return (
        f"{result.epochs} epochs, {result.steps:,} steps in {words.time(result.seconds)}"
        f"{per_step}{stopped}{best}"
    )


def _several_trained(found: Fit) -> str:
    epochs = sorted(result.epochs for result in found.results)
    each = f"{epochs[0]}" if epochs[0] == epochs[-1] else f"{epochs[0]} to {epochs[-1]}"
    steps = sum(result.steps for result in found.results)
    trained = f"{len(found.results)} networks, {each} epochs each, {steps:,} steps"
    return f"{trained} in {words.time(found.seconds)}"


def _score_table(found: Fit, others: Mapping[str, Scores]) -> list[str]:
    """The scores on the rows that were not trained on, beside those of the constant guess."""
    rows = f"{found.validated:,} rows"
    where = (
        f"{rows}, each by networks not trained on it"
        if found.out_of_fold
        else f"{rows} not trained on"
    )
    whose = "these networks" if len(found.results) > 1 else "this network"
    names, levels = list(found.scores), found.model.levels
    reach = f"from {levels[0]:g} to {levels[-1]:g}" if levels else ""
    each = {whose: found.scores, **others, "constant guess": found.baseline}
    return words.table(
        [where, *(LABELS.get(name, reach) for name in names)],
        [
            [called, *(words.score(scores[name], name) for name in names)]
            for called, scores in each.items()
        ],
    ).splitlines()
