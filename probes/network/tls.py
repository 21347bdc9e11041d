"""TLS over any httpcore stream, through memory buffers, so that the stream below keeps its arrival stamps."""

import contextlib
import ssl
import time
from typing import Any, NoReturn

import httpcore

from aimon.probes.network.errors import TLSError, TLSReason
from aimon.probes.network.marks import NetworkMarks

_READ_BYTES = 64 * 1024

# OpenSSL's X509_V_ERR_… codes, which Python passes on as `verify_code`.
_CERTIFICATE_FAULTS: dict[int, tuple[TLSReason, str]] = {
    9: ("not_yet_valid", "is not valid yet"),
    10: ("expired", "has expired"),
    18: ("self_signed", "is self-signed"),
    19: ("unknown_issuer", "comes from a private certificate authority that is not trusted here"),
    20: (
        "unknown_issuer",
        "comes from an unknown issuer, or the server left out an intermediate certificate",
    ),
    21: (
        "unknown_issuer",
        "comes from an unknown issuer, or the server left out an intermediate certificate",
    ),
    62: ("hostname_mismatch", "is for another host name"),
    64: ("hostname_mismatch", "is for another IP address"),
}
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}


async def start_tls(
    inner: httpcore.AsyncNetworkStream,
    context: ssl.SSLContext,
    hostname: str | None,
    *,
    marks: NetworkMarks,
    timeout: float | None,
    deadline: float | None,
) -> "TLSStream":
    """Shakes hands over `inner`, which this closes if it fails.

    Args:
        inner: The stream to secure: a socket's, or another TLS stream (an HTTPS proxy's tunnel).
        context: What to trust, and which protocols to offer.
        hostname: The name that the certificate must be for.
        marks: Where to note the end of the handshake and what it agreed on.
        timeout: Seconds for the handshake.
        deadline: When the whole connection must be ready, if that is sooner (seconds of `time.monotonic()`).

    Raises:
        TLSError: The certificate can't be trusted, or the peer does not speak TLS as it should.
        httpcore.ConnectTimeout: The time was up.
    """
    now = time.monotonic()
    limits = [limit for limit in (deadline, None if timeout is None else now + timeout) if limit is not None]
    stream = TLSStream(inner, context, hostname, marks, deadline)
    try:
        await stream.handshake(min(limits, default=None))
    except BaseException:  # cancellation too: nobody else knows this stream yet
        await inner.aclose()
        raise
    return stream


class TLSStream(httpcore.AsyncNetworkStream):
    """The client's side of a TLS connection; made by `start_tls`."""

    def __init__(
        self,
        inner: httpcore.AsyncNetworkStream,
        context: ssl.SSLContext,
        hostname: str | None,
        marks: NetworkMarks,
        deadline: float | None,
    ) -> None:
        self._inner = inner
        self._hostname = hostname
        self._marks = marks
        self._deadline = deadline
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    async def handshake(self, deadline: float | None) -> None:
        """Agrees on keys with the peer; see `start_tls`."""
        started = time.monotonic()
        try:
            while not await self._advance(deadline):
                if not await self._fill(_remaining(deadline)):
                    raise TLSError(f"{self._peer} closed the connection during the TLS handshake", "closed")
        except httpcore.TimeoutException:
            took = time.monotonic() - started
            raise httpcore.ConnectTimeout(f"no TLS handshake with {self._peer} within {took:.3g} s") from None
        except (httpcore.ReadError, httpcore.WriteError) as error:
            raise TLSError(f"the TLS handshake with {self._peer} broke off: {error}", "closed") from error
        certificate = self._tls.getpeercert() or {}
        expiry = certificate.get("notAfter")
        self._marks.secured(
            time.monotonic(),
            version=self._tls.version(),
            alpn=self._tls.selected_alpn_protocol(),
            certificate_expiry=ssl.cert_time_to_seconds(expiry) if isinstance(expiry, str) else None,
        )

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Returns decrypted bytes, at most `max_bytes`; nothing at the end of the stream.

        Raises:
            httpcore.ReadTimeout: Nothing could be decrypted for `timeout` seconds.
            httpcore.ReadError: The connection broke, or the peer broke the protocol.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                data = self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                await self._flush(_remaining(deadline))
                await self._fill(_remaining(deadline))
            except ssl.SSLEOFError:
                # No close_notify: whether the answer is complete is for HTTP to say, as in other clients.
                return b""
            except ssl.SSLError as error:
                raise httpcore.ReadError(f"TLS: {_openssl_reason(error)}") from error
            else:
                return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Encrypts all of `buffer` and hands it on; raises as the stream below does."""
        if not buffer:
            return
        try:
            self._tls.write(buffer)
        except ssl.SSLError as error:
            raise httpcore.WriteError(f"TLS: {_openssl_reason(error)}") from error
        await self._flush(timeout)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "TLSStream":
        """TLS inside this TLS, as through the tunnel of an HTTPS proxy."""
        return await start_tls(
            self, ssl_context, server_hostname, marks=self._marks, timeout=timeout, deadline=self._deadline
        )

    async def aclose(self) -> None:
        """Closes the connection at once, without a farewell that the peer might make us wait for."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Answers `ssl_object`, by which httpcore sees HTTP/2 agreed; the rest is for the stream below."""
        return self._tls if info == "ssl_object" else self._inner.get_extra_info(info)

    @property
    def _peer(self) -> str:
        return repr(self._hostname) if self._hostname else "the server"

    async def _advance(self, deadline: float | None) -> bool:
        """Takes the handshake as far as what has arrived allows; says whether it is complete."""
        complete = False
        try:
            self._tls.do_handshake()
            complete = True
        except ssl.SSLWantReadError:
            pass  # it goes on with what arrives next
        except ssl.SSLError as error:
            # The alert tells the server why we leave; that it can't be sent changes nothing for us.
            with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException):
                await self._flush(_remaining(deadline))
            self._fail(error)
        await self._flush(_remaining(deadline))
        return complete

    def _fail(self, error: ssl.SSLError) -> NoReturn:
        if isinstance(error, ssl.SSLCertVerificationError):
            reason, text = _CERTIFICATE_FAULTS.get(
                error.verify_code, ("untrusted", f"can't be verified: {error.verify_message}")
            )
            raise TLSError(f"the certificate of {self._peer} {text}", reason) from error
        if error.reason in _NOT_TLS:
            raise TLSError(f"{self._peer} does not speak TLS on this port (is it http://?)", "not_tls") from error
        raise TLSError(f"the TLS handshake with {self._peer} failed: {_openssl_reason(error)}", "handshake") from error

    async def _fill(self, timeout: float | None) -> bool:
        """Passes the next bytes of the peer to OpenSSL; says whether there were any."""
        data = await self._inner.read(_READ_BYTES, timeout)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)

    async def _flush(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            await self._inner.write(self._outgoing.read(), timeout)


def _remaining(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - time.monotonic()


def _openssl_reason(error: ssl.SSLError) -> str:
    """OpenSSL's reason in words: `TLSV1_ALERT_PROTOCOL_VERSION` becomes `alert protocol version`."""
    words = (error.reason or "protocol error").lower().split("_")
    if words[0].startswith(("tlsv", "sslv")):
        words = words[1:]
    return " ".join(words)
