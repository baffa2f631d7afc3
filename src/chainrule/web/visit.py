"""One visitor: a WebSocket on one side, the thread that trains on the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from chainrule.web import limits
from chainrule.web.conductor import Conductor
from chainrule.web.scene import Find

_PATIENCE = 10.0  # seconds that a message may take to be sent

Outgoing = dict[str, Any] | bytes


class Visit:
    """Talks with one page until it is closed."""

    def __init__(self, socket: WebSocket, find: Find, greeting: dict[str, Any]) -> None:
        self._socket, self._greeting = socket, greeting
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._conductor = Conductor(find, self._put, self._put)

    async def talk(self) -> None:
        """Until the page is closed, or sends what no page of ours sends."""
        await self._socket.accept()
        self._conductor.start()
        self._outbox.put_nowait(self._greeting)
        sending = asyncio.create_task(self._send())
        receiving = asyncio.create_task(self._receive())
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._conductor.end()
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            await self._close()

    def _put(self, message: Outgoing) -> None:
        """From the conductor's thread to the loop's."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, message)

    async def _send(self) -> None:
        while self._outbox.qsize() <= limits.WAITING:  # else it asks, and does not read the answers
            message = await self._outbox.get()
            async with asyncio.timeout(_PATIENCE):
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(json.dumps(message, allow_nan=False))

    async def _receive(self) -> None:
        while True:
            try:
                message = json.loads(await self._socket.receive_text())
            except (WebSocketDisconnect, KeyError, ValueError, RecursionError):
                return  # it is closed, or sends bytes or no JSON
            if not isinstance(message, dict):
                return
            while self._conductor.inbox.full():
                await asyncio.sleep(0.01)
            self._conductor.inbox.put_nowait(message)

    async def _close(self) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the page has closed it
            await self._socket.close(1000)
