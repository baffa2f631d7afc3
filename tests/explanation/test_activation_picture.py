"""The picture of an activation, and its page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from chainrule.activations import ACTIVATIONS, Activation
from chainrule.errors import UnknownName
from chainrule.explanation.drawing import draw_activation
from chainrule.explanation.drawing.activation import curve, shares

PAGES = Path(__file__).parents[2] / "docs" / "activations"
ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_curves_are_the_activation_and_its_slope(name: str) -> None:
    drawn, value = curve(ACTIVATIONS[name]), ACTIVATIONS[name].value
    np.testing.assert_array_equal(drawn.z, value(drawn.u))
    away = np.abs(drawn.u) > 1e-3
    u = drawn.u[away]
    np.testing.assert_allclose(
        drawn.slope[away], (value(u + 1e-6) - value(u - 1e-6)) / 2e-6, rtol=1e-6, atol=1e-8
    )
    assert np.isnan(drawn.slope).sum() == bool(drawn.jumps)


@pytest.mark.parametrize(
    ("name", "jumps", "limits"),
    [
        ("relu", ((0, 0, 1),), ()),
        ("leaky_relu", ((0, 0.01, 1),), ()),
        ("selu", ((0, 1.7580993408, 1.0507009874),), (-1.7580993408,)),
        ("elu", (), (-1,)),
        ("logistic", (), (1,)),
        ("tanh", (), (-1, 1)),
        ("gelu", (), ()),
    ],
)
def test_jumps_and_limits(
    name: str, jumps: tuple[tuple[float, float, float], ...], limits: tuple[float, ...]
) -> None:
    drawn = curve(ACTIVATIONS[name])
    assert len(drawn.jumps) == len(jumps)
    for found, expected in zip(drawn.jumps, jumps, strict=True):
        assert found == pytest.approx(expected, rel=1e-8)
    assert drawn.limits == pytest.approx(limits)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_lines_of_the_picture(name: str) -> None:
    drawn = [
        max((np.array(line.get_xydata()) for line in ax.lines), key=len)
        for ax in draw_activation(name).axes
    ]
    (u, z), (same, slope) = drawn[0].T, drawn[1].T
    np.testing.assert_array_equal(u, same)
    step = u[1] - u[0]
    assert len(u) > 300 and u[0] == -5 and u[-1] >= 2 and step < 0.03
    away = np.flatnonzero(np.abs(u[1:-1]) > 1.5 * step) + 1
    around = (z[away + 1] - z[away - 1]) / (u[away + 1] - u[away - 1])
    error = step**2 / 6 * 2  # of central differences: step²/6 · |φ‴|, which tanh brings to 2 at 0
    np.testing.assert_allclose(slope[away], around, rtol=error, atol=1.01 * error)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("relu", "ReLU"),
        ("leaky_relu", "LeakyReLU"),
        ("logistic", "Sigmoid"),
        ("tanh", "Tanh"),
        ("softplus", "Softplus"),
        ("elu", "ELU"),
        ("selu", "SELU"),
        ("gelu", "GELU"),
        ("silu", "SiLU"),
        ("mish", "Mish"),
    ],
)
def test_the_marks_at_0_are_what_pytorch_says(name: str, module: str) -> None:
    torch = pytest.importorskip("torch")
    u = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    z = getattr(torch.nn, module)()(u)
    z.backward()
    for ax, value in zip(draw_activation(name).axes, (z.item(), u.grad.item()), strict=True):
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        filled = [line for line in dots if line.get_markerfacecolor() != "white"]
        assert [tuple(line.get_xydata()[0]) for line in filled] == [(0, pytest.approx(value))]
        assert any(text.get_text().endswith(f"(0) = {value:.3g}") for text in ax.texts)
    assert len(dots) == 1 + (name in ("relu", "leaky_relu", "selu"))  # a ring where φ′ jumps


def test_the_jacobian_of_softmax_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    at = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    expected = torch.autograd.functional.jacobian(lambda u: torch.softmax(u, 0), at).numpy()
    (image,) = draw_activation("softmax").axes[1].images
    np.testing.assert_allclose(np.asarray(image.get_array()), expected, atol=1e-15)
    said = [
        float(text.get_text().replace("−", "-"))
        for text in draw_activation("softmax").axes[1].texts
    ]
    np.testing.assert_allclose(said, expected.ravel(), atol=5.1e-4)


def test_limits_are_written_where_the_curve_is_not() -> None:
    left, _ = draw_activation("tanh").axes
    said = {text.get_text(): text.xy for text in left.texts if "limit" in text.get_text()}
    assert said == {"limit −1": (5, -1), "limit 1": (-5, 1)}


def test_softmax_as_its_first_input_moves() -> None:
    drawn = shares(ACTIVATIONS["softmax"])
    np.testing.assert_allclose(drawn.z.sum(axis=1), 1)
    assert (np.diff(drawn.z[:, 0]) > 0).all() and (np.diff(drawn.z[:, 1]) < 0).all()
    np.testing.assert_allclose(drawn.jacobian.sum(axis=0), 0, atol=1e-15)


@pytest.mark.parametrize("size", ["page", "slide"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_picture_can_be_drawn(name: str, size: str) -> None:
    figure = draw_activation(name, size)
    figure.draw_without_rendering()
    assert figure.get_suptitle() == name
    assert len(figure.axes) == 2


def test_your_own_and_an_alias() -> None:
    mine = Activation("cube", lambda u: u**3, lambda u: 3 * u**2)
    assert draw_activation(mine).get_suptitle() == "cube"
    assert draw_activation("swish").get_suptitle() == "silu"
    with pytest.raises(UnknownName, match="no activation is called 'rely'"):
        draw_activation("rely")


def test_every_activation_has_a_page_that_the_index_links() -> None:
    index = (PAGES / "index.md").read_text("utf-8")
    linked = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\)", index, re.MULTILINE)
    assert linked == [(name, name) for name in ACTIVATIONS]
    toctree = index.split("{toctree}")[1].split("```")[0].split()
    assert toctree == [":hidden:", *ACTIVATIONS]
    for name in ACTIVATIONS:
        page = (PAGES / f"{name}.md").read_text("utf-8")
        assert f"\n# {name}\n" in page and f'draw_activation("{name}")' in page
