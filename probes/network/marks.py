"""What the network layer noticed during one call: when each phase ended, and whom it talked to."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class NetworkMarks:
    """The marks of one call on one fresh connection, written by the backend while the call runs.

    Every instant is absolute, in seconds of `time.monotonic()`; a phase that did not happen stays `None`.
    Through a proxy, `dns`, `connect` and `address` are the proxy's, the TLS fields are the endpoint's, and
    the time from `connect` to `tls` holds the `CONNECT` exchange as well.

    Attributes:
        dns: The resolver answered (at once for an address literal).
        connect: The first TCP connection was established.
        tls: The last TLS handshake was complete.
        sent: The last byte of the request was handed to the kernel. Over HTTP/2 a body larger than the peer's
            first flow-control window goes on after this mark.
        last_arrival: The bytes returned by the last read reached the socket; 0.0 before the first.
        stamped: Every arrival since the request is the kernel's own time. Once false, some `last_arrival` was the
            time right after the read, which holds the event loop's lag.
        lag: The longest time that the last bytes of a read had waited for it, seconds; under `watch_lag` also
            the longest that the event loop was late for anything.
        ended: The peer has closed the connection, and a read has said so.
        address: IP address of the peer.
        tls_version: Such as `TLSv1.3`.
        alpn: Protocol agreed in the handshake, such as `h2`.
        certificate_expiry: `notAfter` of the leaf certificate, unix time. Public API shows no other
            certificate of the chain before Python 3.13, nor the leaf where verification is off.
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
        """Takes what was handed over at `at` for the end of the request, until the first byte of an answer."""
        if not self._answered:
            self.sent = at
            self.stamped = True

    def read(self, received: float, stamp: float | None) -> None:
        """Notes the arrival of what a read returned.

        Bytes that came before the request had gone (a TLS session ticket, an early refusal) count as having
        come with it, and none count as older than those before them, so phases never turn negative.

        Args:
            received: When the read returned them.
            stamp: When the kernel says they came; `None` where it doesn't say, or can't be believed.
        """
        if stamp is None:
            self.stamped = False
            stamp = received
        else:
            self.lag = max(self.lag, received - stamp)
        self.last_arrival = max(stamp, self.last_arrival, self.sent or 0.0)
        self._answered = True

    def secured(self, at: float, *, version: str | None, alpn: str | None, certificate_expiry: float | None) -> None:
        """Notes the end of a TLS handshake, whose own writes and reads are not the request's."""
        self.tls = at
        self.tls_version = version
        self.alpn = alpn
        self.certificate_expiry = certificate_expiry
        self.sent = None
        self._answered = False
