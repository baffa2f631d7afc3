"""Who may talk to the server: a fixed list of hosts, the page's own origin, and a token beyond this machine."""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "chainrule"
# An empty style element, which Plotly fills rule by rule, is the only style that may stand in the page.
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
POLICY = (
    f"default-src 'self'; style-src 'self' {_EMPTY}; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LOCAL = ("127.0.0.1", "localhost", "[::1]")


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address to listen at."""
    return host in ("127.0.0.1", "localhost", "::1")


def names_of(host: str, port: int) -> frozenset[str]:
    """What a Host header may say, for a server that listens there."""
    names = set(LOCAL)
    if not is_local(host):
        names |= {f"[{host}]" if ":" in host else host, socket.gethostname().lower()}
        if host in ("0.0.0.0", "::"):
            names |= set(_own_addresses())
    return frozenset(f"{name}:{port}" for name in names)


def _own_addresses() -> Iterable[str]:
    """The addresses of this machine, as its own name leads to them."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return
    for *_, address in found:
        name = str(address[0])
        yield f"[{name}]" if ":" in name else name


class Guard:
    """Refuses what the page of this server did not send.

    Any web site may ask a browser to talk to this machine. Its requests carry a Host that is not
    ours where it has its name point here (DNS rebinding), and else its own Origin; the policy never
    depends on what the request says of itself. Requests over HTTP that only read have no Origin.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], token: str | None) -> None:
        self.app, self.names, self.token = app, names, token
        self.origins = frozenset(f"http://{name}" for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
        elif refusal:
            await PlainTextResponse(refusal[1] + "\n", refusal[0])(scope, receive, self._with_headers(scope, send))  # fmt: skip
        else:
            await self.app(scope, receive, self._with_headers(scope, send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """The status and the reason; None for what may pass."""
        if len(headers.getlist("host")) != 1 or headers["host"].lower() not in self.names:
            return 400, "this server does not go by that name"
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if (origin is not None or changes) and origin not in self.origins:
            return 403, "only the page itself may do that"
        if self.token is not None and not self._knows_token(scope, headers):
            return 403, "the address needs its token: take the whole line that the command printed"
        return None

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        return any(_same(given, self.token or "") for given in _tokens(scope, headers))

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if self.token is not None and scope["path"] == "/" and message["status"] == 200:
                    headers["set-cookie"] = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"  # fmt: skip
            await send(message)

        return sent


def _tokens(scope: Scope, headers: Headers) -> Iterable[str]:
    """What a request gives as its token: in its cookie, or in the address."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    if cookie is not None:
        yield cookie.value
    yield from parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def fresh_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)
