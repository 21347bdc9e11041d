"""OpenAI images: the answer is an image, as base64 or as a URL.

The text of an answer describes the image (`image/png, 1,234 bytes`), so that a check can look at its type.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import STRANGE, Delta, Dialect, media, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


class _Image(msgspec.Struct, gc=False):
    b64_json: str | None = None
    url: str | None = None


class _Answer(msgspec.Struct, gc=False):
    data: list[_Image] | None = None
    usage: Any = None


def encode(call: Call) -> Request:
    """The request for one image from the last message; `extra_body` may set size and quality."""
    prompt = request.plain(call)[-1].content if call.messages else ""
    body = {"model": call.target.model, "prompt": prompt, "n": 1}
    return request.post(call, "/images/generations", body, stream=False)


def read_body(answer: _Answer) -> Delta:
    """A complete answer; it is valid if each image has the first bytes of a known format, or a URL."""
    if answer.data is None:
        return STRANGE
    seen = [_described(image) for image in answer.data]
    whole = bool(seen) and all(seen)
    return Delta("\n".join(text for text in seen if text) if whole else "", usage=answer.usage, answered=whole)


def _described(image: _Image) -> str | None:
    if image.b64_json:
        try:
            data = base64.b64decode(image.b64_json, validate=True)
        except (binascii.Error, ValueError):
            return None
        kind = media.image_type(data)
        return None if kind is None else f"{kind}, {len(data):,} bytes"
    return image.url if image.url and image.url.startswith(("http://", "https://")) else None


DIALECT = Dialect(
    name="openai-images",
    operation="image_generation",
    encode=encode,
    event=_Answer,
    read=read_body,
    body=_Answer,
    read_body=read_body,
    answer="data",
    streams=False,
)
