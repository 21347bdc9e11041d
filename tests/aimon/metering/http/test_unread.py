"""Answers that pass unread: too large, or encoded as nothing here decodes."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import brotli  # type: ignore[import-untyped]
import pytest

from aimon.metrics import definitions
from canned_http import ASKED, DONE, STOP, STREAM, TEXT, USAGE, Canned, Client, Got

if TYPE_CHECKING:
    from metered import Metered


def _bomb(encoding: str) -> bytes:
    """More than is read of an answer; for an encoding that nobody reads, its first bytes."""
    data = b'{"choices": [' + b" " * (17 << 20)
    if encoding == "br":
        made: bytes = brotli.compress(data, quality=1)
        return made
    return gzip.compress(data, 1) if encoding == "gzip" else b"\x28\xb5\x2f\xfd" + data[:99]


def _call(answer: Canned, body: Any = STREAM) -> Got:
    return Client("httpx2", "sync", lambda: answer, {}).post(body)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "unheard-of"])
def test_what_is_not_read_is_unknown_and_no_fault(metered: Metered, encoding: str) -> None:
    """A bomb, or an encoding without a decoder here: the call succeeded, its tokens are not known."""
    sent = _bomb(encoding)
    got = _call(Canned([sent], headers={"content-encoding": encoding}), ASKED)
    assert got.chunks == [sent]
    if encoding == "unheard-of":  # no encoding that anybody knows is read as it is
        assert metered.outcomes() == {"malformed": 1}
        return
    assert metered.outcomes() == {"ok": 1}
    assert metered.total(definitions.OUTPUT_TOKENS) == 0
    assert metered.total(definitions.UNPRICED_CALLS) == 1


def test_an_event_larger_than_is_read(metered: Metered) -> None:
    """An image in an event, say: the stream passes, and its tokens are not known."""
    chunks = [TEXT, b'data: {"image": "', *[b"x" * 300_000] * 5, b'"}\n\n', STOP, USAGE, DONE]
    got = _call(Canned(chunks))
    assert got.chunks == chunks
    assert metered.outcomes() == {"ok": 1}
    assert metered.total(definitions.OUTPUT_TOKENS) == 0
