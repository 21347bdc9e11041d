"""What a failed connection means and how it reads: one vocabulary for probes and load tests.

Each function returns what to make of a failure, and the message for people. Nothing here does I/O.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, Literal

from aimon.call.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

ResolveReason = Literal["not_found", "temporary", "timeout", "failed"]
TLSReason = Literal[
    "expired",
    "not_yet_valid",
    "self_signed",
    "unknown_issuer",
    "hostname_mismatch",
    "untrusted",
    "not_tls",
    "closed",
    "handshake",
]

# This machine's own limits say nothing about the endpoint.
_LOCAL: Final = {
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
    errno.ENFILE: "too many open files on this machine",
    errno.EADDRNOTAVAIL: "no local port left: fewer cold connections a second, or more addresses",
    errno.EADDRINUSE: "no local port left: fewer cold connections a second, or more addresses",
    errno.ENOBUFS: "no buffer space left on this machine",
    errno.ENOMEM: "no memory left on this machine",
    errno.EPERM: "this machine does not allow it: a firewall or a sandbox",
    errno.EACCES: "this machine does not allow it: a firewall or a sandbox",
}
# Which of the codes exist depends on the platform.
_RESOLVER: Final[dict[str, tuple[ResolveReason, str]]] = {
    "EAI_NONAME": ("not_found", "no such host"),
    "EAI_NODATA": ("not_found", "the name has no address"),
    "EAI_ADDRFAMILY": ("not_found", "the name has no address of this family"),
    "EAI_AGAIN": ("temporary", "the name server did not answer"),
}
_FAMILIES: Final = {int(socket.AF_INET): " over IPv4", int(socket.AF_INET6): " over IPv6"}
# OpenSSL's X509_V_ERR_… codes, which Python passes on as `verify_code`.
_UNKNOWN_ISSUER: Final = "comes from an unknown issuer, or the server left out an intermediate certificate"
_CERTIFICATE: Final[dict[int, tuple[TLSReason, str]]] = {
    9: ("not_yet_valid", "is not valid yet"),
    10: ("expired", "has expired"),
    18: ("self_signed", "is self-signed"),
    19: ("unknown_issuer", "comes from a private certificate authority that is not trusted here"),
    20: ("unknown_issuer", _UNKNOWN_ISSUER),
    21: ("unknown_issuer", _UNKNOWN_ISSUER),
    62: ("hostname_mismatch", "is for another host name"),
    64: ("hostname_mismatch", "is for another IP address"),
}
_NOT_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}


def is_local(code: int) -> bool:
    """Whether an errno blames this machine."""
    return code in _LOCAL


def words(error: OSError | int) -> str:
    """A failed system call in words: `connection refused`."""
    code = error if isinstance(error, int) else error.errno
    if code is not None and code in _LOCAL:
        return _LOCAL[code]
    if isinstance(error, int):
        return os.strerror(error).lower()
    return (error.strerror or str(error) or type(error).__name__).lower()


def shown_address(family: int, sockaddr: tuple[object, ...]) -> str:
    """An address as people write it."""
    host, port = sockaddr[:2]
    return f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


def not_connected(failed: Iterable[tuple[object, int]]) -> tuple[Outcome, str]:
    """No address accepted; `failed` are all of them with the errno of each, in the order in which they failed."""
    failed = list(failed)
    local = bool(failed) and is_local(failed[-1][1])
    said = ", ".join(f"{address}: {words(code)}" for address, code in failed)
    return Outcome.PROBER_ERROR if local else Outcome.CONNECT, f"cannot connect: {said}"


def not_resolved(host: str, error: Exception, family: int = socket.AF_UNSPEC) -> tuple[ResolveReason, str]:
    """The host's name gave no address."""
    asked = _FAMILIES.get(int(family), "")
    if isinstance(error, UnicodeError):
        return "not_found", f"cannot resolve {host!r}: not a valid host name"
    if isinstance(error, socket.gaierror):
        for name, (reason, text) in _RESOLVER.items():
            if error.errno is not None and error.errno == getattr(socket, name, None):
                return reason, f"cannot resolve {host!r}{asked}: {text}"
    said = error.strerror if isinstance(error, OSError) else str(error)
    return "failed", f"cannot resolve {host!r}{asked}: {said or 'no reason given'}"


