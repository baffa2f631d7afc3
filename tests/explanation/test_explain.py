"""A network explained at a row: the numbers, and the words and letters around them."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

import chainrule
from chainrule import Layer, Network
from chainrule.activations import ACTIVATIONS
from chainrule.errors import InvalidValue, ShapeError, UnknownName
from chainrule.explanation.chain import chain
from chainrule.gradients import backprop, explicit_gradients, g_by_W
from chainrule.losses import LOSSES, targets
from chainrule.views.mathematics.document import entry

NOT_XOR = Network(
    [Layer([[1, -1], [-1, 1]], [0.0, 0.0], "relu"), Layer([[-1], [-1]], [0.5], "logistic")]
)

# By hand: σ(−½) = 0.3775, so L = −log(1 − 0.3775) = 0.4741, 1/(1 − z_1) = 1.607, and
# σ′(−½) = 0.3775·0.6225 = 0.235; 1.607·0.235 = 0.3775.
ONE_ZERO = """\
Network 2-2-1
  9 parameters; relu, logistic; loss binary_cross_entropy.

Forward
  z_3 = x = (1 0)                                                            1×2
  u_3 = z_3·W_2 + b_2 = (1 0)·⎡ 1 −1⎤ + (0 0) = (1 −1)                       1×2
                              ⎣−1  1⎦
  z_2 = φ_2(u_3) = ReLU(u_3) = (1 0)                                         1×2
  u_2 = z_2·W_1 + b_1 = (1 0)·⎡−1⎤ + 0.5 = −0.5                              1×1
                              ⎣−1⎦
  z_1 = φ_1(u_2) = σ(u_2) = 0.3775                                           1×1
  L = −log(1 − z_1) = 0.4741

Backward
  ∂L/∂z_1 = 1/(1 − z_1) = 1.607                                              1×1

Layer 1
  ∇φ_1 = σ′(u_2) = 0.235                                                     1×1
  ∂g_1/∂W_1 = z_2ᵀ·σ′(u_2) = ⎡0.235⎤                                       1×2×1
                             ⎣    0⎦
  ∂L/∂W_1 = ∂L/∂z_1·∂g_1/∂W_1 = 1.607·⎡0.235⎤ = ⎡0.3775⎤                     2×1
                                      ⎣    0⎦   ⎣     0⎦
  ∂L/∂b_1 = ∂L/∂z_1·∂g_1/∂b_1 = ∂L/∂z_1·∇φ_1 = z_1 − y = 0.3775              1×1
  W_1ᵀ = (−1 −1)   ∂g_1/∂z_2 = ∇φ_1·W_1ᵀ = (−0.235 −0.235)                   1×2
  ∂L/∂z_2 = ∂L/∂z_1·∂g_1/∂z_2 = 1.607·(−0.235 −0.235) = (−0.3775 −0.3775)    1×2

