"""`chainrule play`: a local page that shows networks while they learn."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from chainrule.cli.data import STDIN, check_there
from chainrule.errors import InvalidValue, MissingExtra

if TYPE_CHECKING:
    from chainrule.web.server import Site

_PIECE = 1 << 20


def play(
    data: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    target: str | None = None,
    port: int | None = None,
    host: str = "127.0.0.1",
    open_: Annotated[bool, Parameter(name="--open", negative="--no-open")] = True,
) -> None:
    """Serve the page until Ctrl-C; its address is printed.

    Args:
        data: what the page begins with: a file (CSV, TSV, JSON lines, Parquet; gzipped too), - for standard input, or
            moons, circles, spirals, blobs, xor, iris, wine, breast-cancer, digits, diabetes. moons without it; files
            can be dropped on the page.
        target: the column to learn; the last one without it.
        port: where to listen; 8765 without it, or another one if that is taken.
        host: the address to listen at. Other than of this machine alone, the address that is printed has a token,
            without which the server answers nothing.
        open_: open the page in the browser.
    """
    try:
        import plotly  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ModuleNotFoundError as absent:
        raise MissingExtra("web") from absent
    from chainrule.web import server

    if port is not None and not 0 <= port <= 65535:
        raise InvalidValue(f"a port is a number up to 65535, got {port}")
    site = _site(data, target)
    token = server.token_for(host)
    socket = server.listen(host, port)
    address = server.address(host, socket.getsockname()[1], token)
    print(f"chainrule plays at  {address}   (Ctrl-C ends it)", flush=True)
    if open_:
        _open(address)
    server.serve(site, socket, host, token)


def _site(data: str | None, target: str | None) -> Site:
    from chainrule.tables import is_builtin
    from chainrule.web import server
    from chainrule.web.uploads import Upload, naming

    if data is None:
        if target is not None:
            raise InvalidValue("a target is a column of a table: say which table")
        return server.Site()
    check_there(data)
    if is_builtin(data):
        return server.site_of_builtin(data, target)
    name = "standard input" if data == STDIN else Path(data).name
    with (
        naming(name),
        closing(Upload()) as upload,
        sys.stdin.buffer if data == STDIN else Path(data).open("rb") as file,
    ):
        while piece := file.read(_PIECE):
            upload.write(piece)
        return server.site_of(name, *upload.table(name), target)


def _open(address: str) -> None:
    """Open a browser, if this machine has a screen; else the printed address is all there is."""
    import webbrowser

    webbrowser.open(address)
