"""What the network layer raises; each error carries the Failure that it is for the call.

All derive from httpcore2's own exceptions, so that httpcore2 and httpx2 treat and map them like theirs. httpcore2's
pool drops the causes of exceptions, so what must be known of one is in the exception itself.
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
    """The host's name gave no address, or none in time: the name server is what to look at then."""


class TCPError(_FailedError, httpcore2.ConnectError):
    """No address of the host accepted a connection; the reason is that of the last one tried."""


class TLSError(_FailedError, httpcore2.ConnectError):
    """The TLS handshake failed, most often because the certificate can't be trusted."""


class ProxyError(_FailedError, httpcore2.ConnectError):
    """The proxy was reached and does not let the connection through."""


class TimedOutError(_FailedError, httpcore2.ConnectTimeout):
    """There was no usable connection in time; the message names the phase."""


class NotHTTPError(_FailedError, httpcore2.RemoteProtocolError):
    """What came is no HTTP answer; the message says what it is."""

    def __init__(self, message: str) -> None:
        super().__init__(Failure(Outcome.MALFORMED, message, FailureReason.NOT_HTTP))


class BrokenError(httpcore2.ReadError):
    """An established connection broke: a reset, or another network error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(failures.words(error))
        self.error = error


class BrokenTLSError(httpcore2.ReadError):
    """The peer ended TLS by an alert, or broke it, after the handshake; the message is OpenSSL's reason in words."""
