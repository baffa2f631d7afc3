"""The way from L back to the parameters, in formulas: the lecture's chain, factor by factor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.arrays import Array
from chainrule.explanation import letters
from chainrule.explanation.chain import Chain, Link
from chainrule.losses import Loss
from chainrule.views.mathematics import Formula, Heading, Item, Matrix, Part, Sentence, by

MOST_OUTPUTS, MOST_INPUTS = 4, 7  # of a layer whose tensor ∂g/∂W is written out
_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("bytes", 1))


def backward(chain: Chain, loss: Loss, only: int | None = None) -> Iterator[Item]:
    """∂L/∂z_1, then for each layer its factors and what they give.

    Args:
        chain: what was computed, with targets.
        loss: the loss.
        only: the number of the one layer to show; all without it.
    """
    yield Heading("Backward")
    if only in (None, 1):
        yield from _begin(chain, loss)
    for link in chain.links:
        if only not in (None, link.r):
            continue
        yield Heading(f"Layer {link.r}")
        if only is not None and only > 1:
            yield Formula(
                (f"∂L/∂z_{only} = {letters.factors(only)} = ", _rows(link.above)), link.above.shape
            )
        one = len(chain.x) == 1
        yield from _one_row(link, chain, loss) if one else _many_rows(link)
        if link.r < len(chain.links):
            yield from _pass_down(link, one)


def _begin(chain: Chain, loss: Loss) -> Iterator[Item]:
    assert chain.t is not None
    above = chain.links[0].above
    letter = ""
    if len(chain.x) == 1:
        letter = f"{letters.of_loss(loss, chain.t[0], chain.output.shape[1])[1]} = "
    yield Formula((f"∂L/∂z_1 = {letter}", _rows(above)), above.shape)
    if chain.merged:
        yield Sentence(
            "`z_1` is so near 0 or 1 that `∂L/∂z_1` is infinite. Its product with `∇φ_1` is not: it "
            "is `∂L/∂u_2 = z_1 − y`, which training computes, and which stands for it below."
        )


def _one_row(link: Link, chain: Chain, loss: Loss) -> Iterator[Item]:
    """∇φ_r, the tensor ∂g_r/∂W_r, ∂L/∂W_r and ∂L/∂b_r for one row."""
    r, (d, e) = link.r, link.layer.W.shape
    yield _nabla(link)
    small = e <= MOST_OUTPUTS and d <= MOST_INPUTS and not (chain.merged and r == 1)
    z = "x" if r == len(chain.links) else f"z_{r + 1}"
    yield from _contraction(link, z) if small else _never_built(link)
    merged = r == 1 and loss.link is not None
    yield Formula(
        (
            f"∂L/∂b_{r} = ∂L/∂z_{r}·∂g_{r}/∂b_{r} = ∂L/∂z_{r}·∇φ_{r} = "
            + ("z_1 − y = " if merged else ""),
            Matrix(link.by_b),
        ),
        (1, e),
    )


def _nabla(link: Link) -> Formula:
    """∇φ_r; a diagonal one that is large, by its diagonal."""
    r, e = link.r, link.layer.outputs
    u = f"u_{r + 1}"
    if not link.phi.elementwise:
        return Formula((f"∇φ_{r} = ", Matrix(link.nabla())), (e, e))
    slope = letters.slope(link.phi, r, u)
    if e == 1:
        return Formula((f"∇φ_{r} = {slope} = ", Matrix(link.slope)), (1, 1))
    if e <= MOST_OUTPUTS:
        return Formula((f"∇φ_{r} = diag {slope} = ", Matrix(link.nabla())), (e, e))
    return Formula((f"∇φ_{r} = diag {slope} = diag", Matrix(link.slope)), (e, e))


def _contraction(link: Link, z: str) -> Iterator[Item]:
    """The tensor ∂g_r/∂W_r slice by slice, and its contraction term by term.

    Args:
        link: the layer's.
        z: the letter of what the layer was given.
    """
    r, (d, e) = link.r, link.layer.W.shape
    slices = [np.outer(link.z[0], row) for row in link.nabla()]  # T_1 … T_e, of (d, e)
    tensor = f"∂g_{r}/∂W_{r}"
    names = [f"T_{j}" for j in range(1, e + 1)] if e > 1 else [tensor]
    parts: list[Part] = []
    for j, (name, T) in enumerate(zip(names, slices, strict=True), 1):
        row = letters.tensor_row(link.phi, r, j, e, z)
        parts += ["   " * (j > 1) + f"{name} = {row} = ", Matrix(T)]
    whole = f" = ∂L/∂z_{r}·{tensor}" if r > 1 else ""
    if e > 1:
        yield Formula((f"{tensor} = ({', '.join(names)})",), (e, d, e))
        whole = f" = ∂L/∂z_{r}·({', '.join(names)})"
    yield Formula(tuple(parts), (d, e) if e > 1 else (e, d, e))
    terms = _terms(link.above[0], slices)
    yield Formula((_letters(r) + whole, *terms, " = ", Matrix(link.by_W)), (d, e))


def _letters(r: int) -> str:
    """∂L/∂W_r in the lecture's letters."""
    return f"∂L/∂W_{r} = {letters.factors(r)}·∂g_{r}/∂W_{r}"


