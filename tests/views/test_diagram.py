"""A network as circles and lines: places, widths and colours, as SVG and by matplotlib."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import to_hex

from chainrule import Layer, Network
from chainrule.errors import InvalidValue, ShapeError
from chainrule.explanation.drawing.diagram import diagram
from chainrule.views.layout import MOST_EDGES, MOST_UNITS, arrange, lowered, shown
from chainrule.views.pictures.network import network as picture
from chainrule.views.svg import ABOVE, BELOW, network_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def small() -> Network:
    return Network(
        [
            Layer([[1.0, -0.5, 0.25], [0.0, 2.0, -1.0]], [0.1, 0.0, -0.3], "relu"),
            Layer([[-4.0], [1.0], [2.0]], [0.5], "logistic"),
        ]
    )


def large() -> Network:
    return Network.of_sizes([100, 60, 3], output="softmax", seed=0)


def test_every_weight_of_a_small_network_is_a_line(small: Network) -> None:
    first, second = arrange(diagram(small)).bundles
    assert (first.layer, second.layer) == (2, 1)
    assert (first.shape, second.shape) == ((2, 3), (3, 1))
    weights = {(e.source.unit, e.target.unit): e.weight for e in first.edges}
    assert weights == {(i, j): small.layer(2).W[i, j] for i in range(2) for j in range(3)}
    assert {e.weight: e.share for e in second.edges} == {-4.0: 1.0, 1.0: 0.25, 2.0: 0.5}
    assert [abs(e.weight) for e in first.edges] == sorted(abs(e.weight) for e in first.edges)
    assert first.captions == ("W_2, 2×3", "|w| ≤ 2")


def test_columns_stand_from_left_to_right_around_the_middle(small: Network) -> None:
    columns = arrange(diagram(small)).columns
    assert [column[0].x for column in columns] == [0, 0.5, 1]
    assert [np.mean([node.y for node in column]) for column in columns] == pytest.approx([0.5] * 3)
    assert all(0 <= node.y <= 1 for column in columns for node in column)


def test_a_long_column_is_cut_and_only_the_heaviest_weights_are_drawn() -> None:
    network = large()
    found = arrange(diagram(network))
    assert [len(column) for column in found.columns] == [MOST_UNITS, MOST_UNITS, 3]
    assert [gap.count for gap in found.gaps] == [100 - MOST_UNITS, 60 - MOST_UNITS]
    assert [node.unit for node in found.columns[0]] == [*range(12), *range(88, 100)]
    first = found.bundles[0]
    seen = network.layer(2).W[np.ix_([*range(12), *range(88, 100)], [*range(12), *range(48, 60)])]
    heaviest = np.sort(np.abs(seen), axis=None)[-MOST_EDGES:]
    np.testing.assert_allclose([abs(e.weight) for e in first.edges], heaviest)
    assert first.captions[-1] == "heaviest 120 drawn"
    assert found.bundles[1].captions[-1] == f"{3 * MOST_UNITS} drawn"


def test_which_of_many_are_shown() -> None:
    assert shown(5, 5)[0].tolist() == [0, 1, 2, 3, 4]
    units, first = shown(9, 4)
    assert (units.tolist(), first) == ([0, 1, 7, 8], 2)


def test_names_with_their_numbers_below_the_line() -> None:
    assert lowered("z_12 = ReLU(u_13)") == "z₁₂ = ReLU(u₁₃)"


def test_the_svg_says_every_weight_and_every_unit(small: Network) -> None:
    root = ElementTree.fromstring(
        network_svg(diagram(small, inputs=("a<b", "c"), outputs=("yes",)))
    )
    lines = {path[0].text: path for path in root.iter(f"{SVG}path") if len(path)}
    assert len(lines) == 9
    assert lines["W_2, a<b → unit 1: 1"].get("stroke") == ABOVE
    assert lines["W_2, a<b → unit 2: −0.5"].get("stroke") == BELOW
    widths = {name: float(path.get("stroke-width", "")) for name, path in lines.items() if name}
    assert widths["W_1, unit 1 → yes: −4"] == pytest.approx(2 * widths["W_1, unit 3 → yes: 2"])
    assert widths["W_2, c → unit 1: 0"] == 0
    titles = [each.text for each in root.iter(f"{SVG}title")]
    assert "z_2, unit 3: bias b −0.3" in titles and "z_1, yes: bias b 0.5" in titles
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"Network 2-3-1", "z₂ = ReLU(u₃)", "a<b", "yes"} <= set(texts)


def test_the_captions_of_a_deep_svg_stay_legible_and_apart() -> None:
    network = Network.of_sizes([5, *[200] * 8, 200, 2])
    root = ElementTree.fromstring(network_svg(diagram(network)))
    captions = [each for each in root.iter(f"{SVG}text") if each.get("opacity")]
    assert min(float(each.get("font-size", "")) for each in captions) > 8
    assert {"W₉", "200×200", "heaviest", "120 drawn"} <= {each.text for each in captions}
    left, right, *_ = sorted({float(each.get("x", "")) for each in captions})
    for each in captions:
        width = 0.6 * float(each.get("font-size", "")) * len(each.text or "")
        assert width <= right - left + 0.2  # places are rounded to 0.1
        assert float(each.get("y", "")) < float(root.get("height", "")) - 40  # above the legend
    above = [each for each in root.iter(f"{SVG}text") if each.text in ("z₂ =", "ReLU(u₃)")]
    assert [float(each.get("y", "")) for each in above] == [57, 44]  # the title's line is at 20


def test_a_row_fills_the_circles(small: Network) -> None:
    made = diagram(small, row=[1.0, 2.0], row_name="row 7")
    assert made.filled == "x and z of row 7"
    assert [stage.values.tolist() for stage in made.stages[:2]] == [[1, 2], [1.1, 3.5, 0]]
    assert "z_2, unit 2: x and z of row 7 3.5" in network_svg(made)


def test_the_matplotlib_picture_has_the_same_lines_and_circles(small: Network) -> None:
    figure = picture(diagram(small))
    (ax,) = figure.axes
    first, second = (each for each in ax.collections if isinstance(each, LineCollection))
    assert len(first.get_segments()) == 6 and len(second.get_segments()) == 3
    widths = second.get_linewidths()
    assert widths[2] == pytest.approx(4 * widths[0]) == pytest.approx(2 * widths[1])
    assert [to_hex(c).upper() for c in second.get_colors()] == [ABOVE, ABOVE, BELOW]
    (circles,) = (each for each in ax.collections if isinstance(each, EllipseCollection))
    assert len(circles.get_offsets()) == 2 + 3 + 1
    assert {"−4", "z₁ = σ(u₂)\n1 unit"} <= {text.get_text() for text in ax.texts}


@pytest.mark.parametrize("size", ["page", "slide"])
@pytest.mark.parametrize(
    "network", [large(), Network.of_sizes([1, 1]), Network.of_sizes([3, *[8] * 9, 2])]
)
def test_nothing_leaves_the_paper(network: Network, size: str) -> None:
    figure = picture(diagram(network), size)
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= width + 1, text.get_text()
        assert box.y0 >= -1 and box.y1 <= height + 1, text.get_text()


def test_bad_input(small: Network) -> None:
    with pytest.raises(ShapeError, match="2 inputs, got 3 names"):
        diagram(small, inputs=("a", "b", "c"))
    with pytest.raises(ShapeError, match=r"a row is \(2,\), got shape \(1, 2\)"):
        diagram(small, row=[[1.0, 2.0]])
    small.layer(1).W[0] = np.nan
    with pytest.raises(InvalidValue, match="layer 1 holds numbers that are not finite"):
        diagram(small)