Layer 2
  ∇φ_2 = diag h(u_3) = ⎡1 0⎤                                                 2×2
                       ⎣0 0⎦
  ∂g_2/∂W_2 = (T_1, T_2)                                                   2×2×2
  T_1 = xᵀ·(h(u_3⁽¹⁾), 0) = ⎡1 0⎤   T_2 = xᵀ·(0, h(u_3⁽²⁾)) = ⎡0 0⎤          2×2
                            ⎣0 0⎦                             ⎣0 0⎦
  ∂L/∂W_2 = ∂L/∂z_1·∇φ_1·W_1ᵀ·∂g_2/∂W_2 = ∂L/∂z_2·(T_1, T_2) = −0.3775·⎡1 0⎤
                                                                       ⎣0 0⎦
      + (−0.3775)·⎡0 0⎤ = ⎡−0.3775 0⎤                                        2×2
                  ⎣0 0⎦   ⎣      0 0⎦
  ∂L/∂b_2 = ∂L/∂z_2·∂g_2/∂b_2 = ∂L/∂z_2·∇φ_2 = (−0.3775 0)                   1×2"""


def test_not_xor_at_one_zero_word_by_word() -> None:
    assert str(NOT_XOR.explain([1, 0], 0)) == ONE_ZERO


@pytest.mark.parametrize("x", [[0, 0], [1, 0], [0, 1], [1, 1]])
def test_not_xor_fits_a_screen(x: list[int]) -> None:
    explained = NOT_XOR.explain(x, int(x[0] == x[1]), inputs=("x_0", "x_1"), classes=("no", "yes"))
    lines = explained.text().splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 80
    assert ("where ReLU has its kink: h(0) is 0." in explained.text()) == (x[0] == x[1])


@pytest.mark.parametrize("y", [0, 1])
def test_the_lectures_two_layers_entry_by_entry(y: int) -> None:
    """n = 3 inputs, m = 2 hidden units: its own formulas, PyTorch's autograd, and the text."""
    rng = np.random.default_rng(4)
    x, W_2, b_2 = rng.normal(size=3), rng.normal(size=(3, 2)), rng.normal(size=2)
    W_1, b_1 = rng.normal(size=(2, 1)), rng.normal(size=1)
    explained = Network([Layer(W_2, b_2, "relu"), Layer(W_1, b_1, "logistic")]).explain(x, y)

    u_3 = x @ W_2 + b_2
    z_2, h = np.maximum(u_3, 0), (u_3 > 0).astype(float)
    z_1 = 1 / (1 + np.exp(-(z_2 @ W_1 + b_1)))
    outer = -1 / z_1 if y == 1 else 1 / (1 - z_1)  # ∂L/∂z_1, the lecture's two cases
    slope = z_1 * (1 - z_1)
    by_W_1 = outer * z_2[:, None] * slope
    slices = [np.outer(x, [h[0], 0]), np.outer(x, [0, h[1]])]
    w = W_1[:, 0]
    by_W_2 = outer * slope * (w[0] * slices[0] + w[1] * slices[1])  # its tensor contraction

    one, two = explained.chain.links
    np.testing.assert_allclose(one.above, [outer], rtol=1e-12)
    np.testing.assert_allclose(one.by_W, by_W_1, rtol=1e-12)
    np.testing.assert_allclose(one.by_b, outer * slope, rtol=1e-12)
    np.testing.assert_allclose(two.by_W, by_W_2, rtol=1e-12)
    np.testing.assert_allclose(two.by_b, outer * slope * w * h, rtol=1e-12)
    np.testing.assert_allclose(one.by_z(), slope * W_1.T, rtol=1e-12)

    theta = [torch.tensor(a, requires_grad=True) for a in (W_2, b_2, W_1, b_1)]
    logit = torch.relu(torch.tensor(x) @ theta[0] + theta[1]) @ theta[2] + theta[3]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logit, torch.tensor([float(y)]).double()
    )
    judged = torch.autograd.grad(loss, theta)
    for mine, judge in zip((two.by_W, two.by_b, one.by_W, one.by_b), judged, strict=True):
        np.testing.assert_allclose(mine, judge, rtol=1e-10)
    assert explained.chain.value == pytest.approx(loss.item(), rel=1e-12)

    text = explained.text(width=400)
    lines = text.splitlines()
    level = next(i for i, line in enumerate(lines) if "∂L/∂W_2 = " in line)
    right = lines[level].index("(T_1, T_2) = ") + 12
    said = " ".join(line[right:] for line in lines[level - 1 : level + 2])
    found = Counter(re.findall(r"[−\d.e]+", said))
    v = outer * slope * w
    expected = [*v, *slices[0].ravel(), *slices[1].ravel(), *by_W_2.ravel()]
    assert not Counter(map(entry, expected)) - found
    for j in (1, 2):
        row = ", ".join(f"h(u_3⁽{'¹²'[j - 1]}⁾)" if i == j else "0" for i in (1, 2))
        assert f"T_{j} = xᵀ·({row}) = " in text


