"""The server's side of one exchange: timed writes, and invalid ends (FIN or RST in the body)."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimon.simulator.wire.shape import Headers
    from aimon.simulator.world.truth import Record

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LINGER_ZERO = struct.pack("ii", 1, 0)


class ClientGoneError(Exception):
    """The client closed the connection."""


class Connection:
    """One exchange over ASGI.

    uvicorn writes each message to the socket before `send` returns (asyncio tries the system call at once), so a
    time read just before `send` is a few microseconds before the write.
    """

    def __init__(self, scope: Message, receive: Receive, send: Send, record: Record) -> None:
        self._send = send
        self._receive = receive
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self.record = record
        self.headers: Headers = []

    async def body(self) -> bytes:
        """The whole request body.

        Raises:
            ClientGoneError: The client disconnected before it was complete.
        """
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)

    async def disconnected(self) -> None:
        """Waits until the client has disconnected, or `close` or `reset` has taken effect."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, content_type: str, headers: Headers, length: int | None = None) -> None:
        """Writes the response's head."""
        self.record.status = status
        whole = [("content-type", content_type), *self.headers, *headers]
        if length is not None:
            whole.append(("content-length", str(length)))
        self.record.first_byte = time.monotonic()
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in whole],
            }
        )

    async def write(self, data: bytes, *, text: bool = False) -> float:
        """Writes a part of the body, as one chunk; returns when, just before.

        Args:
            data: The bytes; not empty.
            text: Whether visible text is among them.
        """
        record = self.record
        before = time.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        record.last_write = before
        if text:
            record.uncertainty = max(record.uncertainty, time.monotonic() - before)
            record.last_token = before
            if record.first_token is None:
                record.first_token = before
        return before

    async def finish(self) -> None:
        """Ends the response correctly."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def respond(self, status: int, content_type: str, data: bytes, headers: Headers) -> None:
        """Writes a whole response."""
        await self.start(status, content_type, headers, len(data))
        await self.write(data)
        await self.finish()

    def raw(self, data: bytes) -> None:
        """Writes raw bytes to the socket, without HTTP framing."""
        self.record.last_write = time.monotonic()
        if self.record.first_byte is None:
            self.record.first_byte = self.record.last_write
        self._transport.write(data)

    async def close(self) -> None:
        """Closes the connection in the middle of the body (FIN, after the written bytes). Does not return."""
        self._transport.close()
        await forever()

    async def reset(self) -> None:
        """Resets the connection (RST). Does not return."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()
        await forever()


async def forever() -> None:
    """Waits until the task is cancelled, which happens when the connection is closed."""
    await asyncio.get_running_loop().create_future()
