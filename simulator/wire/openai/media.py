"""OpenAI images and speech: small, valid image and audio files."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import count_tokens
from aimon.simulator.wire import reading
from aimon.simulator.wire.shape import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SIDE = 8
# A silent frame of MPEG-1 layer III at 64 kbit/s and 44.1 kHz: 208 bytes, 26 ms.
_MP3_FRAME = b"\xff\xfb\x50\xc4" + bytes(204)
_WAV_SAMPLES = 441  # 10 ms of 44.1 kHz, 16 bits
IMAGE_TOKENS = 272
"""Output tokens of an image."""


def read_image(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses an image request."""
    prompt = reading.string(body, "prompt")
    return Call(path_model or reading.string(body, "model"), prompt, count_tokens(prompt))


def image(call: Call, created: int, *, empty: bool = False) -> dict[str, Any]:
    """The whole answer: a PNG whose colour depends on the prompt; with the fault `empty`, without an image."""
    colour = hashlib.sha256(call.prompt.encode()).digest()[:3]
    rows = b"".join(b"\x00" + colour * _SIDE for _ in range(_SIDE))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    usage = {
        "input_tokens": call.input_tokens,
        "output_tokens": IMAGE_TOKENS,
        "total_tokens": call.input_tokens + IMAGE_TOKENS,
    }
    data = [] if empty else [{"b64_json": base64.b64encode(png).decode()}]
    return {"created": created, "data": data, "usage": usage}


def read_speech(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses a speech request; each token of the text becomes a piece of audio."""
    said = reading.string(body, "input")
    reading.string(body, "voice")
    return Call(path_model or reading.string(body, "model"), said, count_tokens(said))


def speech(call: Call, form: str) -> Iterator[bytes]:
    """The pieces of audio, one for each token: mp3, or wav with an unknown length, as in streams."""
    if form == "wav":
        header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, 44100, 88200, 2, 16,
                             b"data", 0xFFFFFFFF)  # fmt: skip
        yield header + bytes(2 * _WAV_SAMPLES)
    for _ in range(call.input_tokens - (form == "wav")):
        yield bytes(2 * _WAV_SAMPLES) if form == "wav" else _MP3_FRAME


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
