"""The way from x to L in formulas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.arrays import Array
from chainrule.explanation import letters
from chainrule.explanation.chain import Chain, Link
from chainrule.explanation.names import Names
from chainrule.losses import Loss
from chainrule.views import words
from chainrule.views.mathematics import Formula, Heading, Item, Matrix, Sentence


def forward(chain: Chain, loss: Loss, names: Names, only: int | None = None) -> Iterator[Item]:
    """x, then u and z of each layer, then the answer and the loss.

    Args:
        chain: what was computed.
        loss: the loss.
        names: of what the numbers mean.
        only: the number of the one layer to show; all without it.
    """
    yield Heading("Forward")
    count = len(chain.links)
    if only in (None, count):
        x = Matrix(one_or_all(chain.x), names.rows, names.inputs)
        yield Formula((f"z_{count + 1} = x = ", x), chain.x.shape)
    for link in reversed(chain.links):
        if only in (None, link.r):
            yield from _layer(link, chain, names)
    if only in (None, 1):
        yield from _end(chain, loss, names)


def _layer(link: Link, chain: Chain, names: Names) -> Iterator[Item]:
    r, first, last = link.r, link.r == len(chain.links), link.r == 1
    u = np.asarray(link.u)
    yield Formula(
        (
            f"u_{r + 1} = z_{r + 1}·W_{r} + b_{r}",
            " = ", Matrix(one_or_all(link.z)),
            "·", Matrix(link.layer.W, names.inputs if first else ()),
            " + ", Matrix(link.layer.b),
            " = ", Matrix(one_or_all(u)),
        ),
        u.shape,
    )  # fmt: skip
    kinks = int(np.count_nonzero(u == 0)) if link.phi.name in ("relu", "leaky_relu") else 0
    if kinks:
        yield Sentence(
            f"`u_{r + 1}` is 0 in {words.many(kinks, 'place')}, where ReLU has its kink: `h(0)` is 0."
        )
    z = chain.output if last else chain.links[r - 2].z
    named = names.classes if last and z.shape[1] == len(names.classes) > 1 else ()
    phi = letters.value(link.phi, f"u_{r + 1}")
    yield Formula(
        (f"z_{r} = φ_{r}(u_{r + 1}) = {phi} = ", Matrix(one_or_all(z), (), named)), z.shape
    )


def _end(chain: Chain, loss: Loss, names: Names) -> Iterator[Item]:
    said = names.answer(chain.output)
    if said:
        yield Sentence(said)
    if chain.t is None or chain.value is None:
        yield Sentence("The target is not known, so there is no loss and no gradient.")
        return
    number = Matrix(np.array([chain.value]))
    if len(chain.x) > 1:
        yield Formula((f"L = mean of {loss.name} over the {len(chain.x)} rows = ", number))
        return
    yield Formula((f"L = {letters.of_loss(loss, chain.t[0], chain.output.shape[1])[0]} = ", number))


def one_or_all(rows: Array) -> Array:
    """(n, m) as it is, but one row as (m,)."""
    return rows[0] if len(rows) == 1 else rows
