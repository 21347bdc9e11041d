"""Content-Encoding, undone within bounds: aimon asks for `identity`, but some proxies compress all the same."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_INFLATED_BYTES = 16 << 20

# zlib's window argument: 16 + n reads gzip, n zlib.
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class InflateError(ValueError):
    """The body is not what its Content-Encoding says, or too large, or encoded in a way aimon did not ask for."""


def inflater(encoding: str) -> Callable[[bytes], bytes]:
    """A function that decodes one body, chunk by chunk.

    Args:
        encoding: the Content-Encoding header, other than "identity".

    Raises:
        InflateError: from the call for an encoding that aimon does not read; from the function for a body that
            is broken or inflates to more than MAX_INFLATED_BYTES.
    """
    window = _WINDOWS.get(encoding.strip().lower())
    if window is None:
        raise InflateError(f"Content-Encoding {encoding!r}, though aimon asked for identity")
    stream = zlib.decompressobj(window)
    total = 0

    def inflate(chunk: bytes) -> bytes:
        nonlocal total
        try:
            data = stream.decompress(chunk, MAX_INFLATED_BYTES - total + 1)
        except zlib.error as error:
            raise InflateError(f"a body that is not {encoding}: {error}") from error
        total += len(data)
        if total > MAX_INFLATED_BYTES:
            raise InflateError(f"an answer of more than {MAX_INFLATED_BYTES >> 20} MiB")
        return data

    return inflate
