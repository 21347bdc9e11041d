"""Decodes Content-Encoding within bounds: aimon asks for `identity`, but some proxies compress all the same.

The first bytes of a body decide, not its headers: some servers name an encoding and send plain text (`none`, `utf-8`,
or `gzip` after a proxy has decoded it), and some compress without a header. Other encodings than gzip and deflate are
refused by name.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_INFLATED_BYTES = 16 << 20
# gzip inside gzip: a proxy that compressed what was compressed already.
_MAX_LAYERS = 3

GZIP = b"\x1f\x8b"
_COMPRESSED = frozenset(("br", "zstd", "compress", "x-compress", "dcb", "dcz", "lzma", "xz", "bzip2", "snappy", "lz4"))
# How an answer begins that nobody has compressed: as JSON, a page, or an event stream. Long enough for no accident.
_PLAIN = re.compile(rb'\s*(?:\{\s*"|\[\s*[{\]"]|<[!\w?]|:[ \w]|data:|event:|id:|retry:|error:)')
_ENOUGH = 8


class InflateError(ValueError):
    """The body is not what its Content-Encoding says, or too large, or encoded in a way aimon did not ask for."""


class UnreadError(InflateError):
    """The body is too large, or encoded in a way that is not read here; nothing says that it is broken."""


def inflater(encoding: str) -> Callable[[bytes], bytes] | None:
    """A function that decodes one body, chunk by chunk; None where there is nothing to undo.

    Args:
        encoding: the Content-Encoding header.

    Raises:
        InflateError: from the function, for a body that is broken, that is compressed in a way that aimon does not
            read, or that inflates to more than MAX_INFLATED_BYTES.
    """
    names = {name.strip().lower() for name in encoding.split(",")}
    if not names & (_COMPRESSED | {"gzip", "x-gzip", "deflate"}):
        return None  # identity, or no encoding at all: "none", "utf-8", "chunked"
    inflate = _Inflate(encoding, raw="deflate" in names, unread=bool(names & _COMPRESSED))
    return inflate.feed


class _Inflate:
    """One body, whose first two bytes say how it is compressed."""

    def __init__(self, encoding: str, *, raw: bool, unread: bool, layer: int = 1) -> None:
        self._encoding = encoding
        self._raw = raw
        self._unread = unread
        self._layer = layer
        self._head = b""
        self._stream: zlib._Decompress | None = None
        self._inner: _Inflate | None = None
        self._plain = False
        self._total = 0

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes, decoded."""
        if self._plain:
            return chunk
        if self._stream is None:
            chunk, self._head = self._head + chunk, b""
            if len(chunk) < (_ENOUGH if self._layer == 1 and not chunk.startswith(GZIP) else len(GZIP)):
                self._head = chunk
                return b""
            if not self._begin(chunk):
                self._plain = True
                return chunk
        data = self._members(chunk)
        if self._inner is None and self._layer < _MAX_LAYERS:
            self._inner = _Inflate(self._encoding, raw=False, unread=False, layer=self._layer + 1)
        return data if self._inner is None else self._inner.feed(data)

    def _begin(self, chunk: bytes) -> bool:
        """Whether the body is compressed, by its first bytes."""
        if chunk.startswith(GZIP):
            self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        elif self._layer > 1 or _PLAIN.match(chunk):
            return False
        elif chunk[0] & 0x0F == zlib.DEFLATED and int.from_bytes(chunk[:2]) % 31 == 0:
            self._stream = zlib.decompressobj(zlib.MAX_WBITS)
        elif self._unread:
            raise UnreadError(f"Content-Encoding {self._encoding!r}, though aimon asked for identity")
        elif self._raw:
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        else:
            raise InflateError(f"a body that is not {self._encoding}: it begins with {chunk[:16]!r}")
        return True

    def _members(self, chunk: bytes) -> bytes:
        """Decodes; a gzip body may have several members, one after the other."""
        parts: list[bytes] = []
        while chunk and self._stream is not None:
            try:
                parts.append(self._stream.decompress(chunk, MAX_INFLATED_BYTES - self._total + 1))
            except zlib.error as error:
                raise InflateError(f"a body that is not {self._encoding}: {error}") from error
            self._total += len(parts[-1])
            if self._total > MAX_INFLATED_BYTES:
                raise UnreadError(f"an answer of more than {MAX_INFLATED_BYTES >> 20} MiB")
            if not self._stream.eof:
                break
            chunk = self._stream.unused_data.lstrip(b"\x00")  # some pad what they send
            if not chunk.startswith(GZIP[: len(chunk)]):
                break
            self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        return parts[0] if len(parts) == 1 else b"".join(parts)