def _terms(v: Array, slices: list[Array]) -> Iterator[Part]:
    for j, (weight, T) in enumerate(zip(v, slices, strict=True)):
        yield " + " if j else " = "
        yield Matrix(np.array([weight]))
        yield "·"
        yield Matrix(T)


def _never_built(link: Link) -> Iterator[Item]:
    """What the tensor would weigh, and what stands in its place."""
    r, (d, e) = link.r, link.layer.W.shape
    if e > 1:
        sparse = f", of which all but one in {e} are 0" if link.phi.elementwise else ""
        yield Sentence(
            f"`∂g_{r}/∂W_{r}` is a tensor of {by((e, d, e))} numbers, {_weight(8 * e * d * e)} in "
            f"float64{sparse}. Nobody builds it: contracted with `∂L/∂z_{r}` it is the product of a "
            f"column and a row."
        )
    yield Formula((f"∂L/∂u_{r + 1} = ∂L/∂z_{r}·∇φ_{r} = ", _rows(link.delta)), (1, e))
    yield Formula(
        (f"{_letters(r)} = z_{r + 1}ᵀ·∂L/∂u_{r + 1} = ", Matrix(link.by_W)),
        (d, e),
    )


def _weight(size: int) -> str:
    unit, least = next((unit, least) for unit, least in _UNITS if size >= least)
    return f"{size / least:.3g} {unit}"


def _many_rows(link: Link) -> Iterator[Item]:
    """What training computes: the factors of all rows at once, a row each."""
    r = link.r
    yield Formula(
        (f"∂L/∂u_{r + 1} = ∂L/∂z_{r}·∇φ_{r}, row by row, = ", _rows(link.delta)), link.delta.shape
    )
    yield Formula((f"∂L/∂W_{r} = z_{r + 1}ᵀ·∂L/∂u_{r + 1} = ", Matrix(link.by_W)), link.by_W.shape)
    yield Formula((f"∂L/∂b_{r}, the sum of its rows, = ", Matrix(link.by_b)), (1, len(link.by_b)))


def _pass_down(link: Link, one: bool) -> Iterator[Item]:
    """∂L/∂z_{r+1}, the running product."""
    r, (d, e) = link.r, link.layer.W.shape
    below, W = _rows(link.below), Matrix(link.layer.W.T)
    down = f"∂L/∂z_{r + 1}"
    if not one:
        yield Formula((f"{down} = ∂L/∂u_{r + 1}·W_{r}ᵀ = ", below), link.below.shape)
        return
    factor = Matrix(link.by_z())
    yield Formula((f"W_{r}ᵀ = ", W, f"   ∂g_{r}/∂z_{r + 1} = ∇φ_{r}·W_{r}ᵀ = ", factor), (e, d))
    small = d * e <= MOST_OUTPUTS * MOST_INPUTS and np.isfinite(link.above).all()
    product = (" = ", _rows(link.above), "·", factor) if small else ()
    yield Formula((f"{down} = ∂L/∂z_{r}·∂g_{r}/∂z_{r + 1}", *product, " = ", below), (1, d))


def _rows(values: Array) -> Matrix:
    """The rows of a gradient; one of them as a row."""
    return Matrix(values[0] if len(values) == 1 else values)
