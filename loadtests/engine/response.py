"""Parses the answers of one connection: keeps what httptools calls back until the connection reads it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpResponseParser

from aimon.call.failure import Failure, FailureReason
from aimon.call.outcome import Outcome
from aimon.network import failures
from aimon.network.answer_head import MAX_HEAD_BYTES, AnswerHead, HeadError

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_KNOWN_NAMES = 1024
_VERSIONS = ("1.1", "1.0")
_NO_PARSER = HttpResponseParser(None)  # in place of the parser of a closed connection
_names: dict[bytes, str] = {}


class Response:
    """The answer that a connection is reading; one after another.

    Attributes:
        feed: takes the next bytes; raises httptools' errors for what is not HTTP.
        status: of the final answer (1xx are read past); 0 until its head is complete.
        http_version: as the server gives it, such as `HTTP/1.1`; None until its head is complete.
        headers: lower-case names; repeated headers are joined by commas.
        chunks: pieces of the body since they were last cleared.
        over: the answer is complete.
        keep: the server lets the connection be reused after the answer.
        excess: unsolicited bytes followed the answer.
    """

    __slots__ = (
        "_head", "_odd", "_parser", "_seen", "chunks", "excess", "feed", "headers", "http_version", "keep", "on_body",
        "over", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        # Called directly from C for every chunk.
        self.on_body: Callable[[bytes], None] = self.chunks.append
        self.excess = False
        self._head: AnswerHead | None
        self.feed: Callable[[bytes], None]
        self._start()

    def next(self) -> None:
        """Resets the state for the next answer."""
        self.status = 0
        self.http_version: str | None = None
        self.headers: dict[str, str] = {}
        self.over = self.keep = self._odd = False
        self._seen = b""

    def begin(self, data: bytes) -> None:
        """Takes bytes as `feed` does until the head is complete.

        A head that httptools refuses, or reads otherwise than other clients, is normalised by AnswerHead and reread.

        Raises:
            HeadError: the bytes are not HTTP.
        """
        if self._head is not None:
            self.feed(data)
            return
        self._seen += data
        try:
            self.feed(data)
        except HttpParserError:
            if self.status and not self._odd:
                raise  # the error is in the body
            self._odd = True
        if self._odd or len(self._seen) > MAX_HEAD_BYTES:  # AnswerHead tells a head that is too long from its body
            self._retake(self._seen)
        if self.status:
            self._seen = b""

    def _retake(self, data: bytes) -> None:
        self.chunks.clear()
        self._start()
        self._head = AnswerHead()
        self.feed = self._feed_mended
        self.feed(data)

    def _start(self) -> None:
        self.next()
        self._head = None
        self._parser = HttpResponseParser(self)
        self.feed = self._parser.feed_data

    def _feed_mended(self, data: bytes) -> None:
        assert self._head is not None  # noqa: S101 - set with this function
        given = self._head.feed(data)
        if self._head.complete:
            self._head, self.feed = None, self._parser.feed_data
        if given:
            self._parser.feed_data(given)

    def dispose(self) -> None:
        """Breaks the reference cycle between this object and the parser."""
        self._parser, self.feed = _NO_PARSER, _disposed

    @property
    def until_close(self) -> bool:
        """Whether the body ends with the connection."""
        headers = self.headers
        counted = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        return self.status != 0 and not counted

    # Called by httptools

    def on_message_begin(self) -> None:
        """First byte of an answer.

        Raises:
            BufferError: the answer is unsolicited; its body must not be added to the previous one.
        """
        self.excess = self.over
        if self.over:
            raise BufferError

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer."""
        if self.status:
            return  # a trailer, which no Result needs
        key = _names.get(name) or _lowered(name)
        text = value.decode("latin-1").rstrip()
        headers = self.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """End of the head."""
        status = self._parser.get_status_code()
        if status >= 200 or status == 101:
            self.status = status
            version = self._parser.get_http_version()
            self.http_version = f"HTTP/{version}"
            coding = self.headers.get("transfer-encoding", "chunked")
            self._odd = version not in _VERSIONS or coding.lower() != "chunked" or status == 101
        else:
            self._odd = status < 100
            self.headers = {}

    def on_message_complete(self) -> None:
        """End of an answer or of an interim answer (1xx)."""
        if self.status:
            self.over = True
            # The parser resets it after the message.
            self.keep = self._parser.should_keep_alive()


def _disposed(_data: bytes) -> None:
    """Nothing is read of a closed connection."""


def read_failure(error: Exception, *, headed: bool) -> Failure:
    """The failure that an exception raised while reading an answer means.

    Args:
        error: what was raised.
        headed: whether the head of the answer had been read.
    """
    if isinstance(error, HeadError):
        return Failure(Outcome.MALFORMED, str(error), FailureReason.NOT_HTTP)
    if isinstance(error, HttpParserError):
        return failures.misframed(headed=headed)
    if isinstance(error, ssl.SSLError):
        return failures.tls_broken(failures.tls_words(error), headed=headed)
    return Failure(Outcome.PROBER_ERROR, f"{type(error).__name__}: {error}")


def _lowered(name: bytes) -> str:
    lowered = name.decode("latin-1").lower()
    if len(_names) < _MAX_KNOWN_NAMES:
        _names[name] = lowered
    return lowered
