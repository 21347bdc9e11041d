"""SOCKS5's handshake without a socket (RFC 1928, RFC 1929): what to send, and how many bytes to read.

The proxy resolves the host name, as with `socks5h://`. Written by hand, since each transport has its own sockets, and
httpcore2's handshake neither keeps the connect limit nor accepts an answer in two reads.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, NamedTuple

from aimon.call.failure import FailureReason
from aimon.network.proxy import ProxyError

if TYPE_CHECKING:
    from collections.abc import Generator

    from aimon.network.proxy import Proxy

_VERSION: Final = 5
_NO_AUTHENTICATION, _PASSWORD, _NONE_ACCEPTABLE = 0, 2, 0xFF
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES: Final = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


class Step(NamedTuple):
    """What to send, and then how many bytes to read exactly."""

    send: bytes
    expect: int


def handshake(proxy: Proxy, host: str, port: int) -> Generator[Step, bytes, None]:
    """The steps that open a tunnel to `host:port`; the generator ends when the tunnel is open.

    Raises:
        ProxyError: the proxy refuses, or does not speak SOCKS5.
    """
    credentials = proxy.credentials
    methods = bytes([_NO_AUTHENTICATION] if credentials is None else [_NO_AUTHENTICATION, _PASSWORD])
    version, method = yield Step(bytes([_VERSION, len(methods)]) + methods, 2)
    if version != _VERSION:
        raise ProxyError("it does not speak SOCKS5")
    if method == _PASSWORD and credentials is not None:
        user, password = (part.encode() for part in credentials)
        answer = yield Step(bytes([1, len(user)]) + user + bytes([len(password)]) + password, 2)
        if answer[1] != 0:
            raise ProxyError("it refuses the user or password", FailureReason.PROXY_LOGIN_REFUSED)
    elif method == _NONE_ACCEPTABLE and credentials is None:
        raise ProxyError("it wants a user and password", FailureReason.PROXY_LOGIN_REQUIRED)
    elif method != _NO_AUTHENTICATION:
        raise ProxyError("it wants an authentication that aimon does not have")
    version, code, _, kind = yield Step(bytes([_VERSION, _CONNECT, 0]) + _target(host) + port.to_bytes(2, "big"), 4)
    if version != _VERSION or kind not in {_IPV4, _NAME, _IPV6}:
        raise ProxyError("it does not speak SOCKS5")
    if code != 0:
        said = _REPLIES.get(code, f"code {code}")
        raise ProxyError(f"it opened no tunnel to {host}:{port}: {said}", FailureReason.PROXY_DENIED)
    length = (yield Step(b"", 1))[0] if kind == _NAME else {_IPV4: 4, _IPV6: 16}[kind]
    yield Step(b"", length + 2)


def _target(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            name = host.encode("ascii") if host.isascii() else host.encode("idna")
        except UnicodeError:
            raise ProxyError(f"{host} can't be the name of a host") from None
        if len(name) > 255:
            raise ProxyError("the host's name has more than the 255 bytes that SOCKS5 can carry") from None
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed
