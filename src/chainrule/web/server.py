"""The server of the page: a few fixed addresses, and nothing that the browser names is ever opened."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from chainrule.errors import ChainruleError, InvalidValue
from chainrule.initializers import INITIALIZERS
from chainrule.tables import BUILTIN, SHAPES, Table
from chainrule.version import __version__
from chainrule.views import mathematics
from chainrule.web import limits
from chainrule.web.experiment import HIDDEN_ACTIVATIONS, STEPPING, Experiment
from chainrule.web.guard import Guard, fresh_token, is_local, names_of
from chainrule.web.scene import Scene
from chainrule.web.uploads import Tables, TooLarge, Upload, described, naming
from chainrule.web.visit import Visit

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}  # fmt: skip
_CACHED = {
    "cache-control": "no-cache"
}  # asked for again, and answered with 304 where it is the same

_NET = {"hidden": [16, 16], "activations": ["relu", "relu"]}
_LANES = [{"optimizer": "sgd", "learning_rate": 0.1}, {"optimizer": "adam", "learning_rate": 0.01}]


@dataclass
class Site:
    """What the server has.

    Attributes:
        tables: of files.
        opened: the table that the command was given, as the page is told of it; None without one.
        experiment: what a page begins with that has nothing in its address.
        visitors: how many pages train now.
        reading: one file is read at a time.
    """

    tables: Tables = field(default_factory=Tables)
    opened: dict[str, object] | None = None
    experiment: Experiment = field(default_factory=Experiment)
    visitors: int = 0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def greeting(self) -> dict[str, Any]:
        """What a page is told first."""
        return {
            "say": "hello",
            "version": __version__,
            "limits": limits.as_dict(),
            "optimizers": {name: rule.learning_rate for name, rule in STEPPING.items()},
            "activations": list(HIDDEN_ACTIVATIONS),
            "initializers": list(INITIALIZERS),
            "data": {name: {"about": about, "drawn": name in SHAPES} for name, about in BUILTIN.items()},
            "lessons": lessons(),
            "opened": self.opened,
            "styles_of_maps": _styles_of_maps(),
            "blank": Experiment().as_dict(),
            "experiment": self.experiment.as_dict(),
        }  # fmt: skip

    async def page(self, request: Request) -> Response:
        """A file of the page."""
        content, kind, tag = _content()[request.url.path]
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=_CACHED | {"etag": tag})
        return Response(content, media_type=kind, headers=_CACHED | {"etag": tag})

    async def take_file(self, request: Request) -> Response:
        """A file that was dropped on the page."""
        if request.headers.get("content-type") != "application/octet-stream":
            return JSONResponse({"error": "a file comes as application/octet-stream"}, 415)
        name = request.query_params.get("name", "")
        upload = Upload()
        try:
            with naming(name):
                async with asyncio.timeout(limits.UPLOAD_SECONDS):
                    async for piece in request.stream():
                        upload.write(piece)
                async with self.reading:
                    digest, table = await asyncio.to_thread(upload.table, name)
            told = described(name, digest, table)
            self.tables.keep(digest, table)
            return JSONResponse(told)
        except TooLarge as error:
            return JSONResponse({"error": str(error)}, 413)
        except ChainruleError as error:
            return JSONResponse({"error": str(error)}, 400)
        except TimeoutError:
            return JSONResponse({"error": "the file took too long"}, 408)
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            upload.close()

    async def visit(self, socket: WebSocket) -> None:
        """A page that shows networks."""
        if self.visitors >= limits.VISITORS:
            await socket.accept()
            await socket.close(1013, f"{limits.VISITORS} pages train already: close one")
            return
        self.visitors += 1
        try:
            await Visit(socket, self.tables.find, self.greeting()).talk()
        finally:
            self.visitors -= 1


def application(site: Site, names: frozenset[str], token: str | None = None) -> ASGIApp:
    """The server as an application.

    Args:
        site: what it has.
        names: what a Host header may say.
        token: what a request has to know; None where only this machine can ask.
    """
    routes = [Route(path, site.page, methods=["GET"]) for path in _content()]
    app = Starlette(
        routes=[
            *routes,
            Route("/data", site.take_file, methods=["POST"]),
            WebSocketRoute("/ws", site.visit),
        ]
    )
    return Guard(app, names, token)


@cache
def _content() -> Mapping[str, tuple[bytes, str, str]]:
    """What is served: the content, its type and its tag, by address."""
    found = {}
    for file in files("chainrule.web.page").iterdir():
        kind = _TYPES.get(Path(file.name).suffix)
        if kind is not None:
            found["/" if file.name == "index.html" else f"/{file.name}"] = file.read_bytes(), kind
    found["/plotly.js"] = _plotly(), "text/javascript"
    found["/formulas.css"] = mathematics.STYLE.encode(), "text/css"
    return {
        path: (content, f"{kind}; charset=utf-8", f'"{hashlib.sha256(content).hexdigest()[:20]}"')
        for path, (content, kind) in found.items()
    }


def _plotly() -> bytes:
    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@cache
def _styles_of_maps() -> list[str]:
    """The ids of style elements that Plotly's script makes for maps, unless elements of that id are there.

    The page's policy allows no such style, and no map is shown: the page takes the ids first.
    """
    content = _content()["/plotly.js"][0]
    return [found.decode() for found in re.findall(rb'getElementById\("([0-9a-f]{64})"\)', content)]


@cache
def lessons() -> list[dict[str, Any]]:
    """The lessons, each with its experiment as the page takes it.

    Raises:
        ChainruleError: one of them is not what it should be.
    """
    text = (files("chainrule.web") / "lessons.toml").read_text(encoding="utf-8")
    return [
        lesson | {"experiment": Experiment.of(lesson["experiment"]).as_dict()}
        for lesson in tomllib.loads(text)["lesson"]
    ]


def listen(host: str, port: int | None) -> socket.socket:
    """A socket to serve at.

    Args:
        host: an address of this machine.
        port: a number, or None for 8765 or, where it is taken, any that is free.

    Raises:
        InvalidValue: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = [port] if port is not None else [8765, 0]
    for each in tried:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, each))
            made.listen(128)
            return made
        except (OSError, OverflowError) as error:
            made.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            where = host if port is None else f"{host}, port {port}"
            refused = InvalidValue(f"cannot listen at {where}: {reason}")
    raise refused


