"""TLS without a socket: bytes from the wire in, plaintext out, and back."""

from __future__ import annotations

import ssl

_READ_BYTES = 1 << 16


class Tls:
    """One TLS session as a client.

    Args:
        context: the trusted certificates.
        host: the name that the server's certificate must have.
        below: the TLS session with the proxy through which this session runs.

    Attributes:
        closed: the peer has sent close_notify, so that a body that ends here is complete.
    """

    __slots__ = ("_below", "_incoming", "_outgoing", "_session", "closed")

    def __init__(self, context: ssl.SSLContext, host: str, below: Tls | None = None) -> None:
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.closed = False

    def handshake(self, received: bytes) -> bool:
        """Continues the handshake; True when it is complete. `to_send()` has the bytes for the peer.

        Raises:
            ssl.SSLError: the handshake failed: an untrusted certificate, a peer that does not use TLS, …
        """
        self._incoming.write(self._below.receive(received) if self._below else received)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def receive(self, received: bytes) -> bytes:
        """Decrypts received bytes; empty while a record is incomplete.

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
            return plain  # the record is incomplete
        self.closed = True
        return plain

    def send(self, plain: bytes) -> bytes:
        """Encrypts bytes for the socket."""
        self._session.write(plain)
        return self.to_send()

    def to_send(self) -> bytes:
        """Bytes that the session itself sends: handshakes, key updates."""
        data = self._outgoing.read()
        return self._below.send(data) if data and self._below else data

    @property
    def version(self) -> str | None:
        """Such as `TLSv1.3`."""
        return self._session.version()

    @property
    def certificate_expiry(self) -> float | None:
        """When the server's certificate expires, in unix seconds."""
        certificate = self._session.getpeercert()
        return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None
