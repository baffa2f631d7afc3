"""The proof of a gradient: ∂L/∂W_r and ∂L/∂b_r in ways that share as little as can be, compared.

All of it is done in float64. What the others are compared with is backprop in NumPy, `gradients.
backprop`; the NumPy engine calls the same function and is no second proof. The relative difference
of a layer is the largest of

    |a − b| / s,   s = the largest |entry| of b, and at least 1e-6 of that of all layers

over the entries a of one way and b of backprop, of W_r with its own s and of b_r with its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import chance, losses
from chainrule.activations import ACTIVATIONS
from chainrule.arrays import Array
from chainrule.engines import ENGINES, choose
from chainrule.errors import ChainruleError, InvalidValue
from chainrule.explanation.subject import Subject
from chainrule.explanation.verification.differences import LARGEST_STEP, Differences, Measured
from chainrule.explanation.verification.table import report
from chainrule.gradients import Gradients, backprop, explicit_gradients
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.plan import Plan

TOLERANCE = 1e-6
MOST_ENTRIES = 200  # of W_r, and as many of b_r, are measured by differences
FEWEST_ENTRIES = 20  # however long they take
_WORK = 2**31  # multiplications at one step, for the entries of W_r
_REFERENCE = "NumPy engine"  # is `backprop` itself, and not counted as agreeing with it
_LEAST_SCALE = 1e-6  # of the largest entry of all layers: what cancels is left with its rounding
_LARGEST_TENSORS = 2**25  # numbers in the factors of one row
_ALL_TENSORS = 2**28  # in those of all rows
_RESOLVED = (
    0.1  # a difference whose own error is more than this share of the tolerance says nothing
)


@dataclass(frozen=True)
class Way:
    """One way to the gradient.

    Attributes:
        name: as "explicit factors".
        worst: for each layer, from input to output, the largest relative difference; nan where
            nothing was compared.
        note: what to know of it: how much was compared, or why it could not be taken.
        independent: whether it uses no derivative that backprop uses.
    """

    name: str
    worst: tuple[float, ...]
    note: str = ""
    independent: bool = False


@dataclass(frozen=True)
class Verification:
    """What `verify_gradients` found.

    Attributes:
        sizes: of the network.
        activations: from input to output.
        loss: its name.
        rows: how many.
        tolerance: the largest relative difference that passes.
        ways: to the gradient.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    rows: int
    tolerance: float
    ways: tuple[Way, ...]

    @property
    def failed(self) -> tuple[tuple[int, Way], ...]:
        """The lecture's number of each layer, and the way, where more than the tolerance is between."""
        count = len(self.activations)
        return tuple(
            (count - i, way)
            for way in self.ways
            for i, worst in enumerate(way.worst)
            if worst > self.tolerance
        )

    @property
    def unproven(self) -> tuple[int, ...]:
        """The lecture's numbers of the layers that no independent way could judge."""
        judges = [way.worst for way in self.ways if way.independent]
        count = len(self.activations)
        return tuple(count - i for i in range(count) if all(np.isnan(worst[i]) for worst in judges))

    @property
    def passed(self) -> bool:
        """Whether all ways agree, and every layer was judged by one that is independent."""
        return not self.failed and not self.unproven

    @property
    def verdict(self) -> str:
        """What came of it, in a sentence."""
        if self.failed:
            r, way = max(self.failed, key=lambda each: each[1].worst[-each[0]])
            return (
                f"failed: in layer {r}, {way.name} and backprop differ by {way.worst[-r]:.1e},"
                f" more than {self.tolerance:g}"
            )
        if self.unproven:
            which = ", ".join(map(str, self.unproven))
            return f"not proven: nothing independent of backprop could judge layer {which}"
        others = [way for way in self.ways if way.name != _REFERENCE]
        taken = sum(not all(np.isnan(way.worst)) for way in others)
        return f"passed: {taken} ways agree with backprop to {self.tolerance:g} in every layer"

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; None where nothing was compared."""
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "sizes": list(self.sizes),
            "activations": list(self.activations),
            "loss": self.loss,
            "rows": self.rows,
            "tolerance": self.tolerance,
            "ways": [
                {
                    "name": way.name,
                    "note": way.note,
                    "largest_relative_difference": {
                        str(len(way.worst) - i): None if np.isnan(worst) else worst
                        for i, worst in enumerate(way.worst)
                    },
                }
                for way in self.ways
            ],
        }

    def __str__(self) -> str:
        return report(self).text()

    def _repr_html_(self) -> str:
        return report(self).html()


def verify_gradients(
    network: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    loss: str | Loss | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> Verification:
    """Compute the gradient in independent ways, and compare.

    The ways are the lecture's explicit factors, the backprop of each engine, PyTorch's autograd if
    PyTorch is installed, and central differences.

    Args:
        network: any.
        X: rows (n, d), or one (d,).
        y: what they should lead to, as `train` takes it.
        loss: the loss or its name; the one that goes with the output's activation without it.
        tolerance: the largest relative difference that passes.

    Raises:
        ShapeError, InvalidValue: X or y does not fit the network, the loss does not go with its
            output, the gradient is not finite, or the tolerance is not above 0.
        UnknownName: no loss is called so.
    """
    rows = np.atleast_2d(network.rows(X))
    chosen = losses.default(network.activations[-1]) if loss is None else losses.get(loss)
    losses.check_output(chosen, network.activations[-1])
    t = losses.targets(np.atleast_1d(np.asarray(y)), chosen, network.sizes[-1], "float64")
    return _verified(network, rows, t, chosen, tolerance, np.arange(1, len(rows) + 1))


def verify_subject(subject: Subject, *, tolerance: float = TOLERANCE) -> Verification:
    """The same for rows of a table; errors as there, and where the rows have no target."""
    if subject.t is None:
        raise InvalidValue("a gradient needs a target, and the data have none")
    loss = losses.get(subject.loss)
    return _verified(subject.network, subject.X, subject.t, loss, tolerance, subject.numbers)


def _verified(
    network: Network,
    X: Array,
    t: Array,
    loss: Loss,
    tolerance: float,
    numbers: npt.NDArray[np.int64],
) -> Verification:
    if not tolerance > 0:
        raise InvalidValue(f"a tolerance is above 0, got {tolerance}")
    if not len(X):
        raise InvalidValue("a gradient needs a row at least")
    network = network.astype("float64")
    X, t = np.ascontiguousarray(X, np.float64), np.ascontiguousarray(t, np.float64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, reference = backprop(network, X, t, loss)
        if not (np.isfinite(value) and _finite(reference)):
            raise InvalidValue(
                "the loss or its gradient is not finite on these rows, so there is nothing to compare:"
                " look at the weights, or at the scale of the data"
            )
        ways = (
            _explicit(network, X, t, loss, numbers),
            *_engines(network, X, t, loss, reference),
            _measured(network, X, t, loss, reference, tolerance),
        )
    return Verification(network.sizes, network.activations, loss.name, len(X), tolerance, ways)


def _explicit(
    network: Network, X: Array, t: Array, loss: Loss, numbers: npt.NDArray[np.int64]
) -> Way:
    """The lecture's product of factors, row by row, as far as memory and time allow."""
    name, nothing = "explicit factors", (np.nan,) * len(network.layers)
    size = sum(layer.inputs * layer.outputs**2 for layer in network.layers)
    if size > _LARGEST_TENSORS:
        return Way(
            name, nothing, f"not taken: the tensors ∂g/∂W would take {8 * size / 2**30:.1f} GiB"
        )
    rows = min(len(X), max(1, _ALL_TENSORS // size))
    try:
        each = [explicit_gradients(network, X[i], t[i], loss)[1] for i in range(rows)]
    except ChainruleError as error:
        return Way(name, nothing, f"not taken: {error}")
    mean = [
        (np.mean([g[i][0] for g in each], axis=0), np.mean([g[i][1] for g in each], axis=0))
        for i in range(len(network.layers))
    ]
    if not all(np.isfinite(part).all() for pair in mean for part in pair):
        where = next(i for i, g in enumerate(each) if not _finite(g))
        return Way(name, nothing, f"not defined: ∂L/∂z_1 is infinite at row {numbers[where]}")
    note = "" if rows == len(X) else f"on the first {rows:,} rows"
    return Way(name, _apart(mean, backprop(network, X[:rows], t[:rows], loss)[1]), note)


def _finite(gradients: Gradients) -> bool:
    return all(np.isfinite(part).all() for pair in gradients for part in pair)


def _engines(
    network: Network, X: Array, t: Array, loss: Loss, reference: Gradients
) -> Iterator[Way]:
    """The gradient as each engine computes it; PyTorch's is by autograd."""
    names = {"numpy": _REFERENCE, "native": "compiled engine", "torch": "PyTorch's autograd"}
    nothing = (np.nan,) * len(network.layers)
    own = [each for each in network.activations if each not in ACTIVATIONS]
    for engine in sorted(ENGINES, key=list(names).index):
        name, independent = names[engine], engine == "torch"
        if own:
            yield Way(name, nothing, f"not taken: it has no activation {own[0]!r}", independent)
            continue
        try:
            plan = Plan.of(network, loss.name, "sgd")
            chosen, _ = choose(plan, engine)
            _, found = chosen(plan, network, X, t, threads=1).loss_and_gradient(X, t)
        except ChainruleError as error:
            yield Way(name, nothing, f"not taken: {error}", independent)
            continue
        yield Way(name, _apart(found, reference), "", independent)


def _measured(
    network: Network, X: Array, t: Array, loss: Loss, reference: Gradients, tolerance: float
) -> Way:
    """Central differences, of entries drawn by chance where there are many."""
    differences = Differences(network, X, t, loss)
    worst, drawn, kinks, unresolved = [], 0, 0, 0
    for i, (pair, scales) in enumerate(zip(reference, _scales(reference), strict=True)):
        apart = []
        for part, scale, measure in zip(
            pair, scales, (differences.by_W, differences.by_b), strict=True
        ):
            found = measure(i, _sample(part.size, _most(differences.work(i)), seed=i))
            fine = found.errors <= _RESOLVED * tolerance * scale
            drawn += len(found.where)
            kinks += found.kinks
            unresolved += int((~fine).sum()) - found.kinks
            if fine.any():
                apart.append(_largest(found, part, fine, scale))
        worst.append(max(apart, default=np.nan))
    return Way("differences", tuple(worst), _said(network, drawn, kinks, unresolved), True)


def _most(work: int) -> int:
    """How many entries of W_r or b_r are measured, if one takes so much work."""
    return min(MOST_ENTRIES, max(FEWEST_ENTRIES, _WORK // work))


def _sample(size: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Entries to measure: all of a few, else some by chance."""
    if size <= most:
        return np.arange(size)
    drawn = chance.permutation(size, chance.key(seed, chance.Stream.SPLIT))[:most]
    return np.sort(drawn).astype(np.int64)


def _largest(found: Measured, reference: Array, fine: npt.NDArray[np.bool_], scale: float) -> float:
    expected = reference.ravel()[found.where]
    return _ratio(np.abs(found.values - expected)[fine], scale)


def _said(network: Network, drawn: int, kinks: int, unresolved: int) -> str:
    of = "all" if drawn == network.parameter_count else f"{drawn:,} by chance of"
    note = (
        f"{of} {network.parameter_count:,} entries, with steps h from {LARGEST_STEP:.1e}"
        " = ε^(1/5) down, at which truncation (h⁴) and rounding (ε/h) are equally small"
    )
    if kinks:
        note += f"; {kinks:,} set aside: on a kink"
    if unresolved:
        note += f"; {unresolved:,} set aside: by a kink, or too small to be measured"
    return note


def _apart(found: Gradients, reference: Gradients) -> tuple[float, ...]:
    """The largest relative difference of each layer."""
    return tuple(
        max(
            _ratio(np.abs(a - b), scale) for a, b, scale in zip(pair, expected, scales, strict=True)
        )
        for pair, expected, scales in zip(found, reference, _scales(reference), strict=True)
    )


def _ratio(differences: Array, scale: float) -> float:
    """The largest difference over the scale; a nan among them is infinitely wrong."""
    largest = float(differences.max(initial=0.0))
    if np.isnan(largest):
        return np.inf
    return largest / scale if largest else 0.0


def _scales(reference: Gradients) -> list[tuple[float, float]]:
    """For W and b of each layer what their differences are divided by."""
    sizes = [[float(np.abs(part).max()) for part in pair] for pair in reference]
    least = _LEAST_SCALE * max(max(pair) for pair in sizes)
    return [(max(W, least), max(b, least)) for W, b in sizes]
