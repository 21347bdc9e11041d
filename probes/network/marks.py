"""Measurements of the network layer during one call: the end of each phase, and the peer."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class NetworkMarks:
    """The marks of one call on one fresh connection, set by the backend while the call runs.

    Every instant is absolute, in seconds of `time.monotonic()`; a phase that did not happen stays `None`.
    Through a proxy, `dns`, `connect` and `address` are the proxy's, the TLS fields are the endpoint's, and
    the time from `connect` to `tls` includes the `CONNECT` exchange.

    Attributes:
        dns: The resolver answered (at once for an address literal).
        connect: The first TCP connection was established.
        tls: The last TLS handshake was complete.
        sent: The last byte of the request was handed to the kernel. Over HTTP/2 a body larger than the peer's
            first flow-control window is still being sent after this mark.
        last_arrival: The bytes returned by the last read reached the socket; 0.0 before the first.
        stamped: Every arrival since the request has a kernel timestamp. If false, some `last_arrival` was the time
            after the read, which includes the event loop's lag.
        lag: The longest time that the last bytes of a read had waited for it, seconds; under `watch_lag` also
            the longest delay of the event loop.
        ended: A read has returned the end of the stream.
        address: IP address of the peer.
        tls_version: Such as `TLSv1.3`.
        alpn: Protocol agreed in the handshake, such as `h2`.
        certificate_expiry: `notAfter` of the leaf certificate, unix time. Before Python 3.13, no public API
            gives the other certificates of the chain, or the leaf without verification.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    sent: float | None = None
    last_arrival: float = 0.0
    stamped: bool = True
    lag: float = 0.0
    ended: bool = False
    address: str | None = None
    tls_version: str | None = None
    alpn: str | None = None
    certificate_expiry: float | None = None
    _answered: bool = field(default=False, init=False, repr=False)

    def wrote(self, at: float) -> None:
        """Records a write at `at` as the end of the request, unless the answer has begun."""
        if not self._answered:
            self.sent = at
            self.stamped = True

    def read(self, received: float, stamp: float | None) -> None:
        """Records the arrival of the bytes of a read.

        Bytes that arrived before the request was sent (a TLS session ticket, an early refusal) count as arrived when it
        was sent, and arrival times never decrease, so no phase is negative.

        Args:
            received: When the read returned them.
            stamp: The kernel's receive timestamp; `None` if there is none, or it is implausible.
        """
        if stamp is None:
            self.stamped = False
            stamp = received
        else:
            self.lag = max(self.lag, received - stamp)
        self.last_arrival = max(stamp, self.last_arrival, self.sent or 0.0)
        self._answered = True

    def secured(self, at: float, *, version: str | None, alpn: str | None, certificate_expiry: float | None) -> None:
        """Records the end of a TLS handshake, whose writes and reads do not belong to the request."""
        self.tls = at
        self.tls_version = version
        self.alpn = alpn
        self.certificate_expiry = certificate_expiry
        self.sent = None
        self._answered = False
