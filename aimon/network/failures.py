"""The vocabulary of failed connections, shared by probes and load tests: outcome, message and reason of each.

Nothing here does I/O.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final

from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.formatting import format_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aimon.network.proxy import Proxy

# Limits of this machine are not faults of the endpoint.
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
_TCP: Final = {
    errno.ECONNREFUSED: FailureReason.REFUSED,
    errno.ECONNRESET: FailureReason.RESET,
    errno.ECONNABORTED: FailureReason.RESET,
    errno.EPIPE: FailureReason.RESET,
    errno.EHOSTUNREACH: FailureReason.UNREACHABLE,
    errno.ENETUNREACH: FailureReason.UNREACHABLE,
    errno.ETIMEDOUT: FailureReason.CONNECT_TIMEOUT,
}
# Which of the codes exist depends on the platform.
_RESOLVER: Final = {
    "EAI_NONAME": (FailureReason.DNS_NOT_FOUND, "no such host"),
    "EAI_NODATA": (FailureReason.DNS_NOT_FOUND, "the name has no address"),
    "EAI_ADDRFAMILY": (FailureReason.DNS_NOT_FOUND, "the name has no address of this family"),
    "EAI_AGAIN": (FailureReason.DNS_UNAVAILABLE, "the name server did not answer"),
}
_FAMILIES: Final = {int(socket.AF_INET): " over IPv4", int(socket.AF_INET6): " over IPv6"}
# OpenSSL's X509_V_ERR_… codes, which Python passes on as `verify_code`.
_UNKNOWN_ISSUER: Final = "comes from an unknown issuer, or the server left out an intermediate certificate"
_CERTIFICATE: Final = {
    9: (FailureReason.CERTIFICATE_NOT_YET_VALID, "is not valid yet"),
    10: (FailureReason.CERTIFICATE_EXPIRED, "has expired"),
    18: (FailureReason.CERTIFICATE_SELF_SIGNED, "is self-signed"),
    19: (
        FailureReason.CERTIFICATE_PRIVATE_AUTHORITY,
        "comes from a private certificate authority that is not trusted here",
    ),
    20: (FailureReason.CERTIFICATE_UNKNOWN_ISSUER, _UNKNOWN_ISSUER),
    21: (FailureReason.CERTIFICATE_UNKNOWN_ISSUER, _UNKNOWN_ISSUER),
    62: (FailureReason.CERTIFICATE_HOST_MISMATCH, "is for another host name"),
    64: (FailureReason.CERTIFICATE_HOST_MISMATCH, "is for another IP address"),
}
_NOT_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
# Failures of reaching the host: through a proxy, these are failures of reaching the proxy.
_ON_THE_WAY: Final = frozenset(
    {
        FailureReason.DNS_NOT_FOUND,
        FailureReason.DNS_UNAVAILABLE,
        FailureReason.DNS_TIMEOUT,
        FailureReason.DNS_FAILED,
        FailureReason.REFUSED,
        FailureReason.UNREACHABLE,
        FailureReason.CONNECT_TIMEOUT,
        FailureReason.CONNECT_FAILED,
    }
)
_OF_A_CONNECTION: Final = frozenset({FailureReason.CLOSED, FailureReason.RESET, FailureReason.BROKEN, None})


def words(error: OSError | int) -> str:
    """The error of a system call in words: `connection refused`."""
    code = error if isinstance(error, int) else error.errno
    if code is not None and code in _LOCAL:
        return _LOCAL[code]
    if isinstance(error, int):
        return os.strerror(error).lower()
    return (error.strerror or str(error) or type(error).__name__).lower()


def shown_address(family: int, sockaddr: tuple[object, ...]) -> str:
    """An address in its usual form."""
    host, port = sockaddr[:2]
    return f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"


def not_connected(failed: Iterable[tuple[object, int]]) -> Failure:
    """No address accepted; `failed` are all of them with the errno of each, in the order in which they failed."""
    failed = list(failed)
    last = failed[-1][1] if failed else 0
    said = ", ".join(f"{address}: {words(code)}" for address, code in failed)
    message = f"cannot connect: {said}"
    if last in _LOCAL:
        return Failure(Outcome.PROBER_ERROR, message, FailureReason.LOCAL_LIMIT)
    return Failure(Outcome.CONNECT, message, _TCP.get(last, FailureReason.CONNECT_FAILED))


def not_resolved(host: str, error: Exception, family: int = socket.AF_UNSPEC) -> Failure:
    """The host name did not resolve."""
    asked = _FAMILIES.get(int(family), "")
    if isinstance(error, UnicodeError):
        message = f"cannot resolve {host!r}: not a valid host name"
        return Failure(Outcome.DNS, message, FailureReason.DNS_NOT_FOUND)
    if isinstance(error, socket.gaierror):
        for name, (reason, text) in _RESOLVER.items():
            if error.errno is not None and error.errno == getattr(socket, name, None):
                return Failure(Outcome.DNS, f"cannot resolve {host!r}{asked}: {text}", reason)
    said = error.strerror if isinstance(error, OSError) else str(error)
    message = f"cannot resolve {host!r}{asked}: {said or 'no reason given'}"
    return Failure(Outcome.DNS, message, FailureReason.DNS_FAILED)


def not_resolved_in_time(host: str, seconds: float) -> Failure:
    """The name server did not answer."""
    message = f"cannot resolve {host!r}: no answer from the name server within {format_number(seconds)} s"
    return Failure(Outcome.DNS, message, FailureReason.DNS_TIMEOUT)


def not_connected_in_time(waiting: str, seconds: float, failed: Iterable[tuple[object, int]] = ()) -> Failure:
    """No address answered; `waiting` are those whose attempts had not failed yet."""
    others = ", ".join(f"{address}: {words(code)}" for address, code in failed)
    message = f"no connection to {waiting} within {format_number(seconds)} s" + (f" ({others})" if others else "")
    return Failure(Outcome.TIMEOUT_CONNECT, message, FailureReason.CONNECT_TIMEOUT)


def not_secured_in_time(host: str | None, seconds: float) -> Failure:
    """The TLS handshake took too long."""
    message = f"no TLS handshake with {_peer(host)} within {format_number(seconds)} s"
    return Failure(Outcome.TIMEOUT_CONNECT, message, FailureReason.CONNECT_TIMEOUT)


def no_tunnel_in_time() -> Failure:
    """The proxy accepted the connection and opened no tunnel in time."""
    message = "no tunnel in time: it took the connection and did not answer"
    return Failure(Outcome.TIMEOUT_CONNECT, message, FailureReason.PROXY_FAILED)


def not_secured(host: str | None, error: ssl.SSLError) -> Failure:
    """The TLS handshake failed, most often because the certificate can't be trusted."""
    peer = _peer(host)
    if isinstance(error, ssl.SSLCertVerificationError):
        unnamed = (FailureReason.CERTIFICATE_INVALID, f"can't be verified: {error.verify_message}")
        reason, text = _CERTIFICATE.get(error.verify_code, unnamed)
        return Failure(Outcome.TLS, f"the certificate of {peer} {text}", reason)
    if error.reason in _NOT_TLS:
        message = f"{peer} does not speak TLS on this port (is it http://?)"
        return Failure(Outcome.TLS, message, FailureReason.TLS_NOT_SPOKEN)
    message = f"the TLS handshake with {peer} failed: {tls_words(error)}"
    return Failure(Outcome.TLS, message, FailureReason.TLS_HANDSHAKE)


