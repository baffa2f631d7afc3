"""What each column of a row contributes to what a network says of it.

Input gradients, and integrated gradients (Sundararajan, Taly & Yan 2017), by column of the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array, numbers
from chainrule.errors import InvalidValue, ShapeError
from chainrule.explanation.attribution.answers import (
    Answer,
    as_it_predicts,
    class_answer,
    class_numbers,
    number_answer,
    said_class,
)
from chainrule.explanation.attribution.own_units import cells, slopes
from chainrule.explanation.attribution.path_integral import integrated_gradients
from chainrule.explanation.attribution.result import Attribution, mean_of
from chainrule.explanation.subject import Subject
from chainrule.network import Network
from chainrule.storage import Model
from chainrule.tables import Encoder, Table
from chainrule.tables.kinds import as_text
from chainrule.views import words

ZERO, GIVEN = "zero", "the row given"


def attribute(
    network: Network,
    x: npt.ArrayLike,
    *,
    baseline: str | npt.ArrayLike = "zero",
    output: int | str | None = None,
    of: str | None = None,
    inputs: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> Attribution:
    """Share out what a network gives for a row among the row's numbers.

    Args:
        network: any. Under softmax, or with one logistic output, it says probabilities of classes.
        x: a row (d,).
        baseline: "zero", or a row (d,) to compare with.
        output: the number of the class, or of the output, from 0; or the name of the class. The
            class that the network says without it.
        of: of a class the "probability", as without it, or the "logit", the output before φ_1.
        inputs: names for the d numbers.
        classes: names for the classes, by their numbers.

    Raises:
        ShapeError: x or the baseline is not one row of d numbers, or there are not so many names.
        InvalidValue: a number is not finite, the baseline or `of` is another word, there is no
            such output, or the integral was not reached.
        UnknownName: no class is called so.
    """
    row = _one_row(network, x, "the row")
    if isinstance(baseline, str):
        if baseline != "zero":
            raise InvalidValue(
                f"the baseline is zero or a row of {len(row)} numbers, got {baseline!r}"
            )
        x_0, baseline_name = np.zeros_like(row), ZERO
    else:
        x_0, baseline_name = _one_row(network, baseline, "the baseline"), GIVEN
    if inputs and len(inputs) != len(row):
        raise ShapeError(f"a row has {len(row)} numbers, got names for {len(inputs)}")
    wide = as_it_predicts(network)
    known = tuple(classes) or class_numbers(wide)
    names = tuple(inputs) or tuple(f"x_{i + 1}" for i in range(len(row)))
    return _attributed(
        class_answer(wide, row, known, output, of) if known else number_answer(wide, output, of),
        row, x_0, baseline_name, names, names, np.arange(len(row)),
    )  # fmt: skip


def attribute_table(
    model: Model,
    table: Table,
    row: int,
    *,
    target: str | None = None,
    loss: str | None = None,
    baseline: str | npt.ArrayLike | None = None,
    output: int | str | None = None,
    of: str | None = None,
) -> Attribution:
    """As `attribute_subject`, for a row of a table, be its target known or not.

    Of a model of several networks it is their mean by their shares, as their answer is: gradients and
    integrals are linear in F.

    Args:
        model: whose network it is.
        table: with the target's column or without it.
        row: the number of the row, from 1.
        target: the name of the target's column, for a network alone.
        loss: its name, for a network alone.
        baseline: as there.
        output: as there.
        of: as there.

    Raises:
        As `attribute_subject` and `Subject.of`.
    """
    name = model.target_name
    if model.encoder is None:
        name, target = Subject.of(model, table, target, loss).target, None
    seen = Subject.of(model, table.without([name] if name else []), target, loss)
    if name is not None and name in table:
        labels = tuple(label or "" for label in as_text(table[name]))
        seen = replace(seen, target=name, labels=labels)
    members = model.members
    if len(members) == 1:
        return attribute_subject(seen, row, baseline=baseline, output=output, of=of)
    if of == "logit":
        raise InvalidValue(
            f"the probability is the mean of {len(members)} networks' and has no logit of its own:"
            " choose one of them (--member)"
        )
    if output is None and seen.classes:
        probabilities = sum(m.share * m.outputs(seen.X[[_index(seen, row)]])[0] for m in members)
        output = said_class(np.asarray(probabilities))
    each = [
        attribute_subject(
            replace(seen, network=member.network), row, baseline=baseline, output=output
        )
        for member in members
    ]
    return mean_of(each, [member.share for member in members])


def attribute_subject(
    subject: Subject,
    row: int,
    *,
    baseline: str | npt.ArrayLike | None = None,
    output: int | str | None = None,
    of: str | None = None,
) -> Attribution:
    """Share out what a network gives for a row of a table among the table's columns.

    Args:
        subject: the rows; their mean may be the baseline.
        row: the number of the row in its table, from 1.
        baseline: "mean", of the rows as the network sees them; "zero", where every number of the
            network is 0: of a column of numbers the mean of the training data; "row:5", another
            row; or a row (d,) as the network sees it. The mean without it, and zero where the
            subject has no other row.
        output: the number of the class, or of the output, from 0; or the name of the class. The
            class that the network says without it.
        of: of a class the "probability", as without it, or the "logit", the output before φ_1.

    Raises:
        As `attribute`; InvalidValue too where there is no such row.
    """
    i = _index(subject, row)
    label = subject.labels[i] if subject.labels else ""
    x = subject.X[i].astype(np.float64)
    x_0, baseline_name = _baseline(subject, baseline)
    wide = as_it_predicts(subject.network, subject.loss)
    return _attributed(
        class_answer(wide, x, subject.classes, output, of, subject.target)
        if subject.classes
        else number_answer(wide, output, of, subject.target, subject.mean, subject.spread),
        x, x_0, baseline_name, subject.columns, subject.inputs, subject.column_of, subject.encoder,
        row, f"{subject.target} = {label}" if label else "",
    )  # fmt: skip


def _attributed(
    answer: Answer,
    x: Array,
    x_0: Array,
    baseline_name: str,
    columns: tuple[str, ...],
    inputs: tuple[str, ...],
    column_of: npt.NDArray[np.int64],
    encoder: Encoder | None = None,
    row: int | None = None,
    label: str = "",
) -> Attribution:
    found = integrated_gradients(answer.f, x_0, x)
    gradient = answer.f.gradient(x)
    return Attribution(
        what=answer.what,
        row=row,
        label=label,
        baseline_name=baseline_name,
        columns=columns,
        row_cells=cells(encoder, x),
        baseline_cells=cells(encoder, x_0),
        slopes=slopes(encoder, gradient, x),
        inputs=inputs,
        column_of=column_of,
        x=x,
        baseline=x_0,
        gradient=gradient,
        integrated=found.integrated,
        value=found.end,
        baseline_value=found.start,
        points=found.points,
        remainder=found.remainder,
    )


def _baseline(subject: Subject, baseline: str | npt.ArrayLike | None) -> tuple[Array, str]:
    """The row to compare with, (d,), and what it is called."""
    if baseline is None:
        baseline = "mean" if len(subject) > 1 else "zero"
    if not isinstance(baseline, str):
        return _one_row(subject.network, baseline, "the baseline"), GIVEN
    if baseline == "zero":
        means = "" if subject.encoder is None else " (numbers at the mean of the training data)"
        return np.zeros(subject.X.shape[1]), ZERO + means
    if baseline == "mean":
        mean = subject.X.mean(axis=0, dtype=np.float64)
        return mean, f"the mean of {words.many(len(subject), 'row')}"
    match = re.fullmatch(r"row:\s*(\d+)", baseline)
    if match is None:
        raise InvalidValue(f"a baseline is mean, zero or row:N, a row's number; got {baseline!r}")
    number = int(match[1])
    return subject.X[_index(subject, number)].astype(np.float64), f"row {number}"


def _index(subject: Subject, row: int) -> int:
    """Where the row of that number stands."""
    found = np.flatnonzero(subject.numbers == row)
    if not len(found):
        known = (
            f"rows {subject.numbers.min()} to {subject.numbers.max()}" if len(subject) else "none"
        )
        raise InvalidValue(f"there is no row {row}: the table has {known}")
    return int(found[0])


def _one_row(network: Network, x: npt.ArrayLike, what: str) -> Array:
    """x in float64, (d,)."""
    row = numbers(x, what).astype(np.float64)
    d = network.sizes[0]
    if row.shape not in ((d,), (1, d)):
        raise ShapeError(f"{what} has {d} numbers, got shape {row.shape}")
    if not np.isfinite(row).all():
        raise InvalidValue(f"{what} holds numbers that are not finite")
    return row.reshape(d)
