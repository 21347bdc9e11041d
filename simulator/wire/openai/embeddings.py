"""OpenAI embeddings: vectors that depend only on the text."""

from __future__ import annotations

import base64
import math
import struct
from random import Random
from typing import TYPE_CHECKING, Any

from aimon.simulator.model.text import count_tokens
from aimon.simulator.wire import reading
from aimon.simulator.wire.shape import Call, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_DIMENSIONS = 4096


def read(body: Mapping[str, Any], path_model: str) -> Call:
    """Parses an embeddings request; `input` is a string or a list of strings."""
    model = path_model or reading.string(body, "model")
    given = body.get("input")
    inputs = [given] if isinstance(given, str) else given
    if not isinstance(inputs, list) or not inputs or not all(isinstance(i, str) for i in inputs):
        raise RequestError("'input' must be a string or a list of strings", "input")
    dimensions = reading.limit(body, "dimensions") or 64
    if dimensions > _MOST_DIMENSIONS:
        raise RequestError(f"'dimensions' must be at most {_MOST_DIMENSIONS}", "dimensions")
    return Call(
        model=model,
        inputs=inputs,
        input_tokens=sum(count_tokens(text) for text in inputs),
        dimensions=dimensions,
        base64=body.get("encoding_format") == "base64",
    )


def body(call: Call, *, empty: bool = False) -> dict[str, Any]:
    """The whole answer; with the fault `empty`, without vectors."""
    rows = [] if empty else [_row(index, text, call) for index, text in enumerate(call.inputs)]
    counts = {"prompt_tokens": call.input_tokens, "total_tokens": call.input_tokens}
    return {"object": "list", "data": rows, "model": call.model, "usage": counts}


def _row(index: int, text: str, call: Call) -> dict[str, Any]:
    vector = _vector(text, call.dimensions)
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if call.base64 else vector
    return {"object": "embedding", "index": index, "embedding": packed}


def _vector(text: str, dimensions: int) -> list[float]:
    """A unit vector seeded by the text (string seeds are hashed the same in every process)."""
    rng = Random(text)
    raw = [rng.gauss(0.0, 1.0) for _ in range(dimensions)]
    norm = math.sqrt(sum(x * x for x in raw))
    return [round(x / norm, 6) for x in raw]
