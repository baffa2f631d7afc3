"""`chainrule draw`: pictures on the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chainrule import Network

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(folder: Path, ran: Said) -> Said:
    """The exit code, output and error of `chainrule draw`, in a folder with ¬XOR in it."""
    return partial(ran, "draw")


def test_a_network_alone_as_svg(said: Said) -> None:
    assert said("not-xor.json", "--out", "net.svg") == (0, "drawn    net.svg\n", "")
    titles = [each.text for each in ElementTree.parse("net.svg").getroot().iter() if each.text]
    assert "W_2, x⁽¹⁾ → unit 2: −1" in titles


def test_a_network_as_svg_needs_no_matplotlib(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.views.files.find_spec", lambda name: None)
    assert said("not-xor.json", "--out", "net.svg")[0] == 0
    code, _, err = said("not-xor.json", "--out", "net.png")
    assert code == 2 and "pip install 'chainrule[plot]'" in err


def test_the_names_of_the_data_and_a_row(said: Said) -> None:
    assert said("not-xor.json", "xor.csv", "--row", "2", "--out", "net.svg")[0] == 0
    text = Path("net.svg").read_text()
    assert "W_2, x_0 → unit 1: 1" in text
    assert "z_1, equal = 1: x and z of row 2 0.378" in text


@pytest.mark.parametrize("what", ["network", "regions", "units", "bending", "unit"])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_every_picture(said: Said, what: str, suffix: str) -> None:
    code, _, err = said("not-xor.json", "xor.csv", "--what", what, "--out", f"it{suffix}")
    assert (code, err) == (0, "")
    assert Path(f"it{suffix}").stat().st_size > 2000


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("not-xor.json", "--what", "bending", "--out", "it.png"),
            "the picture bending needs DATA",
        ),
        (("not-xor.json", "--row", "1", "--out", "it.png"), "--row needs DATA"),
        (("not-xor.json", "xor.csv", "--row", "9", "--out", "it.png"), "there is no row 9"),
        (
            ("not-xor.json", "xor.csv", "--what", "units", "--layer", "3", "--out", "it.png"),
            "layers are numbered 1 (output) to 2, got 3",
        ),
        (
            ("not-xor.json", "xor.csv", "--what", "unit", "--unit", "9", "--out", "it.png"),
            "no unit 9",
        ),
        (
            ("not-xor.json", "xor.csv", "--what", "unit", "--unit", "0", "--out", "it.png"),
            "no unit 0",
        ),
        (
            ("not-xor.json", "xor.csv", "--what", "unit", "--layer", "0", "--out", "it.png"),
            "layers are numbered 1 (output) to 2, got 0",
        ),
        (("not-xor.json", "--out", "it.jpg"), "a picture's name ends in .png or .svg"),
        (("not-xor.json", "--out", "none/it.png"), "there is no folder"),
        (("not-xor.json", "wide.csv", "--out", "it.png"), "the network takes rows of 2 numbers"),
        (("one.json", "one.csv", "--what", "regions", "--out", "it.png"), "two numbers at least"),
        (
            ("not-xor.json", "xor.csv", "--what", "units", "--row", "1", "--out", "it.png"),
            "--row is for the picture network",
        ),
        (
            ("not-xor.json", "xor.csv", "--row", "1,2", "--out", "it.png"),
            "the circles have room for one row, got --row 1,2",
        ),
        (
            ("not-xor.json", "--layer", "2", "--out", "it.png"),
            "--layer is for the pictures units and unit, not network",
        ),
        (
            ("not-xor.json", "xor.csv", "--what", "units", "--unit", "2", "--out", "it.png"),
            "--unit is for the picture unit, not units",
        ),
    ],
)
def test_bad_input(said: Said, arguments: tuple[str, ...], error: str) -> None:
    Path("wide.csv").write_text("a,b,c,d\n0,1,2,3\n")
    Path("one.csv").write_text("a\n0\n1\n")
    Path("one.json").write_text(Network.of_sizes([1, 1]).to_json())
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert error in err and err.count("\n") == 1
    assert not Path("it.png").exists()
