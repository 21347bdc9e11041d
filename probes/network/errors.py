"""The exceptions of the network layer; each carries the call's Failure.

All derive from httpcore2's own exceptions, so that httpcore2 and httpx2 treat them as their own. httpcore2's pool
drops the causes of exceptions, so the exception itself has all that is needed.
"""

import httpcore2

from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.network import failures


class _FailedError(Exception):
    """An error whose `failure` is complete; `reason` is the failure's."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure

    @property
    def reason(self) -> FailureReason | None:
        """Why it failed."""
        return self.failure.reason


class ResolveError(_FailedError, httpcore2.ConnectError):
    """The host name did not resolve, or not in time, which points to the name server."""


class TCPError(_FailedError, httpcore2.ConnectError):
    """No address of the host accepted a connection; the reason is that of the last one tried."""


class TLSError(_FailedError, httpcore2.ConnectError):
    """The TLS handshake failed, most often because the certificate can't be trusted."""


class ProxyError(_FailedError, httpcore2.ConnectError):
    """The proxy was reached and refuses the connection."""


class TimedOutError(_FailedError, httpcore2.ConnectTimeout):
    """There was no usable connection in time; the message names the phase."""


class NotHTTPError(_FailedError, httpcore2.RemoteProtocolError):
    """The received bytes are not an HTTP answer; the message says what they are."""

    def __init__(self, message: str) -> None:
        super().__init__(Failure(Outcome.MALFORMED, message, FailureReason.NOT_HTTP))


class BrokenError(httpcore2.ReadError):
    """An established connection broke: a reset, or another network error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(failures.words(error))
        self.error = error


class BrokenTLSError(httpcore2.ReadError):
    """TLS failed after the handshake, by an alert or a violation; the message is OpenSSL's reason in words."""