@pytest.mark.parametrize("hidden", sorted(set(ACTIVATIONS) - {"exponential"}))
@pytest.mark.parametrize("loss", LOSSES)
def test_the_chain_is_the_explicit_product(hidden: str, loss: str) -> None:
    rng = np.random.default_rng(1)
    network = Network.of_sizes(
        [3, 4, 5, 2], hidden, LOSSES[loss].link or "tanh", dtype="float64", initializer="torch"
    )
    x, y = rng.normal(size=3), 1 if loss == "cross_entropy" else np.array([1.0, 0.0])
    explained = network.explain(x, y, loss)
    value, explicit = explicit_gradients(network, x, y, loss)
    assert explained.chain.value == pytest.approx(value, rel=1e-12)
    for link, (W, b) in zip(explained.chain.links, reversed(explicit), strict=True):
        np.testing.assert_allclose(link.by_W, W, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(link.by_b, b, rtol=1e-9, atol=1e-15)
        phi = link.phi
        slices = g_by_W(phi, link.u[0], link.z[0])
        np.testing.assert_allclose(link.by_z(), phi.jacobian(link.u[0]) @ link.layer.W.T)
        assert slices.shape == (link.layer.outputs, link.layer.inputs, link.layer.outputs)


def test_a_few_rows_are_explained_as_training_computes_them() -> None:
    X, y = np.array([[0, 0], [1, 0], [0, 1.0]]), np.array([1, 1, 0])
    explained = NOT_XOR.explain(X, y)
    t = targets(y, "binary_cross_entropy", 1, "float64")
    value, gradients = backprop(NOT_XOR, X, t, "binary_cross_entropy")
    assert explained.chain.value == pytest.approx(value)
    for link, (W, b) in zip(explained.chain.links, reversed(gradients), strict=True):
        np.testing.assert_allclose(link.by_W, W, atol=1e-16)
        np.testing.assert_allclose(link.by_b, b, atol=1e-16)
    text = explained.text()
    assert "Network 2-2-1, rows 1, 2, 3" in text
    assert "L = mean of binary_cross_entropy over the 3 rows = " in text
    assert "∂L/∂u_2 = ∂L/∂z_1·∇φ_1, row by row, = " in text


def test_one_layer_alone() -> None:
    text = NOT_XOR.explain([1, 0], 0, layer=2).text()
    assert "∂L/∂z_2 = ∂L/∂z_1·∇φ_1·W_1ᵀ = (−0.3775 −0.3775)" in text
    assert "W_1 +" not in text
    assert "Layer 1" not in text
    with pytest.raises(InvalidValue, match=r"layers are numbered 1 \(output\) to 2, got 3"):
        NOT_XOR.explain([1, 0], 0, layer=3)


def test_without_a_target_there_is_no_way_back() -> None:
    text = str(NOT_XOR.explain([1, 0]))
    assert text.endswith("The target is not known, so there is no loss and no gradient.")
    assert "Backward" not in text


def test_where_z_rounds_to_one_the_merged_form_stands() -> None:
    network = Network([Layer([[1.0]], [0.0], "tanh"), Layer([[100.0]], [0.0], "logistic")])
    explained = network.explain([5.0], 0)
    assert explained.chain.merged
    assert "∂L/∂z_1 = 1/(1 − z_1) = ∞" in explained.text()
    assert "∂L/∂u_2 = z_1 − y" in explained.text()
    assert "nan" not in explained.text()
    t = np.array([[0.0]])
    _, gradients = backprop(network, np.array([[5.0]]), t, "binary_cross_entropy")
    for link, (W, b) in zip(explained.chain.links, reversed(gradients), strict=True):
        np.testing.assert_allclose(link.by_W, W)
        np.testing.assert_allclose(link.by_b, b)
    assert json.loads(explained.json())["layers"][1]["dL_dz"] == [[None]]


LETTERS = {
    ("binary_cross_entropy", 1, 1): ("−log z_1", "−1/z_1"),
    ("binary_cross_entropy", 1, 0): ("−log(1 − z_1)", "1/(1 − z_1)"),
    ("cross_entropy", 3, 1): ("−log z_1⁽²⁾", "(0, −1/z_1⁽²⁾, 0)"),
    ("cross_entropy", 8, 0): ("−log z_1⁽¹⁾", "(−1/z_1⁽¹⁾, …, 0)"),
    ("squared_error", 1, 0.5): ("(z_1 − y)²", "2(z_1 − y)"),
    ("absolute_error", 1, 0.5): ("|z_1 − y|", "sign(z_1 − y)"),
    ("huber", 1, 0.5): ("huber(z_1 − y)", "clip(z_1 − y, −1, 1)"),
    ("poisson", 1, 2): ("z_1 − y log z_1", "1 − y/z_1"),
}


@pytest.mark.parametrize(("loss", "outputs", "y"), LETTERS)
def test_the_letters_of_a_loss(loss: str, outputs: int, y: float) -> None:
    network = Network.of_sizes(
        [2, outputs], output=LOSSES[loss].link or "identity", dtype="float64"
    )
    text = network.explain([0.3, -0.2], y, loss).text(width=200)
    value, derivative = LETTERS[loss, outputs, y]
    assert f"  L = {value} = " in text
    assert f"  ∂L/∂z_1 = {derivative} = " in text


def test_large_matrices_are_cut_at_their_corners() -> None:
    network = Network.of_sizes([30, 20, 1], output="logistic", dtype="float64", initializer="torch")
    explained = network.explain(np.linspace(-1, 1, 30), 1)
    text = explained.text(width=200)
    for r, matrix in ((2, network.layers[0].W), (2, explained.chain.links[1].by_W)):
        kept = [0, 1, 2, -3, -2, -1]
        for row in matrix[kept]:
            cells = [*map(entry, row[kept])]
            assert re.search(r" +".join(map(re.escape, [*cells[:3], "…", *cells[3:]])), text), r
    assert "∂g_2/∂W_2 is a tensor of 20×30×20 numbers, 93.8 KiB in float64" in text
    assert "all but one in 20 are 0" in text


def test_784_512_512_10_stays_short() -> None:
    network = Network.of_sizes([784, 512, 512, 10], output="softmax")
    explained = network.explain(np.linspace(-1, 1, 784), 3)
    lines = explained.text().splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 80
    assert "512×784×512 numbers, 1.53 GiB in float64" in " ".join(explained.text().split())


def test_json_leaves_nothing_out() -> None:
    network = Network.of_sizes([12, 9, 3], output="softmax", dtype="float64", initializer="torch")
    x = np.linspace(-1, 1, 12)
    found = json.loads(network.explain(x, 2).json())
    trace = network.trace(x)
    second, first = found["layers"]
    np.testing.assert_array_equal(second["W"], network.layers[0].W)
    np.testing.assert_array_equal(second["u"], [trace.u[3]])
    np.testing.assert_array_equal(first["z"], [trace.z[1]])
    _, gradients = explicit_gradients(network, x, 2, "cross_entropy")
    np.testing.assert_allclose(second["dL_dW"], gradients[0][0], rtol=1e-9, atol=1e-15)
    assert (found["loss"], found["sizes"], found["target"]) == ("cross_entropy", [12, 9, 3], [[2]])
    large = Network.of_sizes([2000, 1000, 1])
    with pytest.raises(InvalidValue, match="too large to be written out whole: 4,002,000 numbers"):
        large.explain(np.zeros(2000), 1).json()
    assert len(large.explain(np.zeros(2000), 1, layer=1).as_dict()["layers"]) == 1


class Balanced(HTMLParser):
    """Fails on a tag that is closed where another is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_and_loads_nothing() -> None:
    explained = NOT_XOR.explain([1, 0], 0, inputs=("<b>a&b</b>", '"c'), classes=("no", "yes"))
    page = explained.html()
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    assert {"math", "mfrac", "table", "th"} <= parser.seen
    assert "b" not in parser.seen
    assert "&lt;b&gt;a&amp;b&lt;/b&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert "<mfrac><mrow><mo>∂</mo><mi>ℒ</mi></mrow><mrow><mo>∂</mo><msub><mi>W</mi>" in page
    assert explained._repr_html_() in page


def test_latex_is_balanced_and_escapes_names() -> None:
    explained = NOT_XOR.explain([1, 0], 0, inputs=("50%_$", "a&{b}"), classes=("no", "yes"))
    for text in (explained.latex(), explained.markdown(), explained._repr_latex_()):
        assert text.count("\\begin{") == text.count("\\end{")
        unescaped = re.sub(r"\\[{}]", "", text)
        assert unescaped.count("{") == unescaped.count("}")
        assert r"\frac{\partial \mathcal{L} }{\partial W_{2}}" in text
        assert r"\begin{pmatrix} 1 & -1 \\ -1 & 1 \end{pmatrix}" in text
        assert r"\text{50\%\_\$}" in text
        assert r"a\&\{b\}" in text
    assert explained.markdown().count("$$") % 2 == 0


def test_ascii_keeps_its_columns() -> None:
    explained = NOT_XOR.explain([1, 0], 0)
    plain = explained.text(unicode=False)
    assert plain.isascii()
    assert "?" not in plain
    assert [len(line) for line in plain.splitlines()] == [len(x) for x in ONE_ZERO.splitlines()]


@pytest.mark.parametrize("thing", [NOT_XOR, NOT_XOR.layers[0], NOT_XOR.trace([1, 0])])
def test_notebooks_show_formulas(thing: Network) -> None:
    parser = Balanced()
    parser.feed(thing._repr_html_())
    assert not parser.open
    latex = thing._repr_latex_()
    assert latex.startswith("$$\n")
    assert latex.endswith("\n$$")
    assert r"\begin{pmatrix} 1 & " in latex


def test_bad_rows_and_targets_are_refused() -> None:
    with pytest.raises(ShapeError, match="layer 2 takes rows of 2 numbers, got 3"):
        NOT_XOR.explain([1, 2, 3])
    with pytest.raises(InvalidValue, match="takes labels 0 and 1"):
        NOT_XOR.explain([1, 2], 5)
    with pytest.raises(ShapeError, match="2 rows"):
        NOT_XOR.explain([[1, 2], [3, 4]], [1])
    with pytest.raises(UnknownName, match="no loss"):
        NOT_XOR.explain([1, 2], 1, "hinge")
    with pytest.raises(InvalidValue, match="doubled"):
        NOT_XOR.explain([1, 2], 1, "cross_entropy")


def test_the_chain_knows_nothing_of_a_wrong_derivative() -> None:
    """The explanation shows the network's own derivative, right or wrong, as it is used."""
    phi = ACTIVATIONS["tanh"]
    wrong = chainrule.Activation("tanh", phi.value, lambda u: 1.0005 * phi.derivative(u))
    network = Network([Layer([[0.5]], [0.1], wrong), Layer([[2.0]], [0.0])])
    found = chain(network, np.array([[1.0]]), np.array([[0.0]]), LOSSES["squared_error"])
    u = 0.6
    expected = 2 * 2 * np.tanh(u) * 2 * 1.0005 * (1 - np.tanh(u) ** 2)
    assert found.links[1].by_W[0, 0] == pytest.approx(expected, rel=1e-12)
