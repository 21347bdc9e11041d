"""A keep-alive connection whose loop callback does all the work of an answer.

The callback of one persistent `io` watcher reads, takes the kernel's timestamp, decrypts, parses HTTP and feeds the
Exchange; the calling greenlet is switched to once, when the answer is complete. The bytes of one read have one receive
time, however many HTTP chunks they hold.
"""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple

from gevent import get_hub, getcurrent
from httptools import HttpParserError

from aimon.call.failure import Failure
from aimon.call.outcome import Outcome
from aimon.call.result import Connection as Record
from aimon.loadtests.engine.network.reader import Reader
from aimon.loadtests.engine.network.tcp import ConnectionEnd, StaleConnectionError, classify_end, is_silent
from aimon.loadtests.engine.network.writer import Writer
from aimon.loadtests.engine.response import Response, read_failure
from aimon.network import failures
from aimon.network.answer_head import MAX_HEAD_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from greenlet import greenlet

    from aimon.exchange.exchange import Exchange
    from aimon.loadtests.engine.loop_turn import LoopTurn
    from aimon.loadtests.engine.network import tls
    from aimon.loadtests.engine.network.receive_clock import ReceiveClock

# How long after the answer the end of the HTTP message may arrive for the connection to be kept.
TAIL_SECONDS = 0.25

_NEVER = float("inf")
_CHUNK_END = b"\r\n"


class Peer(NamedTuple):
    """The other end of a connection, as found while dialling."""

    address: str
    tls_version: str | None = None
    certificate_expiry: float | None = None