def handshake_broken(host: str | None, error: str | None = None) -> Failure:
    """The connection ended within the TLS handshake; `error` is why, if the peer did not simply close it."""
    if error is None:
        message = f"{_peer(host)} closed the connection during the TLS handshake"
    else:
        message = f"the TLS handshake with {_peer(host)} broke off: {error}"
    return Failure(Outcome.TLS, message, FailureReason.TLS_CLOSED)


def tls_words(error: ssl.SSLError) -> str:
    """OpenSSL's reason in words: `TLSV1_ALERT_PROTOCOL_VERSION` becomes `alert protocol version`."""
    named = (error.reason or "protocol error").lower().split("_")
    if named[0].startswith(("tlsv", "sslv")):
        named = named[1:]
    return " ".join(named)


def ended(*, headed: bool, error: OSError | str | None = None) -> Failure:
    """The connection ended too early.

    Args:
        headed: whether the head of the answer was complete.
        error: why, if the peer did not simply close it.
    """
    how = "the connection was closed" if error is None else "the connection broke"
    because = "" if error is None else f": {words(error) if isinstance(error, OSError) else error}"
    reason = FailureReason.CLOSED if error is None else broken(error)
    if headed:
        return Failure(Outcome.STREAM_TRUNCATED, f"{how} before the answer was complete{because}", reason)
    return Failure(Outcome.CONNECT, f"{how} before any answer{because}", reason)


def broken(error: OSError | str) -> FailureReason:
    """An established connection broke."""
    reset = isinstance(error, OSError) and _TCP.get(error.errno or 0) is FailureReason.RESET
    return FailureReason.RESET if reset else FailureReason.BROKEN


def tls_broken(error: str, *, headed: bool) -> Failure:
    """TLS broke off after its handshake, by an alert or broken records; `error` is OpenSSL's reason in words."""
    outcome = Outcome.STREAM_TRUNCATED if headed else Outcome.TLS
    return Failure(outcome, f"TLS broke off: {error}", FailureReason.TLS_BROKEN)


def misframed(*, headed: bool) -> Failure:
    """The answer violates HTTP, so the rest of it can't be read."""
    if headed:
        message = "the answer broke off: what came next is not HTTP"
        return Failure(Outcome.STREAM_TRUNCATED, message, FailureReason.NOT_HTTP)
    return Failure(Outcome.MALFORMED, "not HTTP", FailureReason.NOT_HTTP)


def expired(outcome: Outcome, seconds: float) -> Failure:
    """A time limit has expired; the outcome says which one."""
    if outcome is Outcome.TIMEOUT_TTFT:
        return Failure(outcome, f"no visible text within {format_number(seconds)} s")
    return Failure(outcome, f"the answer was not complete within {format_number(seconds)} s")


def through(proxy: Proxy | None, failure: Failure) -> Failure:
    """A failure before any answer, with the name of the proxy in use, which may have caused it."""
    if proxy is None or failure.outcome is Outcome.PROBER_ERROR:
        return failure
    reason = failure.reason
    if reason in _ON_THE_WAY:
        reason = FailureReason.PROXY_UNREACHABLE
    elif reason in _OF_A_CONNECTION:
        reason = FailureReason.PROXY_FAILED
    return Failure(failure.outcome, f"through {proxy}: {failure.message}", reason)


def _peer(host: str | None) -> str:
    return repr(host) if host else "the server"
