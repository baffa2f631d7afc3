"""Figures to files."""

from __future__ import annotations

import os
import pathlib
import threading
from typing import IO, TYPE_CHECKING, Any

from chainrule.errors import InvalidValue
from chainrule.storage.atomic import replacing
from chainrule.views.pictures.look import DOTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ONE_AT_A_TIME = threading.Lock()  # matplotlib's settings belong to the whole process
_SETTINGS: Any = {"svg.hashsalt": "chainrule", "svg.fonttype": "path", "savefig.bbox": None}
_METADATA: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}}


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG (150 dots per inch) or SVG, by the suffix of the name.

    The file takes the place of an older one only when it is whole. The same figure gives the same
    bytes: it is laid out when it is first saved, and stays so.

    Args:
        figure: what to write.
        path: ends in ".png" or ".svg".

    Raises:
        InvalidValue: another suffix, or the name of a folder.
        MissingFile: the folder is not there.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in _METADATA:
        known = " or ".join(_METADATA)
        raise InvalidValue(f"{os.fspath(path)} cannot be written: a picture ends in {known}")
    with replacing(path) as file:
        write(figure, file, suffix)


def write(figure: Figure, file: IO[bytes], suffix: str) -> None:
    """Write a figure into an open file, as what files with that suffix hold: ".png" or ".svg"."""
    import matplotlib

    with _ONE_AT_A_TIME, matplotlib.rc_context(_SETTINGS):
        _lay_out(figure)
        figure.savefig(file, format=suffix[1:], dpi=DOTS, metadata=_METADATA[suffix])


def _lay_out(figure: Figure) -> None:
    """Give everything its place once: a second layout would begin where the first one ended."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