class Connection:
    """One connection, used by one request at a time.

    Args:
        sock: connected and non-blocking; the connection closes it.
        session: TLS after its handshake; None for plain HTTP.
        clock: converts the kernel's timestamps, which must be enabled; None to use the time after the read.
        peer: recorded in the Result.
        turn: continues the calling greenlet, and sends requests that may wait.
        sent: bytes written to the socket so far.

    Attributes:
        released: called by `run` when the connection can take another request; None closes it instead.
        idle_since: when it became idle, by `time.monotonic()`.
        open: whether it can be used.
    """

    __slots__ = (
        "_answered", "_bytes_without_body", "_caller", "_end", "_exchange", "_hub", "_limit", "_peer", "_prepared",
        "_reader", "_request", "_response", "_sent_before", "_session", "_sock", "_timer", "_timer_at", "_turn",
        "_used", "_writer", "idle_since", "open", "released",
    )  # fmt: skip

    def __init__(
        self,
        sock: socket.socket,
        session: tls.Tls | None,
        clock: ReceiveClock | None,
        peer: Peer,
        turn: LoopTurn,
        *,
        sent: int = 0,
    ) -> None:
        self.released: Callable[[Connection], None] | None = None
        self.idle_since = 0.0
        self.open = True
        self._sock = sock
        self._session = session
        self._peer = peer
        self._turn = turn
        self._sent_before = sent
        self._response = Response()
        self._exchange: Exchange | None = None
        self._prepared: Exchange | None = None
        self._request = b""
        self._caller: greenlet | None = None
        self._used = self._answered = False
        self._end = ConnectionEnd.FAILED
        self._bytes_without_body = 0
        self._limit = self._timer_at = _NEVER
        self._hub = get_hub()
        self._timer = self._hub.loop.timer(0)
        self._writer = Writer(sock, self._hub, self._on_sent, sent=sent)
        self._reader = Reader(sock, self._hub, clock, self._on_read, self._on_read_error)

    # Called by greenlets

    def run(self, exchange: Exchange, request: bytes, *, together: bool = False) -> bool:
        """Sends a request, feeds its Exchange with the answer, and returns when that is complete.

        Args:
            exchange: of the call.
            request: its bytes.
            together: whether the request is sent, and the call begins, at the end of the loop's turn.

        Returns:
            Whether the request was sent; if the connection was closed before, the Exchange is unchanged.

        Raises:
            StaleConnectionError: the server had closed the connection; the Exchange is unchanged.
        """
        self._caller = getcurrent()
        self._end = ConnectionEnd.FAILED
        self._prepared, self._request = exchange, request
        if together:
            self._turn.send(self._begin_together)
        else:
            self._begin(monotonic())
        try:
            while self._has(exchange):
                self._hub.switch()
        except BaseException:  # the greenlet was killed
            self._exchange = self._prepared = None
            self.close()
            raise
        finally:
            self._caller = None  # `_resume` must not switch to it any more
        if self._end is ConnectionEnd.NOT_SENT:
            return False
        if self._end is ConnectionEnd.NOT_RECEIVED:
            raise StaleConnectionError
        self._used = True
        if self.released is None:
            self.close()
        elif self.open:
            self.idle_since = monotonic()
            self.released(self)
        return True

    def _has(self, exchange: Exchange) -> bool:
        """Whether it is the call under way, or the one to begin at the end of the loop's turn."""
        return self._exchange is exchange or self._prepared is exchange

    def _begin_together(self) -> None:
        """Begins the prepared call, unless its greenlet was killed or interrupted meanwhile."""
        if (exchange := self._prepared) is None:
            return
        if self.open and self.is_silent():
            now = monotonic()
            exchange.start(now, time())
            self._begin(now)
        else:
            self.close()
            self._end = ConnectionEnd.NOT_SENT
            self._finish()

    def _begin(self, now: float) -> None:
        exchange = self._exchange = self._prepared
        assert exchange is not None  # noqa: S101 - `run` has set it
        self._prepared = None
        self._reader.begin(now if self._used else None)
        self._answered, self._bytes_without_body = False, 0
        self._response.next()
        exchange.connected(now)
        writer = self._writer
        self._sent_before = writer.sent
        writer.write(self._request if self._session is None else self._session.send(self._request))
        if not writer.waits:
            exchange.request_sent = monotonic()
        self._limit, _ = exchange.deadline()
        if self._timer_at > self._limit:
            self._arm_timer()

    def record(self, *, cold: bool, resent: bool) -> Record:
        """The connection as the Result of the last call records it."""
        address, tls_version, certificate_expiry = self._peer
        version, stale = self._response.http_version, self._end is ConnectionEnd.RESET_RACE
        return Record(cold, version, tls_version, certificate_expiry, address, self._reader.stamped, resent, stale)

    @property
    def stamped(self) -> bool:
        """Whether all bytes of the last answer have a timestamp of the kernel; before the first, whether they will."""
        return self._reader.stamped

    @property
    def lag(self) -> float:
        """The longest time that bytes of the last call waited for the loop, in seconds (`Reader.lag`)."""
        return self._reader.lag

    def is_silent(self) -> bool:
        """Whether an idle connection is still open, including what the loop has not read yet."""
        return is_silent(self._sock)

    def interrupt(self, why: str) -> None:
        """Ends the current call; its greenlet continues in the next turn of the loop."""
        if self._exchange is not None:
            self._reader.hand_over(self._exchange)
        self.close()
        if (exchange := self._exchange or self._prepared) is not None:
            exchange.fail(Failure(Outcome.PROBER_ERROR, why), monotonic())
            self._finish()

    def close(self) -> None:
        """Closes the connection; nothing more is read for a current call."""
        if self.open:
            self.open = False
            self._writer.close()
            self._reader.close()
            self._timer.stop()
            self._timer.close()
            self._sock.close()
            self._response.dispose()

    # Called by the loop

    def _on_read_error(self, error: OSError) -> None:
        self._on_end(monotonic(), error)

    def _on_read(self, data: bytes, arrived: float, now: float) -> None:
        exchange = self._exchange
        if exchange is None:
            # Idle: end of file, or unsolicited data.
            self.close()
            return
        if not data:
            self._on_end(now, None)
            return
        self._answered = True
        self._reader.hand_over(exchange)
        if arrived >= self._limit and self._expire(arrived):
            return
        try:
            self._on_body(exchange, data, arrived)
        except Exception as error:  # noqa: BLE001 - an error of one call must not reach the loop that serves all
            exchange.fail(read_failure(error, headed=exchange.headed), arrived)
            self.close()
        if exchange.complete:
            self._on_complete(now)
        elif self._session is not None and self._session.closed:
            self._on_end(now, None)  # TLS close_notify; the TCP FIN may follow much later

    def _on_body(self, exchange: Exchange, data: bytes, arrived: float) -> None:
        """Decrypts and parses bytes of an answer and passes the body on."""
        if self._session is not None:
            data = self._session.receive(data)
            if reply := self._session.to_send():
                self._writer.write(reply)
        response = self._response
        headed = response.status
        try:
            if headed:
                response.feed(data)
            else:
                response.begin(data)
        except HttpParserError:
            if not response.over:
                raise
            response.excess = True  # bytes after an answer do not change it
        finally:
            # What precedes an error in the same read was received, too.
            if not headed and response.status:
                exchange.head(response.status, response.headers, arrived)
            if chunks := response.chunks:
                exchange.feed(chunks[0] if len(chunks) == 1 else b"".join(chunks), arrived)
                if self._reader.looks_ahead and not exchange.complete:
                    self._look_ahead(exchange, data, chunks[-1], arrived)
                chunks.clear()
                self._bytes_without_body = 0
            else:
                self._bytes_without_body += len(data)
        if response.over:
            exchange.close(arrived)
        elif self._bytes_without_body > MAX_HEAD_BYTES:
            raise HttpParserError("trailers without an end")

    def _look_ahead(self, exchange: Exchange, data: bytes, body: bytes, arrived: float) -> None:
        """Has the reader keep the texts that come next, if the bytes of a read ended with an HTTP chunk of the body."""
        frame = exchange.frame
        # The body's last bytes are before the end of the chunk, so that no chunk is half read by the parser.
        if frame is not None and self._session is None and data.endswith(body + _CHUNK_END):
            self._reader.expect(frame, arrived, self._limit)

    def _on_end(self, now: float, error: OSError | None) -> None:
        """End of the connection: closed by the peer, or broken."""
        exchange = self._exchange
        if exchange is not None:
            self._reader.hand_over(exchange)
        if exchange is None or exchange.complete:
            pass
        elif error is None and self._response.until_close:
            exchange.close(now)  # few servers send close_notify: the dialect decides whether the body is complete
        elif exchange.headed:
            exchange.fail(failures.ended(headed=True, error=error), now)
        else:
            self._end_unanswered(exchange, now, error)
        self.close()
        if exchange is not None:
            self._finish()

    def _end_unanswered(self, exchange: Exchange, now: float, error: OSError | None) -> None:
        if self._used and not self._answered:
            seconds = now - (exchange.request_sent or now)
            self._end = classify_end(
                self._sock, self._writer.sent, self._sent_before, reset=error is not None, seconds=seconds
            )
        if self._end is ConnectionEnd.RESET_RACE:
            message = "the request met a kept connection that the server was resetting"
            exchange.fail(Failure(Outcome.PROBER_ERROR, message), now)
        elif self._end is not ConnectionEnd.NOT_RECEIVED:
            exchange.fail(failures.ended(headed=False, error=error), now)

    def _on_sent(self) -> None:
        """All of a request is written that had to wait for the socket."""
        if self._exchange is not None:
            self._exchange.request_sent = monotonic()

    def _arm_timer(self) -> None:
        """Starts the timer for the current limit.

        It keeps running when an answer is complete and then does nothing, so that a request starts a timer only when
        its limit is the earliest.
        """
        self._timer.stop()
        self._timer.close()
        self._timer = self._hub.loop.timer(max(0.0, self._limit - monotonic()))
        self._timer.start(self._on_timer)
        self._timer_at = self._limit

    def _on_timer(self) -> None:
        self._timer_at = _NEVER
        exchange = self._exchange
        if exchange is None:
            return
        # Bytes received before the limit count, even if the loop reads them after it.
        self._reader.read()
        if self._exchange is not exchange:
            return
        self._reader.hand_over(exchange)
        if (now := monotonic()) >= self._limit:
            self._reader.lag = max(self._reader.lag, now - self._limit)
            if self._expire(now):
                return
        self._arm_timer()

    def _expire(self, t: float) -> bool:
        """Whether the call has timed out; its limit changes when the answer begins."""
        exchange = self._exchange
        if exchange is None:
            return True
        if not exchange.complete:
            due, outcome = exchange.deadline()
            if t < due:
                self._limit = due
                return False
            exchange.fail(failures.expired(outcome, due - exchange.started), due)
        self.close()
        self._finish()
        return True

    def _on_complete(self, now: float) -> None:
        """Handles the end of the answer; the HTTP message around it may not have ended."""
        response = self._response
        closing = self._session is not None and self._session.closed
        if response.over and response.keep and not response.excess and not self._writer.waits and not closing:
            self._finish()
        elif self.open and not response.over and not self._writer.waits:
            self._limit = min(self._limit, now + TAIL_SECONDS)
            if self._timer_at > self._limit:
                self._arm_timer()
        else:
            self.close()
            self._finish()

    def _finish(self) -> None:
        """Ends the call. Its greenlet continues after the loop has read the other connections, to delay none."""
        self._exchange = self._prepared = None
        self._limit = _NEVER
        if self._caller is not None:
            self._turn.resume(self._resume)

    def _resume(self) -> None:
        if self._caller is not None:
            self._caller.switch()
