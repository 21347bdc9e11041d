"""The HTTP server behind every address that aimon listens on, with limits on connections and time.

As in http.server, each connection has a thread. With a limit on connections alone, idle clients could lock out the
scraper. So a request must arrive completely within a time limit, and when all connections are in use, the one that
has waited longest without a complete request is closed.
"""

from __future__ import annotations

import io
import logging
import socket
import sys
import time
import traceback
from contextlib import suppress
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Buffer

MOST_CONNECTIONS = 64
PATIENCE = 10.0  # seconds to receive a request, and to send an answer
_LOG = logging.getLogger(__name__)
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_OUT_OF_DESCRIPTORS = 0.1


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread of its own, `MOST_CONNECTIONS` at a time.

    Args:
        host: address to listen on, of either family.
        port: 0 takes a free one.
        handler: answers the requests.

    Raises:
        OSError: the address can't be bound.
    """

    daemon_threads = True
    request_queue_size = 2 * MOST_CONNECTIONS

    def __init__(self, host: str, port: int, handler: type[Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._lock = Lock()
        # Connections in order of arrival; true once the request is complete.
        self._connections: dict[socket.socket, bool] = {}
        super().__init__((host, port), handler)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accepts a connection; pauses if no file descriptor is free, instead of retrying in a busy loop."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_OUT_OF_DESCRIPTORS)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection if a place is free, or an idle connection can be closed for it."""
        with self._lock:
            room = len(self._connections) < MOST_CONNECTIONS or self._dismiss()
            if room:
                self._connections[request] = False
        if room:
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.settimeout(0.1)
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection."""
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def heard(self, request: socket.socket) -> None:
        """Marks the request of that connection as complete, so that the connection no longer counts as idle."""
        with self._lock:
            if request in self._connections:
                self._connections[request] = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's names
        """Logs the error's type and place, not its text, which may contain a key; ignores disconnects."""
        error = sys.exception()
        if error is None or isinstance(error, OSError):
            return
        place = traceback.extract_tb(error.__traceback__)[-1]
        _LOG.error("aimon: this is a bug in aimon: %s in %s:%s", type(error).__name__, place.name, place.lineno)

    def _dismiss(self) -> bool:
        """Closes the connection that has waited longest without a whole request, if there is one."""
        for connection, is_heard in self._connections.items():
            if not is_heard:
                del self._connections[connection]
                with suppress(OSError):
                    # Its thread then reads the end of the stream and closes it.
                    connection.shutdown(socket.SHUT_RDWR)
                return True
        return False


class Handler(BaseHTTPRequestHandler):
    """Answers one request; receiving it and sending the answer may each take `PATIENCE` seconds."""

    server: Server
    server_version = "aimon"
    sys_version = ""
    timeout = PATIENCE

    def setup(self) -> None:
        """Sets one deadline for the whole request; http.server has one for each read."""
        super().setup()
        self.rfile = io.BufferedReader(_Deadline(self.connection, time.monotonic() + PATIENCE))

    def path_asked_for(self) -> str | None:
        """The path of the request, without its query; None if the URL is invalid."""
        self._arrived()
        try:
            return urlsplit(self.path).path
        except ValueError:
            return None

    def read(self, length: int) -> bytes:
        """The body, or the part of it that was received.

        Raises:
            OSError: it did not arrive in time.
        """
        body = self.rfile.read(length)
        self._arrived()
        return body

    def knows(self, token: str | None) -> bool:
        """Whether the client sent that bearer token; the case of the scheme does not matter.

        https://www.rfc-editor.org/rfc/rfc9110#section-11.1
        """
        if token is None:
            return True
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        sent = credentials.strip().encode(errors="replace")
        return scheme.lower() == "bearer" and compare_digest(sent, token.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Does not log requests: scrapers send one every few seconds."""

    def _arrived(self) -> None:
        self.server.heard(self.connection)
        # The answer has a time limit of its own; sendall applies it to the whole answer.
        self.connection.settimeout(PATIENCE)


class _Deadline(io.RawIOBase):
    """A raw stream from a socket with a deadline on the monotonic clock; later reads time out."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Reads the available bytes.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
