"""The answers of one connection, parsed: what httptools calls back, kept until the connection looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import HttpParserError, HttpResponseParser

from aimon.network.answer_head import MAX_HEAD_BYTES, AnswerHead

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_KNOWN_NAMES = 1024
_VERSIONS = ("1.1", "1.0")
_names: dict[bytes, str] = {}


class Response:
    """One answer after another.

    Attributes:
        feed: takes the next bytes; raises httptools' errors for what is not HTTP.
        status: of the final answer (1xx are read past); 0 until its head is complete.
        http_version: as the server gives it, such as `HTTP/1.1`; None until its head is complete.
        headers: lower-case names; what was sent twice is joined by commas.
        chunks: pieces of the body since they were last cleared.
        over: the answer is complete.
        keep: the connection may be used again, once the answer is over.
        excess: something came after the end of the answer that nobody asked for.
    """

    __slots__ = (
        "_head", "_odd", "_parser", "_seen", "chunks", "excess", "feed", "headers", "http_version", "keep", "on_body",
        "over", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        # Called straight from C for every chunk.
        self.on_body: Callable[[bytes], None] = self.chunks.append
        self.excess = False
        self._head: AnswerHead | None
        self.feed: Callable[[bytes], None]
        self._start()

    def next(self) -> None:
        """Gets ready for the answer to the next request."""
        self.status = 0
        self.http_version: str | None = None
        self.headers: dict[str, str] = {}
        self.over = self.keep = self._odd = False
        self._seen = b""

    def begin(self, data: bytes) -> None:
        """Takes bytes before there is a head, as `feed` does.

        Heads that this parser refuses, or takes and others do not, are read again as probes read all: put right.

        Raises:
            HeadError: what came is no HTTP.
        """
        if self._head is not None:
            self.feed(data)
            return
        self._seen += data
        try:
            self.feed(data)
        except HttpParserError:
            if self.status and not self._odd:
                raise  # it is the body that is wrong
            self._odd = True
        if self._odd or (not self.status and len(self._seen) > MAX_HEAD_BYTES):
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
        """Lets go of the parser, which holds this object as this object holds it."""
        del self._parser, self.feed

    @property
    def until_close(self) -> bool:
        """Whether the end of the connection is what ends the body."""
        headers = self.headers
        counted = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        return self.status != 0 and not counted

    # Called by the parser

    def on_message_begin(self) -> None:
        """The first byte of an answer.

        Raises:
            BufferError: of one that nobody asked for; the parser must not add its body to the one before.
        """
        self.excess = self.over
        if self.over:
            raise BufferError

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if self.status:
            return  # a trailer, after the body: nothing that a Result is made of
        key = _names.get(name) or _lowered(name)
        text = value.decode("latin-1").rstrip()
        headers = self.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """The end of the head."""
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
        """The end of the answer, or of an interim one."""
        if self.status:
            self.over = True
            # Asked now, since the parser forgets it with the end of the message.
            self.keep = self._parser.should_keep_alive()


def _lowered(name: bytes) -> str:
    lowered = name.decode("latin-1").lower()
    if len(_names) < _MAX_KNOWN_NAMES:
        _names[name] = lowered
    return lowered