def address(host: str, port: int, token: str | None) -> str:
    """What to open in a browser."""
    name = f"[{host}]" if ":" in host else host
    if host in ("0.0.0.0", "::"):
        name = socket.gethostname()
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def serve(site: Site, made: socket.socket, host: str, token: str | None) -> None:
    """Serve until Ctrl-C."""
    import uvicorn

    names = names_of(host, made.getsockname()[1])
    config = uvicorn.Config(
        application(site, names, token),
        log_level="warning",
        ws="websockets-sansio",
        ws_max_size=limits.MESSAGE,
        ws_max_queue=4,
        ws_per_message_deflate=False,
        limit_concurrency=limits.CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[made])


def token_for(host: str) -> str | None:
    """A fresh token where other machines can reach the server; None where they cannot."""
    return None if is_local(host) else fresh_token()


def site_of(name: str, digest: str, table: Table, target: str | None) -> Site:
    """A site that begins with the table of a file.

    Raises:
        ChainruleError: the table or the target cannot be learned from.
    """
    site = Site(opened=described(name, digest, table))
    site.tables.keep(digest, table)
    site.experiment = usual({"name": name, "file": digest, "target": target})
    Scene.of(site.experiment.data, site.tables.find)
    return site


def site_of_builtin(name: str, target: str | None) -> Site:
    """A site that begins with a built-in table.

    Raises:
        UnknownName: it has no such column.
    """
    site = Site()
    given = {"name": name, "target": target}
    site.experiment = Experiment.of({"data": given}) if name in SHAPES else usual(given)
    Scene.of(site.experiment.data, site.tables.find)
    return site


def usual(data: Mapping[str, object]) -> Experiment:
    """How a table is begun with."""
    return Experiment.of({"data": data, "net": _NET, "batch_size": 32, "lanes": _LANES})
