"""OpenAI speech: the answer is audio, sent as it is generated.

The text of an answer describes the audio (`audio/mpeg, 4,170 bytes`), so that a check can look at its type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import STRANGE, Delta, Dialect, media, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


class _Instead(msgspec.Struct, gc=False):
    """A JSON body instead of audio: an error."""

    error: Any = None


def encode(call: Call) -> Request:
    """The request to speak the last message; voice and format are `alloy` and mp3, or set by `extra_body`."""
    said = request.plain(call)[-1].content if call.messages else ""
    body = {"model": call.target.model, "input": said, "voice": "alloy", "response_format": "mp3"}
    return request.post(call, "/audio/speech", body, stream=False)


def read_body(_: _Instead) -> Delta:
    """JSON is never audio; the reader looks for an error in it."""
    return STRANGE


def read_media(data: bytes) -> Delta | None:
    """The audio; None if the bytes are not audio."""
    kind = media.sound_type(data)
    return None if kind is None else Delta(f"{kind}, {len(data):,} bytes", answered=True)


DIALECT = Dialect(
    name="openai-speech",
    operation="speech",
    encode=encode,
    event=_Instead,
    read=read_body,
    body=_Instead,
    read_body=read_body,
    read_media=read_media,
    answer="audio",
    streams=False,
)
