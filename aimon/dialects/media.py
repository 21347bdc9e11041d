"""Recognises images and audio by their first bytes; a declared content type is not trusted."""

from __future__ import annotations

import re
from typing import Final

_IMAGES: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
)
_SOUNDS: Final = (
    # MPEG audio: an ID3 tag, or the sync word of a frame of layer III; ADTS has layer 0.
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), "audio/mpeg"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "audio/aac"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"fLaC"), "audio/flac"),
)
# Bytes of the beginning that the rules above look at.
ENOUGH: Final = 12


def image_type(data: bytes) -> str | None:
    """The media type of an image; None if it is unknown."""
    return next((kind for pattern, kind in _IMAGES if pattern.match(data)), None)


def sound_type(data: bytes) -> str | None:
    """The media type of audio; None if it is unknown (raw PCM has no header to recognise)."""
    return next((kind for pattern, kind in _SOUNDS if pattern.match(data)), None)
