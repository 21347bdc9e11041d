"""TLS over any httpcore2 stream, through memory buffers, so that the stream below keeps its timestamps."""

import contextlib
import ssl
import time
from typing import Any

import httpcore2

from aimon.network import failures
from aimon.probes.network.errors import BrokenTLSError, TimedOutError, TLSError
from aimon.probes.network.marks import NetworkMarks

_READ_BYTES = 64 * 1024


async def start_tls(
    inner: httpcore2.AsyncNetworkStream,
    context: ssl.SSLContext,
    hostname: str | None,
    *,
    marks: NetworkMarks,
    timeout: float | None,
    deadline: float | None,
) -> "TLSStream":
    """Does the TLS handshake over `inner`, and closes `inner` if it fails.

    Args:
        inner: The stream to secure: a socket's, or another TLS stream (an HTTPS proxy's tunnel).
        context: The trusted certificates, and the protocols to offer.
        hostname: The name that the certificate must be for.
        marks: Records the end of the handshake and its results.
        timeout: Seconds for the handshake.
        deadline: When the whole connection must be ready, if that is sooner (seconds of `time.monotonic()`).

    Raises:
        TLSError: The certificate can't be trusted, or the peer violates TLS.
        httpcore2.ConnectTimeout: The time limit expired.
    """
    now = time.monotonic()
    limits = [limit for limit in (deadline, None if timeout is None else now + timeout) if limit is not None]
    stream = TLSStream(inner, context, hostname, marks, deadline)
    try:
        await stream.handshake(min(limits, default=None))
    except BaseException:  # on cancellation too: only this function has the stream
        await inner.aclose()
        raise
    return stream


class TLSStream(httpcore2.AsyncNetworkStream):
    """The client's side of a TLS connection; made by `start_tls`."""

    def __init__(
        self,
        inner: httpcore2.AsyncNetworkStream,
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
        """Does the handshake; see `start_tls`."""
        started = time.monotonic()
        try:
            while not await self._advance(deadline):
                if not await self._fill(_remaining(deadline)):
                    raise TLSError(failures.handshake_broken(self._hostname))
        except httpcore2.TimeoutException:
            took = time.monotonic() - started
            raise TimedOutError(failures.not_secured_in_time(self._hostname, took)) from None
        except (httpcore2.ReadError, httpcore2.WriteError) as error:
            raise TLSError(failures.handshake_broken(self._hostname, str(error))) from error
        certificate = self._tls.getpeercert() or {}
        expiry = certificate.get("notAfter")
        self._marks.secured(
            time.monotonic(),
            version=self._tls.version(),
            alpn=self._tls.selected_alpn_protocol(),
            certificate_expiry=ssl.cert_time_to_seconds(expiry) if isinstance(expiry, str) else None,
        )

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Returns decrypted bytes, at most `max_bytes`; empty at the end of the stream.

        Raises:
            httpcore2.ReadTimeout: Nothing could be decrypted for `timeout` seconds.
            httpcore2.ReadError: The connection broke, or the peer broke the protocol.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                data = self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                await self._flush(_remaining(deadline))
                await self._fill(_remaining(deadline))
                continue
            except ssl.SSLEOFError:
                # No close_notify: as in other clients, HTTP's framing decides whether the answer is complete.
                data = b""
            except ssl.SSLError as error:
                raise BrokenTLSError(failures.tls_words(error)) from error
            if not data:
                self._marks.ended = True
            return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Encrypts all of `buffer` and writes it; raises as the stream below does."""
        if not buffer:
            return
        try:
            self._tls.write(buffer)
        except ssl.SSLError as error:
            raise httpcore2.WriteError(f"TLS: {failures.tls_words(error)}") from error
        await self._flush(timeout)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "TLSStream":
        """Starts TLS inside this TLS, for the tunnel of an HTTPS proxy."""
        return await start_tls(
            self, ssl_context, server_hostname, marks=self._marks, timeout=timeout, deadline=self._deadline
        )

    async def aclose(self) -> None:
        """Closes the connection at once, without close_notify, for which the peer could make us wait."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Returns `ssl_object`, in which httpcore2 checks ALPN; other values come from the stream below."""
        return self._tls if info == "ssl_object" else self._inner.get_extra_info(info)

    async def _advance(self, deadline: float | None) -> bool:
        """Continues the handshake with the received bytes; returns whether it is complete."""
        complete = False
        try:
            self._tls.do_handshake()
            complete = True
        except ssl.SSLWantReadError:
            pass  # it continues with the next bytes
        except ssl.SSLError as error:
            # The alert tells the server the reason; a failure to send it is ignored.
            with contextlib.suppress(httpcore2.NetworkError, httpcore2.TimeoutException):
                await self._flush(_remaining(deadline))
            raise TLSError(failures.not_secured(self._hostname, error)) from error
        await self._flush(_remaining(deadline))
        return complete

    async def _fill(self, timeout: float | None) -> bool:
        """Passes the peer's next bytes to OpenSSL; returns whether there were any."""
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
