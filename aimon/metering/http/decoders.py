"""Decodes br and zstd, which SDKs accept where the libraries for them are installed, in pieces of bounded size.

`aimon.exchange.inflate` decodes gzip and deflate. Where no library decodes within bounds, the answer is left unread.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from aimon.exchange.inflate import MAX_INFLATED_BYTES, InflateError, UnreadError

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE: Final = 1 << 20
_TOO_LARGE: Final = f"an answer of more than {MAX_INFLATED_BYTES >> 20} MiB"


def decoder(encoding: str) -> Callable[[bytes], bytes] | None:
    """A function that decodes one body, chunk by chunk; None for an encoding that is not decoded here.

    Raises:
        InflateError: from the function, for a broken body.
        UnreadError: from the function, for one that is too large.
    """
    make = _DECODERS.get(encoding.strip().lower())
    return None if make is None else make()


def _brotli() -> Callable[[bytes], bytes] | None:
    try:
        brotli: Any = import_module("brotli")
        stream = brotli.Decompressor()
        can_accept_more = stream.can_accept_more_data  # from 1.2 on, which can bound what it gives
    except (ImportError, AttributeError):
        return None
    total = 0

    def feed(chunk: bytes) -> bytes:
        nonlocal total
        parts = []
        try:
            parts.append(stream.process(chunk, output_buffer_limit=_PIECE))
            total += len(parts[-1])
            while not can_accept_more() and total <= MAX_INFLATED_BYTES:
                parts.append(stream.process(b"", output_buffer_limit=_PIECE))
                total += len(parts[-1])
        except brotli.error as error:
            raise InflateError(f"a body that is not br: {error}") from error
        if total > MAX_INFLATED_BYTES:
            raise UnreadError(_TOO_LARGE)
        return b"".join(parts)

    return feed


def _zstd() -> Callable[[bytes], bytes] | None:
    try:
        zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        return None
    stream = zstd.ZstdDecompressor()
    total = 0

    def feed(chunk: bytes) -> bytes:
        nonlocal total, stream
        parts = []
        try:
            while chunk or not (stream.eof or stream.needs_input):
                if stream.eof:
                    stream = zstd.ZstdDecompressor()  # another frame
                parts.append(stream.decompress(chunk, _PIECE))
                total += len(parts[-1])
                if total > MAX_INFLATED_BYTES:
                    raise UnreadError(_TOO_LARGE)
                chunk = stream.unused_data if stream.eof else b""
        except zstd.ZstdError as error:
            raise InflateError(f"a body that is not zstd: {error}") from error
        return b"".join(parts)

    return feed


_DECODERS: Final = {"br": _brotli, "zstd": _zstd}
