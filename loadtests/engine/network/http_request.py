"""Requests as HTTP/1.1 bytes, and the route to their server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aimon.network import proxy as proxies
from aimon.network.address import PORTS

if TYPE_CHECKING:
    from aimon.call.call import Request
    from aimon.network.proxy import Proxy

_FORBIDDEN = frozenset("\r\n\0")


@dataclass(frozen=True, slots=True)
class Route:
    """An origin server and the proxy, if any, through which it is reached."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        """Host and port in the form of CONNECT."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def relayed(self) -> bool:
        """Whether the proxy forwards the requests itself instead of opening a tunnel."""
        return self.proxy is not None and self.proxy.relays(self.scheme)


def find_route(url: str, proxy: str | None = None) -> Route:
    """The route to a URL.

    Args:
        url: the URL of the request.
        proxy: URL of a proxy, which overrides the environment; None uses HTTPS_PROXY, NO_PROXY and the like.

    Raises:
        ValueError: the URL or the proxy's address is invalid.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not an http:// or https:// URL")
    if parts.username is not None:
        raise ValueError(f"the URL of {parts.hostname} has a user name in it; put keys into headers")
    return Route(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], proxies.find(url, proxy))


def request_head(request: Request, route: Route) -> bytes:
    """The request line and the headers, to be completed by `request_bytes`.

    Raises:
        ValueError: the URL or a header can't be sent as HTTP.
    """
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    standard = route.port == PORTS[route.scheme]
    host = route.authority.rpartition(":")[0] if standard else route.authority
    if route.relayed:
        target = f"{route.scheme}://{host}{target}"
    fields = [("Host", host), *request.headers]
    if route.relayed and route.proxy is not None and route.proxy.authorization is not None:
        fields.append(("Proxy-Authorization", route.proxy.authorization))
    lines = [f"{request.method} {target} HTTP/1.1"]
    for name, value in fields:
        if not _FORBIDDEN.isdisjoint(name) or not _FORBIDDEN.isdisjoint(value):
            raise ValueError(f"the header {name!r} has a line break in it")
        lines.append(f"{name}: {value}")
    if not target.isascii() or not target.isprintable() or " " in target:
        raise ValueError(f"the URL {request.url!r} has characters that must be percent-encoded")
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def request_bytes(method: str, start: bytes, body: bytes) -> bytes:
    """The whole request: its `request_head`, Content-Length and body."""
    if not body and method == "GET":
        return start + b"\r\n"
    return b"%bContent-Length: %d\r\n\r\n%b" % (start, len(body), body)
