"""uvicorn in a thread with an event loop of its own.

A page that takes long to make would delay probes if both shared a loop, and a scheduler that hangs must still be able
to say so to whoever asks for `/-/healthy`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp

# Seconds for a request to arrive whole.
PATIENCE = 10.0
MOST_CONNECTIONS = 512
# Seconds that answers under way get at the end.
_DRAIN = 5


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; `key` is None where the certificate's file holds it too."""

    certificate: Path
    key: Path | None = None


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn chooses the class at run time
    """uvicorn's HTTP protocol, which waits for a request's head no longer than `PATIENCE`.

    uvicorn itself limits only the time between two requests of a connection.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._waiting = self.loop.call_later(PATIENCE, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.abort()


class WebServer:
    """Serves an application until the `with` block ends.

    Args:
        app: the application.
        host: address to listen on.
        port: 0 takes a free one.
        tls: to speak TLS.

    Raises:
        OSError: the address can't be had, or a PEM file can't be read (ssl.SSLError: is wrong).
    """

    def __init__(self, app: ASGIApp, host: str, port: int, *, tls: Tls | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=_DRAIN,
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None or tls.key is None else str(tls.key),
        )
        config.load()
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
        # asyncio does not set it on a socket that names no protocol: small answers would wait for an acknowledgement.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._run, name="aimon-web", daemon=True)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http{'' if tls is None else 's'}://{shown}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._listener]))
