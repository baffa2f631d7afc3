"""Where pictures go: a .png or .svg by matplotlib, an .html page by Plotly."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import InvalidValue, MissingExtra
from chainrule.storage.atomic import check_target, replacing
from chainrule.views.pictures.saving import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWN_BY = {".png": "matplotlib", ".svg": "matplotlib", ".html": "plotly"}


def check_picture(path: str | os.PathLike[str]) -> None:
    """Refuse a file that no picture can be written to, before the work that the picture shows.

    Raises:
        InvalidValue: its name does not end in .png, .svg or .html.
        MissingExtra: what draws such a picture is not installed.
        ChainruleError: its folder is not there, or it is one.
    """
    _check(path, _DRAWN_BY, "a picture's name ends in .png, .svg or .html")


def check_page(path: str | os.PathLike[str]) -> None:
    """The same for a page alone, whose name ends in .html."""
    _check(path, {".html": _DRAWN_BY[".html"]}, "a page's name ends in .html")


def _check(path: str | os.PathLike[str], drawn_by: Mapping[str, str], rule: str) -> None:
    suffix = Path(path).suffix.lower()
    if suffix not in drawn_by:
        raise InvalidValue(f"{rule}, got {os.fspath(path)!r}")
    if find_spec(drawn_by[suffix]) is None:
        raise MissingExtra("plot")
    check_target(Path(path))


def put(
    path: str | os.PathLike[str] | None, picture: Callable[[], Figure], page: Callable[[], str]
) -> Figure | None:
    """Draw what the name of a file asks for, into it; without a name, return the picture.

    Args:
        path: ends in .png or .svg for the picture, in .html for the page.
        picture: draws the one.
        page: writes the other.

    Raises:
        InvalidValue: another suffix.
        MissingExtra: what draws it is not installed.
        ChainruleError: the folder is not there.
    """
    if path is None:
        return picture()
    check_picture(path)
    if Path(path).suffix.lower() == ".html":
        save_page(page(), path)
    else:
        save(picture(), path)
    return None


def save_page(text: str, path: str | os.PathLike[str]) -> None:
    """Write a page whole, or not at all."""
    with replacing(Path(path)) as file:
        file.write(text.encode())