def not_resolved_in_time(host: str, seconds: float) -> str:
    """The name server said nothing."""
    return f"cannot resolve {host!r}: no answer from the name server within {seconds:.3g} s"


def not_connected_in_time(waiting: str, seconds: float, failed: Iterable[tuple[object, int]] = ()) -> str:
    """No address answered; `waiting` are those that still could have."""
    others = ", ".join(f"{address}: {words(code)}" for address, code in failed)
    return f"no connection to {waiting} within {seconds:.3g} s" + (f" ({others})" if others else "")


def not_secured_in_time(host: str | None, seconds: float) -> str:
    """The TLS handshake took too long."""
    return f"no TLS handshake with {_peer(host)} within {seconds:.3g} s"


def not_secured(host: str | None, error: ssl.SSLError) -> tuple[TLSReason, str]:
    """The TLS handshake failed, most often because the certificate can't be trusted."""
    peer = _peer(host)
    if isinstance(error, ssl.SSLCertVerificationError):
        unnamed: tuple[TLSReason, str] = ("untrusted", f"can't be verified: {error.verify_message}")
        reason, text = _CERTIFICATE.get(error.verify_code, unnamed)
        return reason, f"the certificate of {peer} {text}"
    if error.reason in _NOT_TLS:
        return "not_tls", f"{peer} does not speak TLS on this port (is it http://?)"
    return "handshake", f"the TLS handshake with {peer} failed: {tls_words(error)}"


def handshake_broken(host: str | None, error: str | None = None) -> str:
    """The connection ended within the TLS handshake."""
    if error is None:
        return f"{_peer(host)} closed the connection during the TLS handshake"
    return f"the TLS handshake with {_peer(host)} broke off: {error}"


def tls_words(error: ssl.SSLError) -> str:
    """OpenSSL's reason in words: `TLSV1_ALERT_PROTOCOL_VERSION` becomes `alert protocol version`."""
    named = (error.reason or "protocol error").lower().split("_")
    if named[0].startswith(("tlsv", "sslv")):
        named = named[1:]
    return " ".join(named)


def ended(*, headed: bool, error: str | None = None) -> tuple[Outcome, str]:
    """The connection ended too early.

    Args:
        headed: whether the head of the answer was complete.
        error: why, if the peer did not simply close it.
    """
    how = "the connection was closed" if error is None else "the connection broke"
    because = "" if error is None else f": {error}"
    if headed:
        return Outcome.STREAM_TRUNCATED, f"{how} before the answer was complete{because}"
    return Outcome.CONNECT, f"{how} before any answer{because}"


def tls_broken(error: str, *, headed: bool) -> tuple[Outcome, str]:
    """TLS broke off after its handshake, by an alert or broken records; `error` is OpenSSL's reason in words."""
    return Outcome.STREAM_TRUNCATED if headed else Outcome.TLS, f"TLS broke off: {error}"


def misframed(*, headed: bool) -> tuple[Outcome, str]:
    """What came breaks the rules of HTTP, so that how the answer goes on is lost."""
    if headed:
        return Outcome.STREAM_TRUNCATED, "the answer broke off: what came next is not HTTP"
    return Outcome.MALFORMED, "not HTTP"


def expired(outcome: Outcome, seconds: float) -> str:
    """Which limit of an answer has passed."""
    if outcome is Outcome.TIMEOUT_TTFT:
        return f"no visible text within {seconds:.3g} s"
    return f"the answer was not complete within {seconds:.3g} s"


def _peer(host: str | None) -> str:
    return repr(host) if host else "the server"
