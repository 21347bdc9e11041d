"""TLS without a socket: bytes from the wire in, plaintext out, and back."""

from __future__ import annotations

import ssl

_READ_BYTES = 1 << 16


class Tls:
    """One TLS session as a client.

    Args:
        trust: which certificates to believe.
        host: whose certificate it must be.
        below: the session with a proxy that this one runs inside of.

    Attributes:
        closed: the peer has said that nothing more comes, so that a body that ends here was not cut.
    """

    __slots__ = ("_below", "_incoming", "_outgoing", "_session", "closed")

    def __init__(self, trust: ssl.SSLContext, host: str, below: Tls | None = None) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = trust.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.closed = False

    def handshake(self, received: bytes) -> bool:
        """Goes on with the handshake; True when it is over. What it wants to say is in `to_send()`.

        Raises:
            ssl.SSLError: it failed; the certificate is not trusted, the peer speaks something else, …
        """
        self._incoming.write(self._below.receive(received) if self._below else received)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def receive(self, received: bytes) -> bytes:
        """The plaintext that these bytes complete; often all of a chunk, sometimes nothing yet.

        Raises:
            ssl.SSLError: the peer sent an alert or broken records.
        """
        incoming, session = self._incoming, self._session
        incoming.write(self._below.receive(received) if self._below else received)
        plain = b""
        try:
            while part := session.read(_READ_BYTES):
                plain = plain + part if plain else part
                if not incoming.pending and not session.pending():
                    return plain
        except ssl.SSLWantReadError:
            return plain  # the rest of a record is still on its way
        self.closed = True
        return plain

    def send(self, plain: bytes) -> bytes:
        """The bytes for the wire."""
        self._session.write(plain)
        return self.to_send()

    def to_send(self) -> bytes:
        """What the session itself has to say: handshakes, key updates."""
        data = self._outgoing.read()
        return self._below.send(data) if data and self._below else data

    @property
    def version(self) -> str | None:
        """Such as `TLSv1.3`."""
        return self._session.version()

    @property
    def certificate_expiry(self) -> float | None:
        """When the server's certificate ends, unix seconds."""
        certificate = self._session.getpeercert()
        return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None
