"""Parses addresses of servers: `http://host:9091/prefix`, with a user and password or without."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from aimon.security.secret import Secret

PORTS: Final = {"http": 80, "https": 443}

# The part before the path, without user and password: a name or IPv4 address, or an IPv6 address in brackets.
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^\s\[\]:@/\\<>\"'{}|^`]+)(?::(?P<port>.*))?")


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """The address of an HTTP server.

    Attributes:
        host: without the brackets of an IPv6 address.
        port: the scheme's default if none is given.
        path: without a trailing slash; includes the query, if one is allowed.
        origin: scheme, host and port as given, for messages.
        username: percent-encoded, as given; None without.
        password: likewise.
    """

    scheme: str
    host: str
    port: int
    path: str
    origin: str
    username: str | None = field(default=None, repr=False)
    password: Secret | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address without user and password."""
        return f"{self.origin}{self.path}"

    @property
    def secret(self) -> str | None:
        """The password itself, percent-encoded."""
        return None if self.password is None else self.password.reveal()


def parse(text: str, wanted: str, *, query: bool = False) -> HttpAddress:
    """Parses the address of an HTTP server.

    Args:
        text: the address as given.
        wanted: what to write, for messages: "write the Pushgateway's address as http://host:9091".
        query: whether a query is allowed.

    Raises:
        ValueError: it is not such an address. The message does not repeat it, since it may contain a password.
    """
    parts, host, port = split(text, wanted)
    if parts.scheme not in PORTS or not host:
        raise ValueError(f"not an http:// or https:// address: {wanted}")
    if parts.fragment or (parts.query and not query):
        raise ValueError(f"more than an address: {wanted}, without ? or #")
    path = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    return HttpAddress(
        parts.scheme,
        host,
        port or PORTS[parts.scheme],
        path,
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        parts.username,
        None if parts.password is None else Secret(parts.password),
    )


def split(text: str, wanted: str) -> tuple[SplitResult, str, int | None]:
    """The parts of any URL, its host and its port.

    Raises:
        ValueError: host, port or path is invalid. The message does not repeat them.
    """
    text = text.strip().strip("\ufeff").strip()
    try:
        parts = urlsplit(text)
    except ValueError:  # its message may repeat a password
        raise ValueError(f"not an address (its host can't be one): {wanted}") from None
    if not parts.netloc:
        return parts, "", None
    if "@" in parts.path:
        raise ValueError(f"not an address (write a / in a password as %2F): {wanted}")
    match = _HOST_AND_PORT.fullmatch(parts.netloc.rpartition("@")[2])
    if match is None:
        if parts.hostname is None:
            return parts, "", None
        raise ValueError(f"not an address (its host can't be one): {wanted}")
    path = parts.path + parts.query
    if not path.isascii() or re.search(r"[\x00-\x20\x7f]", path):
        raise ValueError(f"not an address (its path has characters that must be percent-encoded): {wanted}")
    return parts, match["host"].strip("[]"), port_number(match["port"], wanted)


def port_number(text: str | None, wanted: str) -> int | None:
    """The port in the address; None without one.

    Raises:
        ValueError: it is not a port that can be connected to.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) < 1 << 16):
        raise ValueError(f"not an address (its port is not a number from 1 to 65535): {wanted}")
    return int(text)
