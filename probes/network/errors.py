"""Failures before a request is on its way, each kind recognisable.

All derive from httpcore2's own exceptions, so that httpcore2 and httpx treat and map them like theirs. Where the
time was up it is `httpcore2.ConnectTimeout`, whose message names the phase; only the resolver's is a
`ResolveError`, because the name server is what to look at then.
"""

from typing import Literal

import httpcore2

from aimon.network.failures import ResolveReason, TLSReason

TCPReason = Literal["refused", "reset", "unreachable", "timeout", "local", "failed"]


class ResolveError(httpcore2.ConnectError):
    """The host's name gave no address.

    Attributes:
        reason: `not_found` (no such name, or no address of the family asked for), `temporary` (the name server
            could not say), `timeout` (it said nothing in time), `failed` (anything else).
    """

    def __init__(self, message: str, reason: ResolveReason) -> None:
        super().__init__(message)
        self.reason = reason


class TCPError(httpcore2.ConnectError):
    """No address of the host accepted a connection.

    Attributes:
        reason: Why the last one tried did not; `local` blames this machine (no file descriptor or port free).
    """

    def __init__(self, message: str, reason: TCPReason) -> None:
        super().__init__(message)
        self.reason = reason


class ProxyError(httpcore2.ConnectError):
    """The proxy was reached and does not let the connection through."""


class TLSError(httpcore2.ConnectError):
    """The TLS handshake failed, most often because the certificate can't be trusted.

    Attributes:
        reason: Why; `untrusted` is a certificate fault without a name of its own, `not_tls` an answer in another
            protocol, `closed` a peer that hung up, `handshake` anything else.
    """

    def __init__(self, message: str, reason: TLSReason) -> None:
        super().__init__(message)
        self.reason = reason


# httpcore2's pool drops the causes of exceptions, so what is to be known of one is in its type.


class NotHTTPError(httpcore2.RemoteProtocolError):
    """What came is no HTTP answer; the message says what it is."""


class BrokenTLSError(httpcore2.ReadError):
    """The peer ended TLS by an alert, or broke it, after the handshake; the message is OpenSSL's reason in words."""
