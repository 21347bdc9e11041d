"""Which proxy a URL goes through: the configured one, else the environment's (HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from aimon.call.failure import FailureReason
from aimon.network import no_proxy
from aimon.network.address import PORTS, split
from aimon.security import credentials
from aimon.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ANSWER: Final = 16 << 10
"""The maximum size of a proxy's answer to CONNECT in bytes."""

_SOCKS: Final = {"socks", "socks5", "socks5h"}
_SCHEMES: Final = {**PORTS, "socks5": 1080}
_WANTED: Final = "write http://host:3128 or socks5://host:1080"
_STATUS_LINE = re.compile(r"HTTP/1\.[01] (?P<status>[0-9]{3})(?: (?P<reason>.*))?")


class ProxyError(Exception):
    """The proxy refuses a connection; the message does not name the proxy."""

    def __init__(self, message: str, reason: FailureReason = FailureReason.PROXY_FAILED) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: the protocol to the proxy: `http`, `https` or `socks5`.
        source: where it is configured: a variable such as HTTPS_PROXY, or `proxy` in the configuration.
        username: None without.
    """

    scheme: str
    host: str
    port: int
    source: str
    username: str | None = field(default=None, repr=False)
    password: Secret | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {self.scheme}://{host}:{self.port} ({self.source})"

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password."""
        return None if self.username is None else (self.username, self.password.reveal() if self.password else "")

    @property
    def authorization(self) -> str | None:
        """The value of Proxy-Authorization."""
        return None if self.credentials is None else credentials.basic(*self.credentials).reveal()

    def relays(self, scheme: str) -> bool:
        """Whether it forwards requests of this scheme itself instead of opening a tunnel."""
        return scheme == "http" and self.scheme != "socks5"


def find(url: str, configured: str | None = None, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy for a URL; None for a direct connection.

    Args:
        url: of the request.
        configured: a proxy's URL, which overrides the environment; None to use the environment.
        environ: the environment variables.

    Raises:
        ValueError: the value is not a proxy. The message names the variable and does not show its value.
    """
    if configured:
        return parse(configured, "proxy")
    environ = os.environ if environ is None else environ
    known = _variables(environ)
    if not known:
        return None
    parts = urlsplit(url)
    name, value = known.get(f"{parts.scheme}_proxy") or known.get("all_proxy") or ("", "")
    if not value:
        return None
    _, exempt = known.get("no_proxy", ("", ""))
    if no_proxy.exempts(exempt, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)):
        return None
    return parse(value, name)


def parse(text: str, source: str) -> Proxy:
    """Parses the address of a proxy: a URL, or host and port.

    Raises:
        ValueError: it is not the address of a proxy.
    """
    try:
        return _parsed(credentials.unquoted(text), source)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _parsed(text: str, source: str) -> Proxy:
    parts, host, port = split(text if "://" in text else f"http://{text}", _WANTED)
    scheme = "socks5" if parts.scheme in _SOCKS else parts.scheme
    if scheme not in _SCHEMES or not host:
        raise ValueError(f"not the address of an HTTP or SOCKS5 proxy: {_WANTED}")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    if scheme == "socks5" and max(len((part or "").encode()) for part in (username, password)) > 255:
        raise ValueError("user and password of a SOCKS5 proxy have at most 255 bytes each (RFC 1929)")
    secret = None if password is None else Secret(password)
    return Proxy(scheme, host, port or _SCHEMES[scheme], source, username, secret)


def connect_request(proxy: Proxy, authority: str) -> bytes:
    """The request for a tunnel to `host:port`."""
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def check_tunnel(answer: bytes, authority: str, proxy: Proxy) -> bool:
    """Whether the tunnel is open; False while the answer's head is not complete.

    Args:
        answer: all bytes received from the proxy so far.
        authority: host and port at the end of the tunnel.
        proxy: the proxy that answers; messages do not contain its password.

    Raises:
        ProxyError: the tunnel is refused, or the answer is not HTTP.
    """
    head, complete, _ = answer.partition(b"\r\n\r\n")
    if not complete:
        if len(answer) > MAX_ANSWER:
            raise ProxyError(f"it said neither yes nor no to a tunnel to {authority}")
        return False
    status_line = head.split(b"\r\n", 1)[0].decode("latin-1")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise ProxyError(f"it does not answer as an HTTP proxy does to a tunnel to {authority}")
    if not match["status"].startswith("2"):
        reason = match["reason"] or ""
        for secret in (proxy.credentials or ())[1:]:
            reason = reason.replace(secret, "****") if secret else reason
        reason = "".join(c if c.isprintable() else " " for c in reason)[:100].strip()
        login = match["status"] == "407"
        raise ProxyError(
            f"it opened no tunnel to {authority}: {match['status']} {reason}".rstrip(),
            FailureReason.PROXY_LOGIN_REQUIRED if login else FailureReason.PROXY_DENIED,
        )
    return True


def _variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The proxy variables: name in lower case → name as set, and value.

    A lower-case variable takes precedence, even if it is empty. HTTP_PROXY is ignored in a CGI script, where a
    client can set it by a header (CVE-2016-5385).
    """
    found: dict[str, tuple[str, str]] = {}
    for name in environ:  # names alone: os.environ decodes every value that it is asked for
        if name.lower().endswith("_proxy") and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
            found.setdefault(name.lower(), (name, credentials.unquoted(environ[name])))
    for name in [name for name in found if name in environ]:
        found[name] = (name, credentials.unquoted(environ[name]))
    return {lowered: (name, value) for lowered, (name, value) in found.items() if value}
