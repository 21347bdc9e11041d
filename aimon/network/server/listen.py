"""`--listen`: a small HTTP server for `/metrics` and `/-/healthy`, in a thread of its own.

A scrape in the prober's event loop would delay the receipt of answers, and a prober that hangs must still report it.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
import traceback
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from aimon.network.server.http_server import Handler, Server
from aimon.security import credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The answer for a path: status, body, content type.
Page = tuple[HTTPStatus, bytes, str]

HEALTH = "/-/healthy"
_SHORTEST_TOKEN = 16
_PLAIN = "text/plain; charset=utf-8"
_LOG = logging.getLogger(__name__)
_REASONS = {
    errno.EADDRINUSE: "the port is in use: choose another, or 0 for any that is free",
    errno.EACCES: "that port is for root alone: choose one above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address: listen on 127.0.0.1, or on one that it has",
}


class Listener:
    """Serves pages, each generated on request, until the `with` block ends.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        pages: functions that generate a page, by path.
        token: what a client must send as `Authorization: Bearer …` for any page but `/-/healthy`, which kubelet
            and load balancers request without a token; None for no authentication.

    Raises:
        OSError: the address can't be bound.
    """

    def __init__(self, host: str, port: int, pages: dict[str, Callable[[], Page]], *, token: str | None = None) -> None:
        self._server = Server(host, port, type("_Handler", (_Pages,), {"pages": pages, "token": token}))
        self._thread = Thread(target=self._server.serve_forever, name="aimon-listen", daemon=True)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def split_address(text: str) -> tuple[str, int]:
    """Parses HOST:PORT, [IPv6]:PORT or :PORT (loopback).

    Raises:
        ValueError: it is not one of these.
    """
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        port = None
    if port is None:
        raise ValueError(f"{text!r} is no address to listen on: write HOST:PORT, such as 127.0.0.1:9464")
    return parts.hostname or "127.0.0.1", port


def read_token(path: Path) -> str:
    """The token in a file: one line of visible ASCII, as a header requires.

    Raises:
        ValueError: the file can't be read, or contains something else.
    """
    content = credentials.read(path, str(path))
    try:
        token = credentials.key(content, str(path))
    except ValueError:
        token = ""
    if len(token) < _SHORTEST_TOKEN:
        raise ValueError(
            f"{path}: a token is one line of at least {_SHORTEST_TOKEN} letters and digits: "
            "write one with openssl rand -hex 32"
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def why_not(error: OSError) -> str:
    """Why an address can't be listened on, and what to do."""
    if isinstance(error, socket.gaierror):
        return "no address is known by that name: write an IP address, such as 127.0.0.1"
    return _REASONS.get(error.errno or 0, error.strerror or type(error).__name__)


class _Pages(Handler):
    pages: dict[str, Callable[[], Page]]
    token: str | None

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Answers a GET or HEAD."""
        path = self.path_asked_for()
        make = None if path is None else self.pages.get(path)
        allowed = path == HEALTH or self.knows(self.token)
        if path is None:
            status, body, kind = HTTPStatus.BAD_REQUEST, b"that is no address of a page\n", _PLAIN
        elif not allowed:
            status, body, kind = HTTPStatus.UNAUTHORIZED, b"this page asks for a bearer token\n", _PLAIN
        elif make is None:
            known = ", ".join(self.pages)
            status, body, kind = HTTPStatus.NOT_FOUND, f"there is {known}\n".encode(), _PLAIN
        else:
            try:
                status, body, kind = make()
            except Exception as error:  # noqa: BLE001 - one bad scrape must not end the server
                status, body, kind = HTTPStatus.INTERNAL_SERVER_ERROR, _apology(path, error), _PLAIN
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if not allowed:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls


def _apology(path: str, error: Exception) -> bytes:
    """The body of a 500; it and the log name the error's type and place, not its text, which may contain a key."""
    kind = type(error).__name__
    place = traceback.extract_tb(error.__traceback__)[-1]
    _LOG.error("aimon: this is a bug in aimon: %s: %s in %s:%s", path, kind, place.name, place.lineno)
    return f"this page could not be made: {kind}; the log says where\n".encode()
