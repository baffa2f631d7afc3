"""The running server: who may talk to it, what it takes, and that it goes on serving."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import socket
import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chainrule.web import limits

from .conftest import Served

TABLE = b"a,b,class\n" + b"".join(b"%d,%d,%s\n" % (i, i % 7, [b"x", b"y"][i % 2]) for i in range(60))  # fmt: skip


def ask(served: Served, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, Any]:  # fmt: skip
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def post(served: Served, body: Any, name: str = "t.csv", **headers: str) -> tuple[int, Any]:
    own = {"origin": f"http://127.0.0.1:{served.port}", "content_type": "application/octet-stream"}
    status, text, _ = ask(served, "POST", f"/data?name={name}", body, **{**own, **headers})
    return status, json.loads(text) if text.startswith("{") else text


def page(served: Served, origin: str | None = "own", **more: Any) -> ClientConnection:
    own = f"http://127.0.0.1:{served.port}"
    given: Any = own if origin == "own" else origin
    return connect(f"ws://127.0.0.1:{served.port}/ws", origin=given, max_size=None, **more)


def heard(socket_: ClientConnection, say: str) -> dict[str, Any]:
    """The next message of a kind; frames are acknowledged."""
    while True:
        message = socket_.recv(timeout=20)
        if isinstance(message, bytes):
            length = int.from_bytes(message[:4], "little")
            header = json.loads(message[4 : 4 + length])
            socket_.send(json.dumps({"do": "seen", "frame": header["frame"]}))
            if say == "frame":
                return dict(header)
        else:
            told = json.loads(message)
            if told["say"] == say:
                return dict(told)


def test_the_page_comes_with_its_policy_and_nothing_from_elsewhere(served: Served) -> None:
    status, text, headers = ask(served, "GET", "/")
    assert status == 200 and "<title>chainrule plays</title>" in text
    assert "http" not in text
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    status, text, headers = ask(served, "GET", "/app.js")
    assert status == 200 and headers["content-type"].startswith("text/javascript")
    assert ask(served, "GET", "/app.js", if_none_match=headers["etag"])[0] == 304
    for path in ("/../pyproject.toml", "/%2e%2e/server.py", "/server.py", "/page/app.js", "/data"):
        assert ask(served, "GET", path)[0] in (404, 405)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""])  # fmt: skip
def test_a_foreign_host_is_refused(served: Served, host: str) -> None:
    assert ask(served, "GET", "/", host=host)[0] == 400
    with pytest.raises(InvalidStatus) as refused:
        page(served, additional_headers={"Host": host})
    assert refused.value.response.status_code in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", None])
def test_a_foreign_origin_is_refused(served: Served, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        page(served, origin=origin)
    assert refused.value.response.status_code == 403
    status, _, _ = ask(served, "POST", "/data", TABLE, **({"origin": origin} if origin else {}))
    assert status == 403


def test_a_file_becomes_a_table_that_lanes_learn_from(served: Served) -> None:
    status, told = post(served, TABLE, "<script>.csv")
    assert status == 200
    assert [column["name"] for column in told["columns"]] == ["a", "b", "class"]
    with page(served) as socket_:
        experiment = {"data": {"name": told["name"], "file": told["file"]}}
        socket_.send(json.dumps({"do": "begin", "experiment": experiment}))
        scene = heard(socket_, "scene")
        assert scene["classes"] == ["x", "y"] and scene["rows"] == 48
        socket_.send(json.dumps({"do": "advance", "steps": 200}))
        while (frame := heard(socket_, "frame"))["step"] < 200:
            pass
        assert frame["lanes"][0]["step"] == 200


def parquet(rows: int, columns: int) -> bytes:
    made = io.BytesIO()
    pd.DataFrame(np.zeros((rows, columns)), columns=[f"c{i}" for i in range(columns)]).to_parquet(made)  # fmt: skip
    return made.getvalue()


def bad_files() -> dict[str, tuple[bytes, int, str]]:
    return {
        "empty": (b"", 400, "the file is empty"),
        "large": (b"x" * (limits.UPLOAD + 1), 413, "larger than 32 MB"),
        "bomb": (gzip.compress(b"1,2\n" * (limits.UNPACKED // 4 + 1)), 413, "unpacked"),
        "bomb of two members": (gzip.compress(b"1,2\n" * 20_000_000) * 2, 413, "unpacked"),
        "damaged": (gzip.compress(TABLE)[:-6], 400, "damaged"),
        "wide": (b",".join(b"c%d" % i for i in range(400)) + b"\n", 413, "300 columns"),
        "one endless line": (b"x" * (2 << 20), 413, "300 columns"),
        "long": (b"a,b\n" + b"1,2\n" * (limits.ROWS + 1), 413, "100,000 rows"),
        "wide Parquet": (parquet(2, 400), 413, "300 columns"),
        "long Parquet": (parquet(limits.ROWS + 1, 2), 413, "100,000 rows"),
        "half a Parquet": (parquet(10, 2)[:-9], 400, "Parquet"),
        "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), 400, "a picture"),
        "ragged": (b"a,b\n1,2\n1,2,3\n", 400, "line 3"),
        "one column": (b"a\n1\n2\n", 400, "one column"),
    }


@pytest.mark.parametrize("name", list(bad_files()))
def test_a_file_beyond_the_limits_is_refused_in_one_line(served: Served, name: str) -> None:
    body, expected, words = bad_files()[name]
    status, told = post(served, body)
    assert (status, words in told["error"]) == (expected, True), told
    assert "\n" not in told["error"] and "/tmp" not in told["error"]
    assert ask(served, "GET", "/")[0] == 200


def test_the_bytes_are_counted_whatever_the_length_says(served: Served) -> None:
    pieces = (b"x" * (1 << 20) for _ in range((limits.UPLOAD >> 20) + 2))
    status, told = post(served, pieces)  # in chunks, without a Content-Length
    assert status == 413 and "larger than 32 MB" in told["error"]
    assert post(served, TABLE, content_type="text/plain")[0] == 415


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
asked = st.fixed_dictionaries(
    {"do": st.sampled_from(["begin", "play", "advance", "speed", "change", "stop", "look", "inspect", "export", "seen", "other"])},
    optional={name: anything for name in ("experiment", "steps", "change", "stop", "view", "lane", "row", "at", "edge", "what", "frame", "on")},
)  # fmt: skip


def test_malformed_messages_are_answered_and_the_next_one_is_too(served: Served) -> None:
    with page(served) as socket_:
        heard(socket_, "hello")
        socket_.send(json.dumps({"do": "begin", "experiment": {}}))
        heard(socket_, "scene")

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(asked)
        def survives(message: dict[str, Any]) -> None:
            if message["do"] == "play":
                message = {**message, "on": False}
            socket_.send(json.dumps(message))
            socket_.send(json.dumps({"do": "export", "what": "nothing at all"}))
            while "nothing" not in (told := heard(socket_, "error"))["text"] and "exports" not in told["text"]:  # fmt: skip
                pass

        survives()


@pytest.mark.parametrize("frame", [b"\x00\x01", "[1, 2]", "not JSON", "[" * 5000, '"x"'])
def test_what_no_page_sends_ends_the_conversation(served: Served, frame: bytes | str) -> None:
    with page(served) as socket_:
        heard(socket_, "hello")
        socket_.send(frame)
        with pytest.raises(ConnectionClosed):
            while True:
                socket_.recv(timeout=10)
    assert ask(served, "GET", "/")[0] == 200


def test_a_message_that_is_too_long_ends_the_conversation(served: Served) -> None:
    with page(served) as socket_:
        heard(socket_, "hello")
        with pytest.raises(ConnectionClosed):
            socket_.send(json.dumps({"do": "x" * (limits.MESSAGE + 1)}))
            while True:
                socket_.recv(timeout=10)


def test_two_hundred_connections_and_it_goes_on_serving(served: Served) -> None:
    many = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(200)]
    for each in many:
        each.sendall(b"GET / HTTP/1.1\r\n")  # and never the rest
    time.sleep(0.5)
    for each in many:
        each.close()
    time.sleep(0.5)
    assert ask(served, "GET", "/")[0] == 200


def test_pages_beyond_the_limit_are_told_so_and_closing_one_ends_its_threads(served: Served) -> None:  # fmt: skip
    before = served.threads()
    with ExitStack() as pages:
        for _ in range(limits.VISITORS):
            each = pages.enter_context(page(served))
            heard(each, "hello")
            each.send(json.dumps({"do": "begin", "experiment": {}, "playing": True}))
            heard(each, "frame")
        assert served.threads() > before
        with page(served) as late, pytest.raises(ConnectionClosed) as refused:
            late.recv(timeout=10)
        assert refused.value.rcvd is not None
        assert "8 pages train already" in refused.value.rcvd.reason
    end = time.monotonic() + 1
    while served.threads() > before + 2 and time.monotonic() < end:
        time.sleep(0.02)
    # What is left are threads of the server's own, which it keeps for its next piece of work.
    assert served.threads() <= before + 2


def test_beyond_this_machine_it_asks_for_its_token() -> None:
    server = Served("--host", "0.0.0.0")
    try:
        token = server.address.split("token=")[1]
        own = {"host": f"127.0.0.1:{server.port}"}
        assert len(token) >= 32
        assert ask(server, "GET", "/", **own)[0] == 403
        assert ask(server, "GET", "/?token=wrong", **own)[0] == 403
        status, _, headers = ask(server, "GET", f"/?token={token}", **own)
        assert status == 200 and "HttpOnly; SameSite=Strict" in headers["set-cookie"]
        cookie = headers["set-cookie"].split(";")[0]
        assert ask(server, "GET", "/app.js", **own)[0] == 403
        assert ask(server, "GET", "/app.js", cookie=cookie, **own)[0] == 200
        with pytest.raises(InvalidStatus):
            page(server)
        with page(server, additional_headers={"Cookie": cookie}) as socket_:
            assert heard(socket_, "hello")["version"]
    finally:
        server.end()
