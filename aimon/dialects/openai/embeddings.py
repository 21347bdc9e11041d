"""OpenAI embeddings: the answer is a list of complete vectors."""

from __future__ import annotations

import base64
import math
import struct
from typing import TYPE_CHECKING, Any

import msgspec

from aimon.dialects import STRANGE, Delta, Dialect, request

if TYPE_CHECKING:
    from aimon.call.call import Call, Request


class _Vector(msgspec.Struct, gc=False):
    embedding: list[float] | str


class _Body(msgspec.Struct, gc=False):
    data: list[_Vector] | None = None
    model: str | None = None
    usage: Any = None


def encode(call: Call) -> Request:
    """The request: every message is one input."""
    body = {
        "model": call.target.model,
        "input": [message.content for message in request.plain(call)],
        "encoding_format": "float",
    }
    return request.post(call, "/embeddings", body, stream=False)


def read_body(answer: _Body) -> Delta:
    """A complete answer; it is valid if every vector is non-empty and has only finite numbers."""
    if answer.data is None:
        return STRANGE
    usage = answer.usage
    return Delta(
        # Some servers omit output tokens, of which embeddings have none.
        usage={"completion_tokens": 0, **usage} if isinstance(usage, dict) else usage,
        answered=bool(answer.data) and all(_whole(vector.embedding) for vector in answer.data),
        model=answer.model,
    )


def _whole(vector: list[float] | str) -> bool:
    if isinstance(vector, str):
        try:
            packed = base64.b64decode(vector, validate=True)
            vector = list(struct.unpack(f"<{len(packed) // 4}f", packed))
        except (ValueError, struct.error):
            return False
    return bool(vector) and all(map(math.isfinite, vector))


DIALECT = Dialect(
    name="openai-embeddings",
    operation="embeddings",
    encode=encode,
    event=_Body,
    read=read_body,
    body=_Body,
    read_body=read_body,
    answer="data",
    streams=False,
)
