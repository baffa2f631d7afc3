"""Formulas as text, LaTeX and HTML: what is shown is true, and nothing is lost on the way."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.views.mathematics import Document, Formula, Heading, Matrix, Sentence, html, text
from chainrule.views.mathematics.document import entry, shown, spans
from chainrule.views.mathematics.html import mathml
from chainrule.views.mathematics.latex import formula, latex, markdown
from chainrule.views.mathematics.notation import Mark, Partial, Symbol, Word, tokens

NUMBERS = st.floats(-1e9, 1e9, width=64)


@given(
    arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=NUMBERS),
    st.integers(1, 4),
)
def test_each_number_shown_is_the_one_that_stands_there(values: np.ndarray, edge: int) -> None:
    rows, columns = (shown(count, edge) for count in values.shape)
    expected = [
        [
            ("⋱" if j is None else "⋮") if i is None else "…" if j is None else entry(values[i, j])
            for j in columns
        ]
        for i in rows
    ]
    document = Document("", (Formula(("", Matrix(values))),))
    lines = text(document, width=1000, edge=edge).splitlines()
    found = [re.sub(r"[⎡⎢⎣⎤⎥⎦()]", " ", line).split() for line in lines if line.strip()]
    assert found == expected
    assert len({len(line) for line in lines if line}) == 1
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", html(document, edge)) or [expected[0][0]]
    assert cells == [cell for row in expected for cell in row]


@given(st.integers(1, 100), st.integers(1, 5))
def test_a_gap_hides_two_entries_at_least(count: int, edge: int) -> None:
    indices = shown(count, edge)
    hidden = count - sum(i is not None for i in indices)
    assert hidden == 0 or hidden >= 2
    assert len(indices) <= 2 * edge + 1
    assert (None in indices) == (hidden > 0)


def test_numbers_to_four_figures() -> None:
    values = [0.0, -0.0, 1.0, -0.123456, 1234567, 1e-7, np.inf, -np.inf, np.nan]
    assert [*map(entry, values)] == [
        "0",
        "0",
        "1",
        "−0.1235",
        "1.235e+06",
        "1e−07",
        "∞",
        "−∞",
        "nan",
    ]


def test_the_letters_are_taken_apart() -> None:
    assert [*tokens("∂L/∂W_12·∇φ_1·W_3ᵀ")] == [
        Partial(Symbol("L"), Symbol("W", "12")),
        Mark("·"),
        Symbol("φ", "1", nabla=True),
        Mark("·"),
        Symbol("W", "3", upper="T"),
    ]
    assert [*tokens("h(u_3⁽¹²⁾)")][2] == Symbol("u", "3", upper="(12)")
    assert [*tokens("log z_1 − σ′")] == [
        Word("log"), Mark(" "), Symbol("z", "1"), Mark(" "), Mark("−"), Mark(" "), Symbol("σ", prime=True),
    ]  # fmt: skip


def test_latex_of_letters_and_numbers() -> None:
    assert formula(Formula(("z_1 = σ(u_2)",))) == r"z_{1} = \sigma (u_{2})"
    assert formula(Formula((" = ", Matrix(np.array([-2e-9]))))) == r"=-2\cdot 10^{-9}"
    added = formula(Formula(("a + ", Matrix(np.array([-2e-9])))))
    assert added == r"a +(-2\cdot 10^{-9})"
    assert formula(Formula(("A = ", Matrix(np.eye(2))), (2, 2))) == (
        r"A ={\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}} \qquad {\scriptstyle 2\times 2}"
    )


def test_sentences_hold_formulas_between_backticks() -> None:
    assert spans("that `u_3` is 0") == [(False, "that "), (True, "u_3"), (False, " is 0")]
    document = Document("T_i_tle", (Heading("A_b"), Sentence("50 % of `W_2` in a_b.")))
    assert "50 % of W_2 in a_b." in text(document)
    assert "50 \\% of $W_{2}$ in a\\_b." in latex(document)
    assert "50 % of $W_{2}$ in a\\_b." in markdown(document)
    assert "<p>50 % of <math><mrow><msub><mi>W</mi>" in html(document)


def test_mathml_of_letters() -> None:
    assert mathml("W_1ᵀ") == (
        "<math><mrow><msubsup><mi>W</mi><mrow><mn>1</mn></mrow><mrow><mi>T</mi></mrow></msubsup></mrow></math>"
    )
    assert mathml("a < b").count("&lt;") == 1


@pytest.mark.parametrize("width", [40, 60, 80])
def test_long_formulas_are_broken_before_operators(width: int) -> None:
    M = Matrix(np.full((2, 5), -0.1234))
    lines = text(
        Document("", (Formula(("A", " = ", M, "·", M, " + ", M), (2, 5)),)), width=width
    ).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[-1].rstrip().endswith(("2×5", "⎦"))
    assert sum(line.count("⎡") for line in lines) == 3
