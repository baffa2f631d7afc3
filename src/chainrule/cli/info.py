"""`chainrule info`: what a saved model is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.storage import Model


def info(model: Path, /) -> None:
    """Say what a saved model is: task, columns, networks, layers, parameters, how it was trained.

    Args:
        model: a file that `chainrule fit` saved.
    """
    from chainrule.storage import load

    print("\n".join(_lines(load(model), model)))


def _lines(model: Model, path: Path) -> Iterator[str]:
    from chainrule import optimizers
    from chainrule.cli.fitted import networks

    plan = model.plan
    yield f"{path}: {model.task}, saved by chainrule {model.version}"
    if model.target is not None:
        classes = ", ".join(map(str, model.classes))
        yield f"target   {model.target_name}" + (f": {classes}" if classes else "")
    if model.encoder is not None:
        kinds = [f"{name} ({kind})" for name, kind in model.encoder.kinds.items()]
        yield f"columns  {_cut(kinds)}; {model.encoder.width} numbers a row"
        yield from (f"note     {note}" for note in model.encoder.notes)
    yield ""
    if len(model.members) > 1:
        yield from networks(model)
        yield f"the first, {100 * model.share:.0f} % of the answer:"
        yield ""
    yield from _layers(model)
    yield ""
    settings = optimizers.as_dict(plan.optimizer)
    name = settings.pop("name")
    yield f"trained  {plan.loss} by {name} ({', '.join(f'{k} {v:g}' for k, v in settings.items())})"
    yield f"         batches of {plan.batch_size}, dropout {list(plan.dropout)}, {plan.dtype}, seed {plan.seed}"
    if model.history:
        yield "history  " + _pairs(model.history)
    if model.engine:
        yield "engine   " + _pairs(model.engine)


def _layers(model: Model) -> Iterator[str]:
    """A line for each layer, under the lecture's number: 1 is the output's."""
    count = len(model.network.layers)
    yield "layer  W          φ             parameters"
    for i, layer in enumerate(model.network.layers):
        d, e = layer.W.shape
        yield f"{count - i:>5}  {f'{d}×{e}':<10} {layer.activation.name:<12} {d * e + e:>11,}"
    yield f"{'':<31}{model.network.parameter_count:>11,}"


def _cut(names: list[str], most: int = 12) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _pairs(summary: dict[str, Any]) -> str:
    """A summary's entries, whatever they are."""
    return ", ".join(
        f"{key.replace('_', ' ')} {value:.4g}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}"
        for key, value in summary.items()
        if value not in (None, [], "")
    )
